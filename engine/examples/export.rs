//! Exports a backup and the live database for other programs: JSON, CSV, SQL. Columns that look sensitive are left out unless asked for.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent,
    create::{CreateOptions, create},
    export::{ExportOptions, ExportSource, export, export_stream},
    model::export::ExportFormat,
};

fn main() -> shop::Outcome {
    let (folder, application, vault, shop) = shop::open()?;
    application.execute_batch("CREATE TABLE login(name TEXT, password TEXT); INSERT INTO login VALUES ('ada', 'secret')")?;
    let backup = create(&vault, &CreateOptions::new(shop.clone(), "shop"), &Silent)?.backup;

    let options = |source, format| ExportOptions { source, format, tables: Vec::new(), include_sensitive: false, actor: "shop".to_owned() };
    let report = export(&vault, &options(ExportSource::Backup(backup.id), ExportFormat::Csv), &folder.path().join("shop.zip"), &Silent)?;
    println!("{} rows of {} tables, without {}", report.row_count(), report.tables.len(), report.left_out().join(", "));
    assert_eq!((report.row_count(), report.left_out()), (4, vec!["login.password".to_owned()]));

    // Or into whatever takes bytes, with flat memory: here the SQL that sqlite3 loads back.
    let mut script = Vec::new();
    export_stream(&vault, &options(ExportSource::Database(shop), ExportFormat::Sql), &mut script, &Silent)?;
    println!("{}", String::from_utf8(script)?);
    Ok(())
}
