//! Which lines of SQLite's check tell of no damage.

use rusqlite::Connection;

/// A row that breaks a rule which was made after it; a full-text index that only the application's own functions could be asked about, or one that it has
/// to keep in line with another table itself and does not. All of its bytes are as the application left them, and a restore brings back just that.
pub(super) fn is_remark(connection: &Connection, line: &str) -> bool {
    is_of_a_value(line) || is_not_asked(line) || lags(connection, line)
}

/// Of a row that breaks a rule.
pub(super) fn is_of_a_value(line: &str) -> bool {
    let of_a_value =
        ["NULL", "NUMERIC", "TEXT"].iter().any(|kind| line.strip_prefix(kind).is_some_and(|rest| rest.starts_with(" value in ")));
    of_a_value || line.starts_with("non-") && line.contains(" value in ") || line.starts_with("CHECK constraint failed in ")
}

fn is_not_asked(line: &str) -> bool {
    line.starts_with("unable to validate the inverted index for ") && line.contains("SQL logic error")
}

/// FTS4 compares an index with the table that the text is in; of FTS5 SQLite does not ask that. <https://www.sqlite.org/fts3.html#_external_content_fts4_tables_>
fn lags(connection: &Connection, line: &str) -> bool {
    let Some(table) = line.strip_prefix("malformed inverted index for FTS4 table main.") else { return false };
    let sql = "SELECT sql FROM main.sqlite_schema WHERE type='table' AND name=?1";
    let sql = connection.prepare_cached(sql).and_then(|mut asked| asked.query_row([table], |row| row.get::<_, String>(0)));
    sql.is_ok_and(|sql| has_text_elsewhere(&sql))
}

/// Whether a `CREATE VIRTUAL TABLE` has an argument `content=…` that names a table.
fn has_text_elsewhere(sql: &str) -> bool {
    let (mut arguments, mut depth, mut quote) = (vec![String::new()], 0_u32, None);
    for c in sql.chars() {
        match (quote, c) {
            (Some(end), _) => quote = (c != end).then_some(end),
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 1 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        let begins = depth == 1 && c == '(' && quote.is_none();
        if let Some(argument) = arguments.last_mut().filter(|_| depth > 0 && !begins) {
            argument.push(c);
        }
    }
    arguments.iter().filter_map(|argument| argument.split_once('=')).any(|(name, value)| {
        let value = value.trim().trim_matches(['\'', '"', '`', '[', ']']);
        name.trim().eq_ignore_ascii_case("content") && !value.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_text_of_an_index_is_stands_in_its_arguments() {
        for elsewhere in [
            "CREATE VIRTUAL TABLE f USING fts4(content='docs', body)",
            "CREATE VIRTUAL TABLE \"f(a,b)\" USING FTS4(body, tokenize=unicode61 'x=(', Content=\"my docs\")",
            "CREATE VIRTUAL TABLE f USING fts4(content=docs)",
        ] {
            assert!(has_text_elsewhere(elsewhere), "{elsewhere}");
        }
        for own in [
            "CREATE VIRTUAL TABLE f USING fts4(body, content)",
            "CREATE VIRTUAL TABLE f USING fts4(content='', body)",
            "CREATE VIRTUAL TABLE \"f(content=docs)\" USING fts4(body, \"content=docs\")",
        ] {
            assert!(!has_text_elsewhere(own), "{own}");
        }
    }
}
