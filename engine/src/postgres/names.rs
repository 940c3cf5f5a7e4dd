//! Names of a server's things: how they are quoted for it, and how tables are called in metadata. Pure.

/// As SQL wants it, whatever the name holds.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL wants it, under `standard_conforming_strings`.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// How a table is called in metadata: with its schema unless that is `public`, each quoted where SQL would need it. So no two tables share a
/// name, and each can be typed into psql.
pub(super) fn shown(schema: &str, table: &str) -> String {
    if schema == "public" { as_needed(table) } else { format!("{}.{}", as_needed(schema), as_needed(table)) }
}

fn as_needed(name: &str) -> String {
    let plain = |index: usize, char: char| char.is_ascii_lowercase() || char == '_' || (index > 0 && char.is_ascii_digit());
    if !name.is_empty() && name.chars().enumerate().all(|(index, char)| plain(index, char)) { name.to_owned() } else { quoted(name) }
}

/// The longest name that a server keeps whole.
pub(super) const NAME_MAX_BYTES: usize = 63;

/// A name with an ending, cut so that a server keeps it whole.
pub(super) fn with_ending(name: &str, ending: &str) -> String {
    let mut room = NAME_MAX_BYTES.saturating_sub(ending.len()).min(name.len());
    while !name.is_char_boundary(room) {
        room -= 1;
    }
    format!("{}{ending}", &name[..room])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tables_share_a_name() {
        for (schema, table, name) in [
            ("public", "orders", "orders"),
            ("audit", "log_2", "audit.log_2"),
            ("public", "audit.log", "\"audit.log\""),
            ("public", "Orders", "\"Orders\""),
            ("my schema", "a\"b", "\"my schema\".\"a\"\"b\""),
            ("public", "2fast", "\"2fast\""),
            ("public", "ünï", "\"ünï\""),
        ] {
            assert_eq!(shown(schema, table), name);
        }
        assert_eq!(quoted("a\"; DROP DATABASE x; --"), "\"a\"\"; DROP DATABASE x; --\"");
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let long = "ü".repeat(40);
        let cut = with_ending(&long, "_restored");
        assert!(cut.len() <= NAME_MAX_BYTES && cut.ends_with("ü_restored"), "{cut}");
        assert_eq!(with_ending("shop", "_x"), "shop_x");
    }
}
