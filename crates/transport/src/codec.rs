//! Cutting bytes into lines.

use bytes::{Buf, Bytes, BytesMut};

use crate::Error;

/// How many bytes are read at once.
pub const READ_BYTES: usize = 64 << 10;

/// A buffer that is worth keeping for the next line is at most this large.
const KEEP_BYTES: usize = 256 << 10;

/// Cuts a stream of bytes into lines of bounded length.
///
/// Feed it through [`LineDecoder::buffer`], then take lines with [`LineDecoder::next_line`]. A line that is too long is
/// reported once and skipped up to its newline. A carriage return before the newline is dropped, and so are empty lines.
#[derive(Debug)]
pub struct LineDecoder {
    buffer: BytesMut,
    scanned: usize,
    limit: usize,
    skipping: bool,
    /// The memory behind the buffer is more than is worth keeping.
    is_large: bool,
}

impl LineDecoder {
    /// Creates a decoder for lines of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), scanned: 0, limit, skipping: false, is_large: false }
    }

    /// Returns the buffer to read into, with room for a read.
    pub fn buffer(&mut self) -> &mut BytesMut {
        if self.is_large && self.buffer.is_empty() {
            // It would be reused, and stay as large as the longest line there was.
            self.buffer = BytesMut::new();
            self.is_large = false;
        }
        self.buffer.reserve(READ_BYTES / 4);
        &mut self.buffer
    }

    /// Returns the next whole line.
    ///
    /// # Errors
    ///
    /// Once for each line that is longer than the limit.
    pub fn next_line(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(found) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) else {
                return self.no_newline();
            };
            let end = self.scanned + found;
            self.scanned = 0;
            if std::mem::take(&mut self.skipping) {
                self.buffer.advance(end + 1);
                continue;
            }
            let mut line = self.buffer.split_to(end + 1);
            line.truncate(end);
            if end > self.limit {
                return Err(Error::oversized(self.limit).with_beginning(&line));
            }
            if let Some(line) = trimmed(line) {
                return Ok(Some(line));
            }
        }
    }

    /// Returns what is left when the stream ends without a newline.
    ///
    /// # Errors
    ///
    /// If it is longer than the limit.
    pub fn last_line(&mut self) -> Result<Option<Bytes>, Error> {
        let rest = self.buffer.split();
        self.scanned = 0;
        match self.skipping {
            true => Ok(None),
            false => Ok(trimmed(rest)),
        }
    }

    fn no_newline(&mut self) -> Result<Option<Bytes>, Error> {
        self.scanned = self.buffer.len();
        self.is_large |= self.scanned > KEEP_BYTES;
        if self.skipping {
            self.buffer.clear();
            self.scanned = 0;
        } else if self.scanned > self.limit {
            self.skipping = true;
            let beginning = std::mem::take(&mut self.buffer);
            self.scanned = 0;
            return Err(Error::oversized(self.limit).with_beginning(&beginning));
        }
        Ok(None)
    }
}

fn trimmed(mut line: BytesMut) -> Option<Bytes> {
    while let Some(b'\r' | b' ' | b'\t') = line.last() {
        line.truncate(line.len() - 1);
    }
    (!line.is_empty()).then(|| line.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `text` in chunks of `step` bytes and returns the lines, `None` for an oversized one.
    fn lines(text: &[u8], step: usize, limit: usize) -> Vec<Option<String>> {
        let mut decoder = LineDecoder::new(limit);
        let mut found = Vec::new();
        for chunk in text.chunks(step) {
            decoder.buffer().extend_from_slice(chunk);
            loop {
                match decoder.next_line() {
                    Ok(Some(line)) => found.push(Some(String::from_utf8(line.to_vec()).unwrap())),
                    Ok(None) => break,
                    Err(error) => {
                        assert!(error.is_oversized() && error.beginning().starts_with(b"this line"));
                        found.push(None);
                    }
                }
            }
        }
        if let Some(line) = decoder.last_line().unwrap() {
            found.push(Some(String::from_utf8(line.to_vec()).unwrap()));
        }
        found
    }

    #[test]
    fn cuts_the_same_lines_however_the_bytes_arrive() {
        let text = b"one\r\n\n  \ntwo\nthis line is far too long\nthree\n\nfour";
        let expected = [Some("one"), Some("two"), None, Some("three"), Some("four")];
        for step in 1..text.len() {
            let found = lines(text, step, 10);
            assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), expected, "chunks of {step}");
        }
    }

    #[test]
    fn f180_a_line_is_not_copied() {
        let mut decoder = LineDecoder::new(100);
        decoder.buffer().extend_from_slice(b"one\ntwo\r\n");
        let start = decoder.buffer.as_ptr() as usize;
        let lines = [decoder.next_line().unwrap().unwrap(), decoder.next_line().unwrap().unwrap()];
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(lines.map(|line| line.as_ptr() as usize), [start, start + 4]);
    }

    #[test]
    fn an_endless_line_does_not_grow_the_buffer() {
        let mut decoder = LineDecoder::new(1000);
        let mut errors = 0;
        for _ in 0..1000 {
            decoder.buffer().extend_from_slice(&[b'x'; 1000]);
            errors += usize::from(decoder.next_line().is_err());
            assert!(decoder.buffer.len() <= 2000);
        }
        assert_eq!(errors, 1);
    }

    #[test]
    fn a_long_line_does_not_leave_a_large_buffer_behind() {
        let mut decoder = LineDecoder::new(16 << 20);
        for length in [8 << 20, 10, 10] {
            for chunk in vec![b'x'; length].chunks(READ_BYTES).chain([&b"\n"[..]]) {
                assert_eq!(decoder.next_line().unwrap(), None);
                decoder.buffer().extend_from_slice(chunk);
            }
            assert_eq!(decoder.next_line().unwrap().unwrap().len(), length);
        }
        assert!(decoder.buffer().capacity() <= 2 * KEEP_BYTES, "{}", decoder.buffer.capacity());
    }

    #[test]
    fn a_line_of_exactly_the_limit_passes() {
        assert_eq!(lines(b"this lines\nthis line is\n", 4, 10), [Some("this lines".to_owned()), None]);
    }
}
