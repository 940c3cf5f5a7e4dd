//! Scripts as `pg_dump` writes them, and what is none.

use proptest::prelude::*;

use super::*;

fn pieces(script: &str) -> io::Result<(Vec<String>, Found)> {
    let mut pieces = Vec::new();
    let found = read(&mut script.as_bytes(), &mut |piece| {
        pieces.push(match piece {
            Piece::Statement(text) => text.to_owned(),
            Piece::Copy(text) => format!("copy: {text}"),
            Piece::Data(line) => format!("data: {}", String::from_utf8_lossy(line).trim_end()),
            Piece::EndOfData => "end".to_owned(),
        });
        Ok(())
    })?;
    Ok((pieces, found))
}

#[test]
fn statements_and_data_are_told_apart() {
    let script = "--\n-- PostgreSQL database dump\n--\n-- Dumped from database version 15.8 (Debian)\n\\restrict abc123\n\nSET x = 'a;b';\n\
        CREATE FUNCTION f() RETURNS text AS $body$ SELECT ';$x$ \\! id'; $body$ LANGUAGE sql;\nSELECT E'it\\'s; \\\\', \"a;\"\"b\", $1; /* a ; /* b */ ; */;\n\
        COPY public.orders (id, \"from\") FROM stdin;\n1\t\\N\n2\tCOPY x FROM stdin;\n\\.\n\nCOPY audit.\"Lo\"\"g\" FROM stdin;\n\\.\nCOPY (SELECT 1 FROM stdin) TO stdout;\n\
        -- PostgreSQL database dump complete\n\\unrestrict abc123\n";
    let (pieces, found) = pieces(script).unwrap();
    assert_eq!(
        pieces,
        [
            "SET x = 'a;b'",
            "CREATE FUNCTION f() RETURNS text AS $body$ SELECT ';$x$ \\! id'; $body$ LANGUAGE sql",
            "SELECT E'it\\'s; \\\\', \"a;\"\"b\", $1",
            "copy: COPY public.orders (id, \"from\") FROM stdin",
            "data: 1\t\\N",
            "data: 2\tCOPY x FROM stdin;",
            "end",
            "copy: COPY audit.\"Lo\"\"g\" FROM stdin",
            "end",
            "COPY (SELECT 1 FROM stdin) TO stdout",
        ]
    );
    assert_eq!(found.counts, BTreeMap::from([("orders".to_owned(), 2), ("audit.\"Lo\"\"g\"".to_owned(), 0)]));
    assert!(found.complete);
    let blocks: Vec<_> = found.blocks.iter().map(|block| &script[usize::try_from(block.at).unwrap()..][..2]).collect();
    assert_eq!((blocks.as_slice(), found.inserts), (["1\t", "\\."].as_slice(), 0));
    let named = copied("COPY audit.\"Lo\"\"g\" (id, \"from, to\", at) FROM stdin").unwrap();
    assert_eq!((named.table.as_str(), named.columns), ("Lo\"g", ["id", "from, to", "at"].map(str::to_owned).to_vec()));
    assert!(copied("COPY empty  FROM stdin").unwrap().columns.is_empty());
    assert_eq!(found.server_version, "15.8 (Debian)");
    assert_eq!(found.size_bytes, script.len() as u64);
}

/// As psql has it: not within parentheses, nor in the body of a routine that is no text.
#[test]
fn a_semicolon_is_not_always_an_end() {
    let rule = "CREATE RULE r AS ON INSERT TO v DO ALSO ( INSERT INTO a VALUES (new.x); DELETE FROM b WHERE (b.x = new.x);)";
    let function = "CREATE FUNCTION f(x integer) RETURNS integer LANGUAGE sql\n    BEGIN ATOMIC\n SELECT CASE WHEN (x > 1) THEN 1 ELSE 2 END;\n \
        SELECT \"begin\".\"case\" FROM \"begin\";\nEND";
    let procedure = "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC INSERT INTO a VALUES ((1)); END";
    let table = "CREATE TABLE function (\"end\" int, begin int, atomic int)";
    let script = [rule, function, procedure, table, "BEGIN", "COPY t FROM stdin"].map(|one| format!("{one};\n")).concat() + "1\n\\.\n";
    let (pieces, found) = pieces(&script).unwrap();
    assert_eq!(pieces, [rule, function, procedure, table, "BEGIN", "copy: COPY t FROM stdin", "data: 1", "end"]);
    assert_eq!((found.statements, found.inserts), (6, 0));
    for script in ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;", "CREATE RULE r AS ON INSERT TO v DO ALSO (SELECT 1; SELECT 2;"]
    {
        assert!(super::read(&mut script.as_bytes(), &mut |_| Ok(())).unwrap_err().to_string().contains("in the midst"), "{script}");
    }
}

#[test]
fn a_backslash_is_what_the_script_says_it_is() {
    let script = "SET standard_conforming_strings = off;\nSELECT 'it\\'s; \\\\';\nSET standard_conforming_strings = on;\nSELECT '\\';\n";
    let (pieces, _) = pieces(script).unwrap();
    assert_eq!((pieces.len(), pieces[1].as_str(), pieces[3].as_str()), (4, "SELECT 'it\\'s; \\\\'", "SELECT '\\'"));
}

#[test]
fn commands_of_psql_are_refused_wherever_they_stand() {
    for script in [
        "\\! rm -rf /\n",
        "SELECT 1 \\! id\n;",
        "SELECT 1; \\gexec\n",
        "\\connect one\n\\connect other\n",
        "SELECT 1 \\connect other\n",
        "\\restrict abc; \\! id\n",
        "\\restrict abc \\! id\n",
        "SELECT '\\'; \\! id\n",
        "COPY t FROM stdin;\n\\.\n\\! id\n",
        "COPY t FROM stdin; \\! id\n",
    ] {
        let error = pieces(script).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{script}");
    }
}

#[test]
fn what_breaks_off_is_not_whole() {
    for script in ["SELECT 1", "SELECT 'x", "SELECT $a$ x", "/* x", "COPY t FROM stdin;\n1\n", "COPY t FROM stdin;\n1", "SELECT \0;"] {
        assert!(pieces(script).is_err(), "{script}");
    }
    assert!(!pieces("SELECT 1;\n").unwrap().1.complete);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(script in "[ \\n;'\"$a-c\\\\\\-/*().eECOPYFROMstdin]{0,200}") {
        drop(pieces(&script));
    }
}
