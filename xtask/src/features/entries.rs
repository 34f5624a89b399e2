//! `docs/features.txt`.
//!
//! ```text
//! ## A section
//!
//! F50, F52-F53: what users write
//!   the_name_of_a_test
//!   a_file.rs::the_name_of_a_test
//!   Anything else is a note, of one or more lines of Markdown.
//! ```

use std::fmt;

/// The name of a row, such as F14.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Row {
    pub(super) letter: char,
    pub(super) number: u16,
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.letter, self.number)
    }
}

impl Row {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut characters = text.chars();
        let letter = characters.next().filter(char::is_ascii_uppercase)?;
        Some(Self { letter, number: characters.as_str().parse().ok()? })
    }

    /// Returns this row and those up to another one of the same letter.
    pub(super) fn up_to(self, last: Self) -> impl Iterator<Item = Self> {
        (self.number..=last.number).map(move |number| Self { number, ..self })
    }
}

#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The rows as they were written.
    pub(super) label: String,
    pub(super) rows: Vec<Row>,
    pub(super) title: String,
    /// The names of tests that are not named after the row.
    pub(super) tests: Vec<String>,
    pub(super) note: String,
    pub(super) line: usize,
}

pub(super) fn parse(text: &str) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let complaint = |what: &str| format!("{}:{number}: {what}", super::SOURCE);
        if line.trim().is_empty() {
            continue;
        }
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(Section { title: title.to_owned(), entries: Vec::new() });
            continue;
        }
        let section = sections.last_mut().ok_or_else(|| complaint("there is no section yet"))?;
        if let Some(body) = line.strip_prefix("  ") {
            let entry = section.entries.last_mut().ok_or_else(|| complaint("there is no row yet"))?;
            entry.push(body.trim());
        } else {
            let entry = line.split_once(": ").and_then(|(label, title)| Entry::new(label, title, number));
            section.entries.push(entry.ok_or_else(|| complaint("no section, no `F1: …`, and not indented"))?);
        }
    }
    Ok(sections)
}

impl Entry {
    fn new(label: &str, title: &str, line: usize) -> Option<Self> {
        let rows = label.split(", ").map(rows).collect::<Option<Vec<_>>>()?.concat();
        Some(Self { label: label.to_owned(), rows, title: title.to_owned(), line, ..Self::default() })
    }

    fn push(&mut self, body: &str) {
        let is_name = |text: &str| text.chars().all(|character| character.is_alphanumeric() || character == '_');
        let (file, name) = body.rsplit_once("::").unwrap_or(("a.rs", body));
        // A word at the end of a note has a full stop, or is no name.
        if self.note.is_empty() && is_name(name) && file.ends_with(".rs") {
            self.tests.push(body.to_owned());
        } else {
            self.note.push_str(if self.note.is_empty() { "" } else { " " });
            self.note.push_str(body);
        }
    }
}

/// Reads `F1` or `F1-F3`.
fn rows(text: &str) -> Option<Vec<Row>> {
    match text.split_once('-') {
        None => Row::parse(text).map(|row| vec![row]),
        Some((first, last)) => {
            let (first, last) = (Row::parse(first)?, Row::parse(last)?);
            (first.letter == last.letter && first < last).then(|| first.up_to(last).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rows_tests_and_notes() {
        let text = "## One\n\nF1, F3-F5: a: b\n  works\n  c.rs::works\n  A note\n  of two\n\n## Two\nB2: c\n";
        let sections = parse(text).unwrap();
        let titles: Vec<_> = sections.iter().map(|section| (&section.title[..], section.entries.len())).collect();
        assert_eq!(titles, [("One", 1), ("Two", 1)]);
        let Entry { label, rows, title, tests, note, line } = &sections[0].entries[0];
        assert_eq!((&label[..], &title[..], &note[..], *line), ("F1, F3-F5", "a: b", "A note of two", 3));
        assert_eq!(rows.iter().map(Row::to_string).collect::<Vec<_>>(), ["F1", "F3", "F4", "F5"]);
        assert_eq!(*tests, ["works", "c.rs::works"]);
    }

    #[test]
    fn refuses_what_is_no_row() {
        for text in
            ["F1: a", "## A\n  b", "## A\nF: a", "## A\nf1: a", "## A\nF1 a", "## A\nF3-F1: a", "## A\nF1-B3: a"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
