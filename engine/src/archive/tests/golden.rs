//! `metadata.json` as it stands in the file, letter by letter: a member that comes, goes or changes its form is seen in a review. One file for
//! each sort in `metadata/`; what is random is masked. After a change that is meant: `KEEPSTONE_WRITE_METADATA=1 cargo test … golden`.

use std::{collections::BTreeMap, env, fmt::Write as _, sync::Arc};

use keepstone_model::{
    backup::SuspectCause,
    coverage::{LeftOut, Reference, Rows, TablePattern},
    metadata::{Column, Form, Kdf, PostgresSource, Previous, Table},
};

use super::*;
use crate::keys::{Password, Stretched};

const ENCRYPTED: &str = "encrypted";

/// The text of the last entry: its name and 20 bytes of its Zip64 field stand before it, and that says how long it is.
fn text_of(archive: &Path) -> String {
    let (bytes, name) = (fs::read(archive).unwrap(), b"metadata.json");
    // Its name stands once more in the central directory, which is the last.
    let central = bytes.windows(name.len()).rposition(|window| window == name).unwrap();
    let extra = bytes[..central].windows(name.len()).rposition(|window| window == name).unwrap() + name.len();
    let size = u64::from_le_bytes(bytes[extra + 4..extra + 12].try_into().unwrap());
    let begin = extra + 20;
    String::from_utf8(bytes[begin..begin + usize::try_from(size).unwrap()].to_vec()).unwrap()
}

/// Random bytes, by their number.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let random =
            ["sealed", "salt", "wrap_salt", "wrapped", "slots_checksum"].iter().any(|name| line.contains(&format!("\"{name}\": \"")));
        if random {
            let (name, value) = line.split_once("\": \"").unwrap();
            let (hex, rest) = value.split_once('"').unwrap();
            assert!(hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)), "{line}");
            write!(out, "{name}\": \"<{} random bytes>\"{rest}", hex.len() / 2).unwrap();
        } else if line.contains("\"payload_hash\": \"") && text.contains("\"sealed\"") {
            out.push_str("  \"payload_hash\": \"<of random bytes>\",\n");
        } else {
            out.push_str(line);
        }
    }
    out
}

fn table(columns: &[(&str, &str)], row_count: u64) -> Table {
    let column = |&(name, declared_type): &(&str, &str)| Column { name: name.to_owned(), declared_type: declared_type.to_owned() };
    Table { columns: columns.iter().map(column).collect(), row_count }
}

fn sqlite(metadata: Metadata) -> Metadata {
    let schema = BTreeMap::from([
        ("orders".to_owned(), table(&[("id", "INTEGER"), ("what?", "")], 90)),
        ("Überweisungen".to_owned(), table(&[("cents", "INT")], 3)),
    ]);
    Metadata {
        table_counts: schema.iter().map(|(name, table)| (name.clone(), table.row_count)).collect(),
        total_records: 93,
        schema,
        app_label: Some("shop 2.1".to_owned()),
        migration_version: Some("0042_orders".to_owned()),
        origin: Some("cosmic-teams: cosmic_teams_20250101_020000".to_owned()),
        previous: Some(Previous { id: "shop_daily_20261119T030000Z_k3f8".parse().unwrap(), hash: "ab".repeat(32) }),
        source: Source {
            location: "/srv/shop/shop.db".to_owned(),
            host: "web-1".to_owned(),
            page_size: 4096,
            page_count: 2,
            journal_mode: "wal".to_owned(),
            encoding: "UTF-8".to_owned(),
            user_version: 7,
            application_id: 11,
            auto_vacuum: "none".to_owned(),
            sqlite_version: "3.50.0".to_owned(),
            method: "dbpage".to_owned(),
            hold_ms: 12,
            postgres: None,
        },
        ..metadata
    }
}

fn suspect(metadata: Metadata) -> Metadata {
    let why = Some("table orders has 3 of 40 rows".to_owned());
    Metadata { suspect: why, suspect_cause: Some(SuspectCause::Loss), ..sqlite(metadata) }
}

