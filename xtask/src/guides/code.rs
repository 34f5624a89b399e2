//! The code in a page, which is that of files that are compiled.
//!
//! `<!-- include FILE:ANCHOR … -->` before a fence says what the fence holds: files, from the root of the workspace on, or
//! what stands in them between `ANCHOR: NAME` and `ANCHOR_END: NAME`, with an empty line between one and the next.

/// Returns a page with its code as it is in the files, and how many there are; else what is wrong, each with its line.
pub(super) fn renewed(
    page: &str,
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<(String, usize), Vec<(usize, String)>> {
    let (mut renewed, mut count, mut complaints) = (String::with_capacity(page.len()), 0, Vec::new());
    let mut lines = (1..).zip(page.lines());
    while let Some((number, line)) = lines.next() {
        renewed.extend([line, "\n"]);
        let Some(sources) = included(line) else { continue };
        let Some((_, fence)) = lines.next().filter(|(_, next)| next.starts_with("```")) else {
            complaints.push((number, "no fence follows".to_owned()));
            continue;
        };
        renewed.extend([fence, "\n"]);
        let mut blocks = Vec::new();
        for source in sources.split_whitespace() {
            count += 1;
            match excerpt_of(source, &read) {
                Ok(block) => blocks.push(block),
                Err(complaint) => complaints.push((number, format!("{source}: {complaint}"))),
            }
        }
        renewed.extend([&blocks.join("\n"), "```\n"]);
        if lines.find(|(_, line)| line.starts_with("```")).is_none() {
            complaints.push((number, "the fence has no end".to_owned()));
        }
    }
    if complaints.is_empty() { Ok((renewed, count)) } else { Err(complaints) }
}

/// Returns what a comment says that the fence after it holds.
pub(super) fn included(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- include ")?.strip_suffix(" -->")
}

fn excerpt_of(source: &str, read: impl Fn(&str) -> Result<String, String>) -> Result<String, String> {
    let (file, anchor) = source.split_once(':').map_or((source, None), |(file, anchor)| (file, Some(anchor)));
    excerpt(&read(file)?, anchor)
}

/// Returns the whole of a text, or what stands at an anchor, without what all of its lines are indented by.
fn excerpt(text: &str, anchor: Option<&str>) -> Result<String, String> {
    let lines: Vec<_> = text.lines().collect();
    let marked = |marker: &str, anchor: &str| -> Vec<usize> {
        let marks = |line: &str| line.split_once(marker).is_some_and(|(_, name)| name.trim() == anchor);
        (0..lines.len()).filter(|&number| marks(lines[number])).collect()
    };
    let within = match anchor {
        None => &lines[..],
        Some(anchor) => match (&marked("ANCHOR:", anchor)[..], &marked("ANCHOR_END:", anchor)[..]) {
            ([start], [end]) if start + 1 < *end => &lines[start + 1..*end],
            ([], _) => return Err("no such anchor".to_owned()),
            _ => return Err("an anchor starts once and ends once, with text between".to_owned()),
        },
    };
    let shown = within.iter().filter(|line| !line.contains("ANCHOR:") && !line.contains("ANCHOR_END:"));
    let shown: Vec<_> = shown.collect();
    let indented = shown.iter().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len());
    let indent = indented.min().unwrap_or_default();
    Ok(shown.iter().flat_map(|line| [line.get(indent..).unwrap_or_default(), "\n"]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "// ANCHOR: a\nfn f() {\n    // ANCHOR: b\n    let x = 1;\n\n    let y = 2;\n    // ANCHOR_END: b\n}\n// ANCHOR_END: a\n";

    fn read(file: &str) -> Result<String, String> {
        if file == "f.rs" { Ok(FILE.to_owned()) } else { Err("does not exist".to_owned()) }
    }

    #[test]
    fn code_is_what_stands_between_the_marks_without_them() {
        assert_eq!(excerpt(FILE, Some("b")).unwrap(), "let x = 1;\n\nlet y = 2;\n");
        assert_eq!(excerpt(FILE, Some("a")).unwrap(), excerpt(FILE, None).unwrap());
        assert_eq!(excerpt(FILE, None).unwrap(), "fn f() {\n    let x = 1;\n\n    let y = 2;\n}\n");
    }

    #[test]
    fn an_anchor_has_one_start_and_one_end() {
        assert_eq!(excerpt(FILE, Some("c")).unwrap_err(), "no such anchor");
        assert!(excerpt("// ANCHOR: a\nx\n", Some("a")).is_err());
        assert!(excerpt("// ANCHOR: a\n// ANCHOR_END: a\n", Some("a")).is_err());
        assert!(excerpt("// ANCHOR: ab\nx\n// ANCHOR_END: ab\n", Some("a")).is_err());
    }

    #[test]
    fn code_that_is_old_is_replaced_and_the_rest_stays() {
        let page = "# A\n<!-- include f.rs:b f.rs:b -->\n```rust,ignore\nold\n```\nb\n```sh\nc\n```\n";
        let code = "let x = 1;\n\nlet y = 2;\n";
        let expected = page.replace("old\n", &format!("{code}\n{code}"));
        assert_eq!(renewed(page, read), Ok((expected.clone(), 2)));
        assert_eq!(renewed(&expected, read), Ok((expected, 2)));
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        for (page, expected) in [
            ("\n<!-- include g.rs -->\n```\n```\n", (2, "g.rs: does not exist")),
            ("<!-- include f.rs:c -->\n```\n```\n", (1, "f.rs:c: no such anchor")),
            ("<!-- include f.rs -->\ntext\n", (1, "no fence follows")),
            ("<!-- include f.rs -->\n```\n", (1, "the fence has no end")),
        ] {
            assert_eq!(renewed(page, read), Err(vec![(expected.0, expected.1.to_owned())]), "{page}");
        }
    }
}
