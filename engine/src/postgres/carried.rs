//! What a dump carries of the database itself: owner, settings, rights, limit, comment. `pg_restore` gives them only to a database that it makes under
//! the old name; here they are taken out of the table of contents, for a database of any name. Pure.

use super::{
    names::quoted,
    plain::{self, Piece},
    properties::{Sort, Statement},
    toc::Entry,
};

/// Of the database itself.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) statements: Vec<Statement>,
    /// As SQL has it, with its quotes.
    pub(super) comment: Option<String>,
    /// What is not understood, and so not given to a server.
    pub(super) unknown: Vec<String>,
}

/// Out of the table of contents of a dump.
pub(super) fn carried(entries: &[Entry]) -> Carried {
    let mut carried = Carried::default();
    for entry in entries.iter().filter(|entry| entry.is_of_the_database()) {
        if entry.kind == "DATABASE" {
            let owner = (!entry.owner.is_empty()).then(|| owner(&entry.owner));
            // Rights are those of its owner's database.
            carried.statements.splice(0..0, owner);
            continue;
        }
        let read = plain::read(&mut entry.definition.as_bytes(), &mut |piece| {
            if let Piece::Statement(statement) = piece {
                carried.take(statement);
            }
            Ok(())
        });
        if read.is_err() {
            carried.unknown.push(entry.name.clone());
        }
    }
    carried
}

fn owner(role: &str) -> Statement {
    let after = format!(" OWNER TO {}", quoted(role));
    Statement { before: "ALTER DATABASE ".to_owned(), after, sort: Sort::Right, role: Some(role.to_owned()) }
}

impl Carried {
    fn take(&mut self, statement: &str) {
        if let Some((_, comment)) = statement.strip_prefix("COMMENT ON DATABASE ").and_then(named) {
            // Ours say of a database that it may be removed.
            let text = comment.strip_prefix(" IS ").filter(|text| text.ends_with('\'') && !text.starts_with("'keepstone: "));
            match text.filter(|text| text.starts_with('\'') || text.starts_with("E'")) {
                Some(text) => self.comment = Some(text.to_owned()),
                None => self.unknown.push(statement.to_owned()),
            }
        } else if let Some(statement) = understood(statement) {
            self.statements.push(statement);
        } else if !["SET SESSION AUTHORIZATION ", "RESET SESSION AUTHORIZATION"].iter().any(|head| statement.starts_with(head)) {
            // Who gave a right is not kept: who restores gives it.
            self.unknown.push(statement.to_owned());
        }
    }
}

/// A name, and what follows it.
fn named(text: &str) -> Option<(String, &str)> {
    plain::identifier(text)
}

/// Only what `pg_dump` writes about a database: everything else in a dump has no business with the server at large.
fn understood(statement: &str) -> Option<Statement> {
    if let Some((_, after)) = statement.strip_prefix("ALTER DATABASE ").and_then(named) {
        let sort = match after {
            _ if after.starts_with(" SET ") => Sort::Setting,
            _ if after.starts_with(" CONNECTION LIMIT ") => Sort::Limit,
            _ => return None,
        };
        return Some(Statement { before: "ALTER DATABASE ".to_owned(), after: after.to_owned(), sort, role: None });
    }
    if let Some((role, rest)) = statement.strip_prefix("ALTER ROLE ").and_then(named) {
        let (_, after) = rest.strip_prefix(" IN DATABASE ").and_then(named)?;
        let before = format!("ALTER ROLE {} IN DATABASE ", quoted(&role));
        return after.starts_with(" SET ").then(|| Statement { before, after: after.to_owned(), sort: Sort::Setting, role: Some(role) });
    }
    // The rights are keywords, so the first of these words is the statement's.
    let (rights, rest) = statement.split_once(" ON DATABASE ")?;
    let is_plain = rights.chars().all(|char| char.is_ascii_uppercase() || matches!(char, ' ' | ','));
    let (_, after) = named(rest)?;
    let to = match rights.split(' ').next() {
        Some("GRANT") => after.strip_prefix(" TO "),
        Some("REVOKE") => after.strip_prefix(" FROM "),
        _ => None,
    };
    let (role, _) = to.filter(|_| is_plain).and_then(named)?;
    let role = Some(role).filter(|role| role != "public");
    Some(Statement { before: format!("{rights} ON DATABASE "), after: after.to_owned(), sort: Sort::Right, role })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: &str, name: &str, definition: &str) -> Entry {
        Entry {
            kind: kind.to_owned(),
            name: name.to_owned(),
            definition: definition.to_owned(),
            owner: "app".to_owned(),
            ..Entry::default()
        }
    }

    #[test]
    fn what_is_said_of_the_database_is_said_of_another() {
        let found = carried(&[
            entry("COMMENT", "DATABASE shop", "COMMENT ON DATABASE shop IS 'the; \"shop\"';\n"),
            entry(
                "DATABASE PROPERTIES",
                "shop",
                "ALTER DATABASE shop CONNECTION LIMIT = 33;\nALTER DATABASE shop SET search_path TO 's', 'public';\n\
                 ALTER ROLE \"r; o\" IN DATABASE shop SET work_mem TO '7MB';\nALTER DATABASE shop IS_TEMPLATE = true;\n",
            ),
            entry(
                "ACL",
                "DATABASE shop",
                "REVOKE CONNECT,TEMPORARY ON DATABASE shop FROM PUBLIC;\nGRANT CREATE ON DATABASE shop TO owner2 WITH GRANT OPTION;\n",
            ),
            entry("DATABASE", "shop", "CREATE DATABASE shop WITH TEMPLATE = template0;"),
            entry("ACL", "TABLE orders", "GRANT SELECT ON TABLE public.orders TO ro;"),
        ]);
        let said: Vec<String> = found.statements.iter().map(|statement| statement.of("n")).collect();
        assert_eq!(
            said,
            [
                "ALTER DATABASE \"n\" OWNER TO \"app\"",
                "ALTER DATABASE \"n\" CONNECTION LIMIT = 33",
                "ALTER DATABASE \"n\" SET search_path TO 's', 'public'",
                "ALTER ROLE \"r; o\" IN DATABASE \"n\" SET work_mem TO '7MB'",
                "REVOKE CONNECT,TEMPORARY ON DATABASE \"n\" FROM PUBLIC",
                "GRANT CREATE ON DATABASE \"n\" TO owner2 WITH GRANT OPTION",
            ]
        );
        assert_eq!(found.comment.as_deref(), Some("'the; \"shop\"'"));
        assert_eq!(found.unknown, ["ALTER DATABASE shop IS_TEMPLATE = true"]);
        let roles: Vec<_> = found.statements.iter().filter_map(|statement| statement.role.as_deref()).collect();
        assert_eq!(roles, ["app", "r; o", "owner2"]);
    }

    #[test]
    fn nothing_else_reaches_the_server() {
        for hostile in [
            "ALTER ROLE postgres SUPERUSER",
            "ALTER ROLE x SET search_path TO y",
            "ALTER DATABASE shop OWNER TO mallory",
            "DROP DATABASE other",
            "CREATE ROLE x SUPERUSER",
            "GRANT pg_read_all_data TO x; -- ON DATABASE shop",
            "GRANT 'a' ON DATABASE shop TO x",
        ] {
            let found = carried(&[entry("DATABASE PROPERTIES", "shop", hostile)]);
            assert!(found.statements.is_empty() && !found.unknown.is_empty(), "{hostile}: {found:?}");
        }
    }
}
