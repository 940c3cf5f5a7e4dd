//! `LoopIn`: what it left, made to the letter of its document, and what becomes of it.

use std::path::Path;

use keepstone_model::{database::Engine, metadata::Form};
use serde_json::json;

use super::*;

/// Taken in by a database of PostgreSQL.
pub(super) const EXPECTED: &[&str] = &[
    "weekly 2025-08-18T01:00:00Z by loopin:  [] Good",
    "daily 2025-08-24T00:00:00Z by loopin:  [] Good",
    "manual 2025-08-24T12:30:22Z by loopin:  [] Good",
];

/// As `pg_dump $DATABASE_URL > file` writes it, version 15; `more` stands before its last lines.
pub(super) fn dump(orders: u32, more: &str) -> String {
    let rows = (1..=orders).fold(String::new(), |rows, n| format!("{rows}{n}\titem {n}\t\\N\n"));
    format!(
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict kq3Lw0\n\n-- Dumped from database version 15.14 (Debian 15.14-0+deb12u1)\n\
         -- Dumped by pg_dump version 15.14 (Debian 15.14-0+deb12u1)\n\nSET statement_timeout = 0;\nSET lock_timeout = 0;\n\
         SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\n\
         SET check_function_bodies = false;\n\nSET default_tablespace = '';\n\n--\n-- Name: orders; Type: TABLE; Schema: public; Owner: loopin\n--\n\n\
         CREATE TABLE public.orders (\n    id integer NOT NULL,\n    item character varying(80),\n    note text\n);\n\n\n\
         ALTER TABLE public.orders OWNER TO loopin;\n\n--\n-- Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: loopin\n--\n\n\
         COPY public.orders (id, item, note) FROM stdin;\n{rows}\\.\n\n\n\
         ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n\n\n{more}--\n-- PostgreSQL database dump complete\n--\n\n\
         \\unrestrict kq3Lw0\n\n"
    )
}

/// Dumps with their metadata, and the log that lies beside them.
pub(super) fn make(root: &Path) {
    for (number, (kind, time)) in
        [("daily", "20250824_020000"), ("weekly", "20250818_030000"), ("manual", "20250824_143022")].into_iter().enumerate()
    {
        let stem = format!("loopin_backup_{kind}_{time}");
        let text = dump(3 + u32::try_from(number).unwrap(), "");
        let metadata = json!({"backup_type": kind, "timestamp": time, "file_size": text.len(), "database": "loopin"});
        put(&root.join(format!("{stem}.sql")), text);
        put(&root.join(format!("{stem}.json")), metadata.to_string());
    }
}

/// A vault with a database of PostgreSQL that no server has to be there for.
pub(super) fn vault_of_a_server() -> (Fixture, DatabaseId) {
    let f = testing::vault();
    let database = testing::database_of(&f.vault, "loopin", Engine::Postgres, "postgresql://loopin@127.0.0.1:1/loopin");
    (f, database.id)
}

#[test]
fn its_dumps_are_taken_in_by_a_database_of_postgresql() {
    let (f, id) = vault_of_a_server();
    let root = f.dir.path().join("old");
    make(&root);
    let before = picture(&root);
    let report = imported(&f, &root, &id);
    assert_eq!(listed(&f), EXPECTED, "{report:?}");
    assert_eq!(picture(&root), before);
    let again = imported(&f, &root, &id);
    assert_eq!(again.counts(), (0, 3, 0, 0), "{again:?}");
    let backup = backups::list(&f.vault, &BackupFilter::default())
        .unwrap()
        .backups
        .into_iter()
        .find(|b| b.kind == keepstone_model::id::Kind::Daily)
        .unwrap();
    let archive = f.vault.open_archive(&f.vault.archive_path(&backup.id)).unwrap();
    let metadata = archive.metadata();
    assert_eq!(
        (archive.form(), metadata.table_counts.get("orders"), metadata.schema["orders"].columns[1].declared_type.as_str()),
        (Form::Sql, Some(&3), "character varying(80)")
    );
    let source = metadata.source.postgres.as_ref().unwrap();
    assert_eq!(
        (source.server_version_num, source.client_version.as_str(), source.roles.as_slice()),
        (150_014, "15.14", ["loopin".to_owned()].as_slice())
    );
    let mut bytes = Vec::new();
    archive.extract(&mut bytes, Path::new("x"), keepstone_model::job::Step::Verify, &Silent).unwrap();
    assert_eq!(bytes, dump(3, "").as_bytes(), "to the byte");
}

#[test]
fn what_is_no_whole_dump_is_refused_with_its_reason() {
    let (f, id) = vault_of_a_server();
    let whole = dump(9, "");
    for (number, (text, code)) in [
        (whole[..whole.len() / 2].to_owned(), "damaged"),
        (dump(2, "\\! touch /tmp/owned\n"), "unsafe_script"),
        (dump(2, "SELECT 1 \\gexec\n"), "unsafe_script"),
        (dump(2, "").replace("'UTF8'", "'LATIN1'"), "damaged"),
        (dump(2, "\\connect one\n\\connect two\n"), "unsafe_script"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = f.dir.path().join(format!("loopin_backup_daily_2025082{number}_020000.sql"));
        put(&path, text);
        let report = imported(&f, &path, &id);
        let Outcome::Refused { code: found, reason, exit } = &report.files[0].outcome else { panic!("{report:?}") };
        assert_eq!((found.as_str(), *exit), (code, if code == "damaged" { 4 } else { 7 }), "{reason}");
    }
    // Packed, created by name, and cleaned before: all the same a whole one.
    let packed = f.dir.path().join("loopin_backup_weekly_20250820_020000.sql.gz");
    put(&packed, gzip(dump(5, "DROP TABLE IF EXISTS public.gone;\n\\connect loopin\n").as_bytes()));
    assert_eq!(imported(&f, &packed, &id).counts(), (1, 0, 0, 0));
    // Of the other engine
    let sqlite = f.dir.path().join("chame_backup_daily_20250627_020000.db");
    put(&sqlite, image(1));
    let report = imported(&f, &sqlite, &id);
    assert!(matches!(&report.files[0].outcome, Outcome::Refused { code, .. } if code == "other_engine"), "{report:?}");
}
