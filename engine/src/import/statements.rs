//! A script in single statements, as they come: a semicolon ends one, but not within quotes, comments or the body of a trigger.

use std::io::{self, BufRead, BufReader, Read};

/// A statement that is longer is refused: it is held in memory.
pub(super) const LONGEST_BYTES: usize = 256 << 20;

/// What a statement has been so far, as far as its end depends on it. <https://www.sqlite.org/c3ref/complete.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Plain,
    /// After CREATE, perhaps with TEMP.
    Create,
    /// In the body of a trigger.
    Trigger,
    /// There, behind a semicolon.
    Behind,
    /// There, at an END behind a semicolon: the next semicolon ends it.
    End,
}

pub(super) struct Statements<R> {
    script: BufReader<R>,
    lines: u64,
    begun: bool,
}

impl<R: Read> Statements<R> {
    pub(super) fn new(script: R) -> Self {
        Self { script: BufReader::with_capacity(256 << 10, script), lines: 1, begun: false }
    }

    /// The line that was read last.
    pub(super) fn line(&self) -> u64 {
        self.lines
    }

    /// The next statement with its semicolon; none at the end. What is left there without a semicolon is `InvalidData`.
    pub(super) fn next(&mut self) -> io::Result<Option<String>> {
        let mut text: Vec<u8> = Vec::new();
        let mut stage = Stage::Start;
        while let Some(byte) = self.byte(&mut text)? {
            let from = text.len() - 1;
            match byte {
                b';' => match stage {
                    Stage::Start => text.clear(),
                    Stage::Trigger | Stage::Behind => stage = Stage::Behind,
                    Stage::Plain | Stage::Create | Stage::End => return self.text(text).map(Some),
                },
                b'\'' | b'"' | b'`' => {
                    self.until(byte, &mut text)?;
                    stage = after(stage, b"");
                }
                b'[' => {
                    self.until(b']', &mut text)?;
                    stage = after(stage, b"");
                }
                b'-' if self.peek()? == Some(b'-') => self.until_or_end(b'\n', &mut text)?,
                b'/' if self.peek()? == Some(b'*') => self.comment(&mut text)?,
                _ if byte.is_ascii_whitespace() => {}
                _ if is_word(byte) => {
                    while self.peek()?.is_some_and(is_word) {
                        self.byte(&mut text)?;
                    }
                    stage = after(stage, &text[from..]);
                }
                _ => stage = after(stage, b""),
            }
        }
        match stage {
            Stage::Start => Ok(None),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it ends in the midst of a statement")),
        }
    }

    fn text(&self, text: Vec<u8>) -> io::Result<String> {
        String::from_utf8(text).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("it is not UTF-8 near line {}", self.lines)))
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.script.fill_buf()?.first().copied())
    }

    fn byte(&mut self, text: &mut Vec<u8>) -> io::Result<Option<u8>> {
        if !self.begun {
            self.begun = true;
            // A mark of the order of bytes, which UTF-8 does not need.
            if self.script.fill_buf()?.starts_with(&[0xef, 0xbb, 0xbf]) {
                self.script.consume(3);
            }
        }
        let Some(byte) = self.peek()? else { return Ok(None) };
        self.script.consume(1);
        self.lines += u64::from(byte == b'\n');
        if text.len() >= LONGEST_BYTES {
            let reason = format!("a statement is longer than {} MB; `sqlite3` may load it", LONGEST_BYTES >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        text.push(byte);
        Ok(Some(byte))
    }

    /// Up to and with `end`. What is doubled within quotes ends them and begins them again, which comes to the same.
    fn until(&mut self, end: u8, text: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let buffer = self.script.fill_buf()?;
            if buffer.is_empty() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it ends in the midst of a text"));
            }
            let stop = buffer.iter().position(|&byte| byte == end);
            let length = stop.map_or(buffer.len(), |at| at + 1);
            if text.len() + length > LONGEST_BYTES {
                let reason = format!("a statement is longer than {} MB; `sqlite3` may load it", LONGEST_BYTES >> 20);
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            text.extend_from_slice(&buffer[..length]);
            self.lines += buffer[..length].iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
            self.script.consume(length);
            if stop.is_some() {
                return Ok(());
            }
        }
    }

    fn until_or_end(&mut self, end: u8, text: &mut Vec<u8>) -> io::Result<()> {
        while let Some(byte) = self.byte(text)? {
            if byte == end {
                break;
            }
        }
        Ok(())
    }

    fn comment(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        self.byte(text)?;
        let mut before = 0;
        while let Some(byte) = self.byte(text)? {
            if before == b'*' && byte == b'/' {
                return Ok(());
            }
            before = byte;
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "it ends in the midst of a comment"))
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn after(stage: Stage, word: &[u8]) -> Stage {
    let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
    match stage {
        Stage::Start if is("create") => Stage::Create,
        Stage::Create if is("temp") || is("temporary") => Stage::Create,
        Stage::Create if is("trigger") => Stage::Trigger,
        Stage::Start | Stage::Plain | Stage::Create => Stage::Plain,
        Stage::Behind if is("end") => Stage::End,
        Stage::Trigger | Stage::Behind | Stage::End => Stage::Trigger,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(script: &[u8]) -> io::Result<Vec<String>> {
        let mut statements = Statements::new(script);
        std::iter::from_fn(|| statements.next().transpose()).collect()
    }

    #[test]
    fn semicolons_end_what_they_should() {
        let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = 'x;y'; SELECT CASE WHEN 1 THEN 2 END; END;";
        let statements =
            ["INSERT INTO a VALUES('it''s; a', \"b;\", [c;], `d;`);", "SELECT 1 -- ; no\n;", "SELECT /* ; */ 2;", trigger, "END;"];
        let found = all(format!("\u{feff};; {}", statements.join("\n")).as_bytes()).unwrap();
        assert_eq!(found.iter().map(|found| found.trim()).collect::<Vec<_>>(), statements);
        assert!(all(b"-- only a comment").unwrap().is_empty());
        for script in ["SELECT 1", "SELECT 'x;", "SELECT 1; /* x", "CREATE TRIGGER t BEGIN SELECT 1;"] {
            assert!(all(script.as_bytes()).is_err(), "{script}");
        }
        assert!(all(b"SELECT '\xff';").is_err());
    }

    proptest! {
        #[test]
        fn nothing_is_lost(script in "(;|'|\"|--|/|\\*|\\[|\\]|create|trigger|end|a|\n| ){0,40}") {
            if let Ok(found) = all(script.as_bytes()) {
                let length: usize = found.iter().map(String::len).sum();
                prop_assert!(length <= script.len());
            }
        }
    }
}
