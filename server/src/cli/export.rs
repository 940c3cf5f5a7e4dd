//! `keepstone export`: the content of a database or a backup as JSON, CSV or SQL.

use std::path::PathBuf;

use clap::{Args, builder::TypedValueParser};
use jiff::Timestamp;
use keepstone_engine::{
    Error, Vault, databases,
    export::{self, ExportOptions, ExportReport, ExportSource},
    location,
    model::{export::ExportFormat, human, job::Step},
};
use serde_json::json;

use super::{Context, Fault, context, progress::Follow, table::printable, values::BackupArg};

/// Export the rows of a database or a backup as JSON, CSV or SQL
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone export shop                               every table as JSON, in ./shop_<time>.json.zip
  keepstone export latest --format csv --table orders --table customers -o orders.zip
  keepstone export shop --format csv --table orders -o orders.csv       one table, no zip around it
  keepstone export shop --format sql -o shop.sql.gz   a script; `gunzip -c shop.sql.gz | sqlite3 new.db` loads it
                                                      (of PostgreSQL: `| psql -v ON_ERROR_STOP=1 new`)

Columns whose names look sensitive (password, token, secret, hash, …) are left out, and the output says which. The words are those of \
<data>/export.toml, if there is one: `sensitive = [\"…\"]` in place of the built-in list, `also_sensitive = [\"…\"]` beside it.")]
pub(crate) struct Export {
    /// A database's id or location, or a backup's id, a unique beginning of one, or latest[:KIND]
    #[arg(value_name = "DB|ID")]
    what: String,
    /// The form of the export
    #[arg(long, value_name = "FORM", default_value = "json", value_parser = format())]
    format: ExportFormat,
    /// Only this table; may be said several times
    #[arg(long = "table", value_name = "T")]
    tables: Vec<String>,
    /// Also the columns that look sensitive
    #[arg(long)]
    include_sensitive: bool,
    /// The new file [default: ./<name>.json.zip, .csv.zip or .sql]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
}

fn format() -> impl TypedValueParser<Value = ExportFormat> {
    clap::builder::PossibleValuesParser::new(ExportFormat::ALL.map(ExportFormat::as_str)).try_map(|name| name.parse::<ExportFormat>())
}

pub(crate) fn run(args: &Export, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let source = source(&vault, &args.what)?;
    let target = match &args.output {
        Some(path) if path.is_dir() => path.join(format!("{}.{}", source.stem(Timestamp::now()), args.format.ending())),
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{}.{}", source.stem(Timestamp::now()), args.format.ending())),
    };
    let options = ExportOptions {
        source,
        format: args.format,
        tables: args.tables.clone(),
        include_sensitive: args.include_sensitive,
        actor: context::actor(),
    };
    let follow = Follow::steps(cx, format!("export {}", printable(&args.what)), &[Step::Export]);
    let outcome = export::export(&vault, &options, &target, &follow);
    drop(follow);
    told(&outcome?, &options, cx);
    Ok(())
}

/// An id of a database, or else of a backup: a database's id never looks like a backup's, but may be the beginning of one.
fn source(vault: &Vault, what: &str) -> Result<ExportSource, Fault> {
    match databases::find_database(vault, what) {
        Ok(database) => Ok(ExportSource::Database(database.id)),
        Err(Error::UnknownDatabase { .. }) if !location::is_location(what) => {
            let backup = context::backup_of(vault, &BackupArg { id: what.to_owned(), db: None });
            match backup {
                Ok(backup) => Ok(ExportSource::Backup(backup.id)),
                Err(fault) if fault.code() == "unknown_backup" => Err(Fault::Here {
                    code: "unknown_database",
                    message: format!("no database and no backup \"{what}\""),
                    hint: Some("`keepstone db list` and `keepstone list` show them.".to_owned()),
                    exit: 3,
                }),
                Err(fault) => Err(fault),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn told(report: &ExportReport, options: &ExportOptions, cx: &Context) {
    let left_out = report.left_out();
    cx.out.result(json!({
        "ok": true,
        "source": options.source,
        "format": options.format,
        "path": report.path,
        "size_bytes": report.size_bytes,
        "row_count": report.row_count(),
        "tables": report.tables,
        "left_out": left_out,
        "include_sensitive": options.include_sensitive,
        "warnings": report.warnings,
        "elapsed_ms": report.elapsed_ms,
    }));
    let path = report.path.as_deref().unwrap_or(std::path::Path::new("")).display().to_string();
    cx.out.outcome(
        &path,
        format_args!(
            "✔ exported {} of {} into {path}: {}, {}",
            human::counted(report.row_count(), "row"),
            human::counted(report.tables.len(), "table"),
            human::bytes(report.size_bytes),
            human::duration_ms(report.elapsed_ms)
        ),
    );
    for warning in &report.warnings {
        cx.out.note(format_args!("▲ {}", printable(warning)));
    }
    if options.include_sensitive {
        cx.out.note("With the columns that look sensitive: keep the file where nobody else reads it.");
    } else if !left_out.is_empty() {
        let names: Vec<String> = left_out.iter().map(|name| printable(name)).collect();
        cx.out.note(format_args!("Left out, as they look sensitive (--include-sensitive takes them along): {}", names.join(", ")));
    }
}
