//! Finds texts for people in the console's source: what stands in a view, in an attribute that is read, or reads like a sentence. A small
//! reader of Rust's string literals, no parser: it knows comments, attributes, characters and strings, and looks at what stands before one.

/// Attributes and properties whose value a person reads or hears.
const READ: [&str; 13] =
    ["aria-label", "data-label", "title", "label", "help", "placeholder", "caption", "term", "lead", "legend", "abbr", "alt", "none"];

/// Functions that put their first argument on the page.
const SHOWING: [&str; 5] = ["Head::Text(", "Head::Number(", "Head::Unseen(", "crumb(", "Alert::new("];

/// What is no text of a language: names of our own, what is typed as it is, and examples of it.
const EXCEPTIONS: [&str; 13] = [
    "Keepstone",
    "keepstone import PATH",
    "keepstone user setup-link NAME",
    "--import-root FOLDER",
    "export.toml",
    "/var/lib/shop/shop.db",
    "Europe/Berlin",
    "deploy",
    "12h",
    "24h",
    "SQLite",
    "PostgreSQL",
    "Mac OS X",
];

/// Line and text of every literal that a person would read. Stops where the file's own tests begin.
pub(crate) fn human(source: &str) -> Vec<(usize, String)> {
    let source = source.split("\n#[cfg(test)]").next().unwrap_or_default().split("\n    #[cfg(test)]").next().unwrap_or_default();
    literals(source)
        .into_iter()
        .filter(|(start, text)| !EXCEPTIONS.contains(text) && has_letters(text) && !is_pattern(&source[start + text.len() + 2..]))
        .filter(|(start, text)| is_read(&source[..*start], text))
        .map(|(start, text)| (source[..start].lines().count(), text.to_owned()))
        .collect()
}

/// Letters outside of what is put into a format.
fn has_letters(text: &str) -> bool {
    let mut depth = 0;
    text.chars().any(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0 && c.is_alphabetic()
    })
}

/// An arm of a `match`.
fn is_pattern(after: &str) -> bool {
    let after = after.trim_start();
    after.starts_with("=>") || after.starts_with("| ")
}

fn is_read(before: &str, text: &str) -> bool {
    let before = before.trim_end();
    if before.ends_with('>') && !before.ends_with("=>") && !before.ends_with("->") || before.ends_with(['}', '"']) || opens_view(before) {
        return true;
    }
    if let Some(named) = before.strip_suffix('=') {
        let start = named.rfind(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')).map_or(0, |at| at + 1);
        return READ.contains(&&named[start..]);
    }
    let sentence = text.starts_with(char::is_uppercase) && text.contains(' ');
    SHOWING.iter().any(|call| before.ends_with(call)) || sentence && !before.ends_with("expect(")
}

fn opens_view(before: &str) -> bool {
    before.strip_suffix('{').is_some_and(|rest| rest.trim_end().ends_with("view!"))
}

/// Start and content of each string literal, comments and attributes left out.
fn literals(source: &str) -> Vec<(usize, &str)> {
    let (bytes, mut at, mut found) = (source.as_bytes(), 0, Vec::new());
    while at < bytes.len() {
        let rest = &source[at..];
        at += if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("#[") || rest.starts_with("#![") {
            attribute(rest)
        } else if rest.starts_with('\'') {
            character(rest)
        } else if rest.starts_with("r\"") || rest.starts_with("r#") {
            let fence = rest[1..].find('"').unwrap_or(0);
            let end = format!("\"{}", "#".repeat(fence));
            // Raw ones are drawings and code; their words come from elsewhere.
            rest[fence + 2..].find(&end).map_or(rest.len(), |length| fence + 2 + length + end.len())
        } else if rest.starts_with('"') {
            let length = string(rest);
            found.push((at, &rest[1..length - 1]));
            length
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
    }
    found
}

/// How long the string literal is that begins here.
fn string(rest: &str) -> usize {
    let mut escaped = true;
    for (at, c) in rest.char_indices() {
        match c {
            '"' if !escaped => return at + 1,
            '\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// A character, or the quote of a lifetime.
fn character(rest: &str) -> usize {
    let inner = rest[1..].chars().next().unwrap_or(' ');
    let length = if inner == '\\' { rest[3..].find('\'').map_or(1, |end| end + 3) } else { 1 + inner.len_utf8() };
    if rest[length..].starts_with('\'') { length + 1 } else { 1 }
}

fn attribute(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest.as_bytes()[at] {
            b'[' => depth += 1,
            b']' if depth == 1 => return at + 1,
            b']' => depth -= 1,
            b'"' => at += string(&rest[at..]) - 1,
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

#[test]
fn a_text_is_told_from_a_name() {
    let source = r#"
        //! "A comment is none."
        #[expect(lint, reason = "Nor is a reason.")]
        view! {
            <p class="muted" title="Read aloud">"Seen"</p>
            <input name="db" placeholder=words::x()/>
            {count}" at the end"
        }
        let mark = match c { '"' => {} "good" => "class of ours", _ => "" };
        Err(AppError::invalid("typed", "Type it."))
        Head::Text("Kind")
    "#;
    let texts: Vec<String> = human(source).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["Read aloud", "Seen", " at the end", "Type it.", "Kind"]);
}