fn postgres(metadata: Metadata) -> Metadata {
    let schema = BTreeMap::from([("audit.\"Log\"".to_owned(), table(&[("at", "timestamp with time zone")], 7))]);
    let source = PostgresSource {
        database: "shop".to_owned(),
        server_version: "17.2".to_owned(),
        server_version_num: 170_002,
        client_version: "17.2".to_owned(),
        database_size_bytes: 7_800_000,
        owner: "shop".to_owned(),
        collate: "C".to_owned(),
        ctype: "C".to_owned(),
        locale_provider: "icu".to_owned(),
        locale: "de".to_owned(),
        extensions: vec!["plpgsql 1.0".to_owned()],
        roles: vec!["clerk".to_owned(), "shop".to_owned()],
        large_objects: 1,
    };
    Metadata {
        engine: Engine::Postgres,
        table_counts: BTreeMap::from([("audit.\"Log\"".to_owned(), 7)]),
        total_records: 7,
        schema,
        schema_version: 0,
        source: Source {
            location: "postgresql://shop@db/shop".to_owned(),
            host: "web-1".to_owned(),
            encoding: "UTF8".to_owned(),
            method: "pg_dump".to_owned(),
            hold_ms: 133,
            postgres: Some(source),
            ..Source::default()
        },
        globals: Some("CREATE ROLE clerk;\n".to_owned()),
        ..metadata
    }
}

fn partial(metadata: Metadata) -> Metadata {
    let left_out = LeftOut {
        rows: Rows::Except(vec![TablePattern::new("audit.*").unwrap()]),
        tables: vec!["audit.\"Log\"".to_owned()],
        large_objects: true,
        references: vec![Reference { schema: "public".to_owned(), table: "orders".to_owned(), constraint: "of_log".to_owned() }],
    };
    Metadata { coverage: Coverage::Partial, left_out: Some(left_out), globals: None, ..postgres(metadata) }
}

/// Its name, what the image is, and what is in its metadata.
type Sort = (&'static str, Form, fn(Metadata) -> Metadata);

#[test]
fn every_sort_of_metadata_stands_in_the_file_as_it_did() {
    let sorts: [Sort; 5] = [
        ("plain", Form::Sqlite, sqlite),
        (ENCRYPTED, Form::Sqlite, suspect),
        ("suspect", Form::Sqlite, suspect),
        ("postgres", Form::Dump, postgres),
        ("partial", Form::Sql, partial),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = String::new();
    for (name, form, filled) in sorts {
        let path = folder.path().join(format!("{name}.zip"));
        let write = WriteOptions { form, compression: Compression::None, ..WriteOptions::default() };
        let password = Password::new("correct horse battery staple");
        let mut writer = if name == ENCRYPTED {
            let with = Arc::new(Stretched::new(&password, Kdf::Pbkdf2 { iterations: 1000 }).unwrap());
            ArchiveWriter::create_encrypted(&path, &write, &[with]).unwrap()
        } else {
            ArchiveWriter::create(&path, &write).unwrap()
        };
        let image = image(8192, 5);
        writer.begin(image.len() as u64).unwrap();
        writer.write(&image).unwrap();
        let written = writer.finish(&mut |facts| filled(metadata_of(facts, Compression::None))).unwrap();
        let found = masked(&text_of(&path));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/archive/tests/metadata/{name}.json"));
        if env::var_os("KEEPSTONE_WRITE_METADATA").is_some() {
            fs::write(&file, &found).unwrap();
        }
        if found != fs::read_to_string(&file).unwrap_or_default() {
            write!(wrong, "{} is now:\n{found}", file.display()).unwrap();
        }
        // And read back it is what was written.
        let read = Archive::open_with(&path, &Passwords::of([password])).unwrap();
        assert_eq!(*read.metadata(), written.metadata, "{name}");
    }
    assert!(wrong.is_empty(), "{wrong}");
}
