//! Tables for people: aligned, cut to the terminal's width, coloured only where a terminal shows it.

use unicode_width::UnicodeWidthChar;

use super::Output;

/// How a cell looks; the word in it says the same without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Warn,
    Bad,
    Dim,
}

impl Tone {
    /// The text in this tone, if colours are shown.
    pub(crate) fn paint(self, colour: bool, text: &str) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "31",
            Self::Dim => "2",
        };
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: printable(text.as_ref()), tone }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// A table under construction. A column whose head begins with `>` is aligned to the right.
#[derive(Debug)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// No column is cut below this.
const LEAST: usize = 8;

impl Table {
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Two columns without heads: what, and how it is.
    pub(crate) fn facts() -> Self {
        Self::new(&["", ""])
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn print(&self, out: &Output) {
        for line in self.lines(out.width, out.colour) {
            out.line(line);
        }
    }

    fn lines(&self, width: Option<usize>, colour: bool) -> Vec<String> {
        let head: Vec<Cell> = self.heads.iter().map(|head| Cell::toned(head.trim_start_matches('>'), Tone::Dim)).collect();
        let mut widths: Vec<usize> = vec![0; self.heads.len()];
        for row in std::iter::once(&head).chain(&self.rows) {
            for (column, cell) in widths.iter_mut().zip(row) {
                *column = (*column).max(columns(&cell.text));
            }
        }
        if let Some(available) = width {
            let gaps = 2 * widths.len().saturating_sub(1);
            while widths.iter().sum::<usize>() + gaps > available {
                let Some(widest) = widths.iter_mut().filter(|column| **column > LEAST).max() else { break };
                *widest -= 1;
            }
        }
        let line = |row: &Vec<Cell>| {
            let cells = row.iter().zip(&widths).zip(&self.heads).map(|((cell, &width), head)| {
                let text = cut(&cell.text, width);
                let space = " ".repeat(width.saturating_sub(columns(&text)));
                let text = cell.tone.paint(colour, &text);
                if head.starts_with('>') { format!("{space}{text}") } else { format!("{text}{space}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let headed = self.heads.iter().any(|head| !head.is_empty());
        headed.then_some(&head).into_iter().chain(&self.rows).map(line).collect()
    }
}

fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect();
    format!("{kept}…")
}

/// Without the control characters that a description or a table's name could send to the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || turns_text(c) { '\u{fffd}' } else { c }).collect()
}

/// What changes the direction of the text around it, so that a line reads as another: the embeddings, overrides, isolates and marks of Unicode's UAX #9.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_the_terminal_and_aligns() {
        let mut table = Table::new(&["NAME", ">SIZE"]);
        table.row(["shop".into(), "1.2 GB".into()]);
        table.row(["日本".into(), "9 B".into()]);
        assert_eq!(table.lines(None, false), ["NAME    SIZE", "shop  1.2 GB", "日本     9 B"]);
        table.row(["a-database-with-a-long-name".into(), Cell::toned("x", Tone::Bad)]);
        let lines = table.lines(Some(20), true);
        assert_eq!(lines[3], "a-database-…       \u{1b}[31mx\u{1b}[0m");
    }

    #[test]
    fn nothing_in_a_cell_reaches_the_terminal_as_a_command() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(printable("a\u{202e}gpj.exe\u{2066}\u{200f}"), "a\u{fffd}gpj.exe\u{fffd}\u{fffd}");
        assert_eq!(printable("שלום, 日本"), "שלום, 日本");
    }
}
