//! The names in a statement of a script: of tables, and of what a COPY fills.

/// What `COPY schema.table (column, …) FROM stdin` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::postgres) struct Copied {
    pub(in crate::postgres) schema: String,
    pub(in crate::postgres) table: String,
    pub(in crate::postgres) columns: Vec<String>,
}

pub(in crate::postgres) fn copied(statement: &str) -> Option<Copied> {
    let (schema, table, rest) = qualified(statement.trim().get(4..)?)?;
    let mut columns = Vec::new();
    let mut rest = rest.trim_start().strip_prefix('(').unwrap_or_default().trim_start();
    while !rest.is_empty() && !rest.starts_with(')') {
        let (column, after) = identifier(rest)?;
        columns.push(column);
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    Some(Copied { schema, table, columns })
}

/// A table's name with its schema, and what follows it.
pub(in crate::postgres) fn qualified(text: &str) -> Option<(String, String, &str)> {
    let (first, rest) = identifier(text.trim_start())?;
    match rest.strip_prefix('.') {
        Some(rest) => identifier(rest).map(|(second, rest)| (first, second, rest)),
        None => Some(("public".to_owned(), first, rest)),
    }
}

pub(in crate::postgres) fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(rest) = text.strip_prefix('"') else {
        let end = text.find(|char: char| char.is_whitespace() || matches!(char, '.' | '(' | ',' | ')' | ';')).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_ascii_lowercase(), &text[end..]));
    };
    let mut name = String::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if char == '"' {
            if chars.peek().is_none_or(|(_, next)| *next != '"') {
                return Some((name, &rest[at + 1..]));
            }
            chars.next();
        }
        name.push(char);
    }
    None
}
