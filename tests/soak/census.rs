//! What this process has.

use std::fs;

#[derive(Debug, Clone, Copy)]
pub struct Census {
    pub tasks: usize,
    pub descriptors: usize,
    pub children: usize,
    /// Memory that is really there.
    pub kib: u64,
}

impl Census {
    pub fn take() -> Self {
        Self {
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
            descriptors: open().len(),
            children: children(),
            kib: resident(),
        }
    }

    pub fn same_things(self, other: Self) -> bool {
        (self.tasks, self.descriptors, self.children) == (other.tasks, other.descriptors, other.children)
    }

    pub fn no_more_things_than(self, other: Self) -> bool {
        self.tasks <= other.tasks && self.descriptors <= other.descriptors && self.children <= other.children
    }
}

/// Returns what the open descriptors are of.
pub fn open() -> Vec<String> {
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten();
    // The directory itself is open while it is read, and is no link any more afterwards.
    links.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string())).collect()
}

/// Counts processes that were started here and are there in any state.
fn children() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let children = threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    children.map(|ids| ids.split_whitespace().count()).sum()
}

fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
