//! A statement of a script while it grows: where it ends is told as psql tells it.

/// A statement while it grows.
#[derive(Default)]
pub(super) struct Growing {
    pub(super) text: Vec<u8>,
    /// Anything but space and comments.
    pub(super) begun: bool,
    /// Of parentheses: a rule has its commands in them.
    pub(super) depth: u32,
    /// Of `BEGIN ATOMIC` and of `CASE` within it, up to their `END`: such a body of a routine is no text.
    blocks: u32,
    /// The last two words outside of parentheses, in upper case.
    pub(super) words: [String; 2],
    /// The first ones.
    head: Vec<String>,
}

impl Growing {
    /// The first word, in upper case.
    pub(super) fn first(&self) -> &str {
        self.head.first().map(String::as_str).unwrap_or_default()
    }

    /// Whether a semicolon here is the end of it.
    pub(super) fn ends(&self) -> bool {
        self.depth == 0 && self.blocks == 0
    }

    /// Takes note of a word, in upper case; of one that is none that SQL knows by an empty one.
    pub(super) fn word(&mut self, word: &str) {
        if self.head.len() < 4 {
            self.head.push(word.to_owned());
        }
        if self.depth > 0 {
            return;
        }
        if self.makes_a_routine() {
            match word {
                "BEGIN" => self.blocks += 1,
                "CASE" if self.blocks > 0 => self.blocks += 1,
                "END" => self.blocks = self.blocks.saturating_sub(1),
                _ => {}
            }
        }
        self.other(word);
    }

    /// Something outside of parentheses that is no bare word.
    pub(super) fn other(&mut self, word: &str) {
        self.words = [std::mem::take(&mut self.words[1]), word.to_owned()];
    }

    fn makes_a_routine(&self) -> bool {
        let head: Vec<&str> = self.head.iter().map(String::as_str).collect();
        let ["CREATE", rest @ ..] = head.as_slice() else { return false };
        let rest = rest.strip_prefix(&["OR", "REPLACE"]).unwrap_or(rest);
        matches!(rest, ["FUNCTION" | "PROCEDURE", ..])
    }

    /// Whether a text that begins here knows escapes: `E'…'`.
    pub(super) fn is_escape_prefix(&self) -> bool {
        let mut back = self.text.iter().rev();
        matches!(back.next(), Some(b'e' | b'E')) && !back.next().is_some_and(|byte| is_word(*byte))
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}
