//! What the operating system says of this process.

/// What is known of the process; nothing where there is no `/proc`.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) resident_bytes: Option<f64>,
    pub(super) cpu_seconds: Option<f64>,
    pub(super) open_files: Option<f64>,
    pub(super) threads: Option<f64>,
}

/// How many ticks a second has in what Linux tells programs, on every architecture that Rust knows.
const TICKS: f64 = 100.0;

impl Process {
    pub(super) fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // One of them is the directory itself, while it is read.
        let open_files = std::fs::read_dir("/proc/self/fd").map(|files| files.count().saturating_sub(1) as f64).ok();
        Self {
            resident_bytes: member(&status, "VmRSS:").map(|kib| kib * 1024.0),
            cpu_seconds: cpu_seconds(&stat),
            open_files,
            threads: member(&status, "Threads:"),
        }
    }
}

fn member(status: &str, name: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// The name of the program stands in parentheses and may have any character in it.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_says() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 2 0 11 1 1";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(member("Name:\tx\nVmRSS:\t    2048 kB\n", "VmRSS:"), Some(2048.0));
        assert_eq!(cpu_seconds(""), None);
    }
}
