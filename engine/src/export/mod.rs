//! Export: the content of a database or of a backup as JSON, CSV or SQL, for other programs and for people who leave. Streamed, so that
//! memory stays flat whatever the rows hold; of one moment; written under a name of its own only once it is whole.

pub mod csv;
mod json;
mod package;
pub(crate) mod sqlite;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod writing;

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use jiff::Timestamp;
use keepstone_model::{
    event::EventResult,
    export::{ExportFormat, looks_sensitive, sensitive_words},
    human,
    id::{BackupId, DatabaseId},
    job::Step,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Monitor, Result, Vault,
    activity::{self, NewEvent},
    archive::Archive,
    backups, databases, driver, durable,
    jobs::Workplace,
    proof::create_private,
    sqlite::pace::millis,
};
use writing::Writing;

/// What is exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportSource {
    /// A live database, as it is now.
    Database(DatabaseId),
    Backup(BackupId),
}

impl ExportSource {
    pub fn database(&self) -> DatabaseId {
        match self {
            Self::Database(id) => id.clone(),
            Self::Backup(id) => id.database(),
        }
    }

    /// What files are named after, e.g. `shop_20261124T140000Z` or the backup's id.
    pub fn stem(&self, now: Timestamp) -> String {
        match self {
            Self::Database(id) => format!("{id}_{}", now.strftime("%Y%m%dT%H%M%SZ")),
            Self::Backup(id) => id.to_string(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct ExportOptions {
    pub source: ExportSource,
    pub format: ExportFormat,
    /// Only these; none: every table. Names of SQLite as it takes them, without case; of PostgreSQL as they stand in the metadata, or with their schema.
    pub tables: Vec<String>,
    /// Whether columns whose names look sensitive are exported, too.
    pub include_sensitive: bool,
    pub actor: String,
}

/// One table as it was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedTable {
    pub name: String,
    pub row_count: u64,
    /// Columns that are not in the export because their names look sensitive.
    pub left_out: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct ExportReport {
    /// None where it was streamed.
    pub path: Option<PathBuf>,
    pub tables: Vec<ExportedTable>,
    /// What could not be exported as it is, a sentence each.
    pub warnings: Vec<String>,
    pub size_bytes: u64,
    pub elapsed_ms: u64,
}

impl ExportReport {
    pub fn row_count(&self) -> u64 {
        self.tables.iter().map(|table| table.row_count).sum()
    }

    /// `users.password_hash, …` of every table.
    pub fn left_out(&self) -> Vec<String> {
        self.tables.iter().flat_map(|table| table.left_out.iter().map(move |column| format!("{}.{column}", table.name))).collect()
    }
}

/// Exports into a new file. It has its name only when it is whole and durable; a file that is there already is refused and left alone.
///
/// An ending says a form of its own: `.json` and `.csv` take exactly one table and no zip around it; `.sql.gz` and `.sql.zst` are compressed.
pub fn export(vault: &Vault, options: &ExportOptions, target: &Path, monitor: &dyn Monitor) -> Result<ExportReport> {
    let target = std::path::absolute(target).map_err(|error| Error::io(target, error))?;
    if target.symlink_metadata().is_ok() {
        return Err(Error::TargetExists { path: target });
    }
    let form = Form::of(options, &target)?;
    let name = target.file_name().ok_or_else(|| Error::TargetUnusable { path: target.clone(), reason: "it names no file".to_owned() })?;
    let temporary = target.with_file_name(format!(".{}.{:08x}.tmp", name.to_string_lossy(), crate::jobs::random()));
    let written: Result<ExportReport> = (|| {
        let mut file = BufWriter::with_capacity(1 << 20, create_private(&temporary)?);
        let mut report = run(vault, options, form, &mut file, &target, monitor)?;
        let file = file.into_inner().map_err(|error| Error::io(&target, error.into_error()))?;
        file.sync_all().map_err(|error| Error::io(&target, error))?;
        durable::publish(&temporary, &target)?;
        report.path = Some(target.clone());
        Ok(report)
    })();
    if written.is_err()
        && let Err(error) = durable::remove(&temporary)
    {
        tracing::warn!(path = %temporary.display(), %error, "an unfinished export could not be removed");
    }
    let mut report = written?;
    if let Err(error) = record(vault, options, &report) {
        // The file is what was asked for, and it is there: that it is not in the activity log is told, and stands in the program's own log.
        tracing::error!(path = %target.display(), actor = options.actor, %error, "an export could not be written into the activity log");
        report.warnings.push(format!("The activity log could not take this export down: {error}."));
    }
    Ok(report)
}

/// Exports into a stream, e.g. a download. What the stream got is only to be trusted once this returned `Ok`; one that the activity log could not
/// take down ends in that fault, since whoever took it is not at this machine.
pub fn export_stream(vault: &Vault, options: &ExportOptions, sink: &mut dyn Write, monitor: &dyn Monitor) -> Result<ExportReport> {
    let form = Form::of(options, Path::new(""))?;
    let written = match &options.source {
        ExportSource::Backup(_) => run(vault, options, form, sink, Path::new("the download"), monitor),
        // A live database is not kept open for as long as the other end takes to read.
        ExportSource::Database(_) => spooled(vault, options, form, sink, monitor),
    };
    let report = written?;
    record(vault, options, &report)?;
    Ok(report)
}

/// Exports into a file of its own first.
fn spooled(vault: &Vault, options: &ExportOptions, form: Form, sink: &mut dyn Write, monitor: &dyn Monitor) -> Result<ExportReport> {
    let workplace = Workplace::begin(vault)?;
    let path = workplace.path().join("export");
    let mut spool = BufWriter::with_capacity(1 << 20, create_private(&path)?);
    let report = run(vault, options, form, &mut spool, &path, monitor)?;
    drop(spool);
    let mut spool = std::fs::File::open(&path).map_err(|error| Error::io(&path, error))?;
    io::copy(&mut spool, sink).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Error::CancelledHere,
        _ => Error::io("the download", error),
    })?;
    Ok(report)
}

/// Whoever takes data out of the vault is in the activity log, with what they took; a failure only where it got that far.
fn record(vault: &Vault, options: &ExportOptions, report: &ExportReport) -> Result<()> {
    let what = match &options.source {
        ExportSource::Database(id) => id.to_string(),
        ExportSource::Backup(id) => id.to_string(),
    };
    let sensitive = match (options.include_sensitive, report.left_out().len()) {
        (true, _) => "with the columns that look sensitive".to_owned(),
        (false, 0) => "no column looks sensitive".to_owned(),
        (false, 1) => "1 column that looks sensitive left out".to_owned(),
        (false, count) => format!("{count} columns that look sensitive left out"),
    };
    let (rows, tables) = (human::counted(report.row_count(), "row"), human::counted(report.tables.len(), "table"));
    let event = NewEvent {
        actor: &options.actor,
        action: "data.exported",
        result: EventResult::Ok,
        database: Some(options.source.database()),
        backup: if let ExportSource::Backup(id) = &options.source { Some(id.clone()) } else { None },
        job: None,
        message: format!("exported {what} as {}: {rows} of {tables}, {sensitive}", options.format),
    };
    activity::record(vault, &event).map(drop)
}

/// How the bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As the format has it by default.
    Whole,
    /// The document of one table alone.
    OneTable,
    SqlGzip,
    SqlZstd,
}

impl Form {
    fn of(options: &ExportOptions, target: &Path) -> Result<Self> {
        let ending = target.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        Ok(match (options.format, ending.as_str()) {
            (ExportFormat::Json, "json") | (ExportFormat::Csv, "csv") if options.tables.len() == 1 => Self::OneTable,
            (ExportFormat::Json, "json") | (ExportFormat::Csv, "csv") => {
                let message = format!("a plain .{ending} file holds one table: name it with --table, or let the file end in .zip");
                return Err(Error::Invalid { field: "target", message });
            }
            (ExportFormat::Sql, "gz") => Self::SqlGzip,
            (ExportFormat::Sql, "zst") => Self::SqlZstd,
            _ => Self::Whole,
        })
    }
}

fn run(
    vault: &Vault,
    options: &ExportOptions,
    form: Form,
    sink: &mut dyn Write,
    sink_path: &Path,
    monitor: &dyn Monitor,
) -> Result<ExportReport> {
    let begun = Instant::now();
    let words = words(vault)?;
    let left_out = |column: &str| !options.include_sensitive && looks_sensitive(column, &words);
    let asked = Asked { source: &options.source, format: options.format, form, tables: &options.tables, left_out: &left_out, sink_path };
    let engine = match &options.source {
        ExportSource::Database(id) => databases::database(vault, id)?.engine,
        ExportSource::Backup(id) => archive_of(vault, id)?.metadata().engine,
    };
    let mut counted = Counted { sink, bytes: 0 };
    let Exported { tables, warnings } = driver::of(engine).export(vault, &asked, &mut counted, monitor)?;
    counted.flush().map_err(|error| Error::io(sink_path, error))?;
    Ok(ExportReport { path: None, tables, warnings, size_bytes: counted.bytes, elapsed_ms: millis(begun.elapsed()) })
}

/// What an engine is asked to export.
pub(crate) struct Asked<'a> {
    pub(crate) source: &'a ExportSource,
    pub(crate) format: ExportFormat,
    form: Form,
    /// None: every table.
    pub(crate) tables: &'a [String],
    /// Whether a column of this name is left out.
    pub(crate) left_out: &'a dyn Fn(&str) -> bool,
    /// What is named where the sink fails.
    pub(crate) sink_path: &'a Path,
}

/// What came of it: tables, and a sentence for each thing that could not be exported as it is.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    pub(crate) tables: Vec<ExportedTable>,
    pub(crate) warnings: Vec<String>,
}

pub(crate) type Sink<'a> = dyn Write + 'a;

/// Writes in the form that was asked for; `script` is how the engine writes SQL.
pub(crate) fn write(
    writing: &Writing<'_>,
    asked: &Asked<'_>,
    mut sink: &mut Sink<'_>,
    script: &dyn Fn(&Writing<'_>, &mut dyn Write) -> Result<()>,
) -> Result<()> {
    let fault = |error: io::Error| writing.io(error);
    match (asked.format, asked.form) {
        (ExportFormat::Json, Form::OneTable) => writing.only_table().map_or(Ok(()), |table| json::table(writing, table, sink)),
        (ExportFormat::Csv, Form::OneTable) => writing.only_table().map_or(Ok(()), |table| csv::table(writing, table, sink)),
        (ExportFormat::Json, _) => package::write(writing, asked.format, sink, &json::table),
        (ExportFormat::Csv, _) => package::write(writing, asked.format, sink, &csv::table),
        (ExportFormat::Sql, Form::SqlGzip) => {
            let mut packed = flate2::write::GzEncoder::new(sink, flate2::Compression::default());
            script(writing, &mut packed)?;
            packed.finish().map(drop).map_err(fault)
        }
        (ExportFormat::Sql, Form::SqlZstd) => {
            let mut packed = zstd::stream::Encoder::new(sink, 0).map_err(fault)?;
            script(writing, &mut packed)?;
            packed.finish().map(drop).map_err(fault)
        }
        (ExportFormat::Sql, _) => {
            let mut buffered = BufWriter::with_capacity(64 << 10, &mut sink);
            script(writing, &mut buffered)?;
            buffered.flush().map_err(fault)
        }
    }
}

/// The archive of a backup that is there, in the trash, too.
pub(crate) fn archive_of(vault: &Vault, id: &BackupId) -> Result<Archive> {
    vault.open_backup(&backups::backup(vault, id)?)
}

/// Left free beside a scratch copy.
const SCRATCH_MARGIN_BYTES: u64 = 64 << 20;

/// A scratch copy of what a backup holds, checked by its hashes on the way; it goes with the workplace.
pub(crate) fn unpacked(archive: &Archive, workplace: &Workplace, monitor: &dyn Monitor) -> Result<PathBuf> {
    let image = workplace.path().join(format!("export.{}", archive.form().ending()));
    let needed = archive.metadata().original_size.saturating_add(SCRATCH_MARGIN_BYTES);
    if durable::free_bytes(workplace.path())? < needed {
        return Err(Error::NoSpace { path: workplace.path().to_owned() });
    }
    monitor.step(Step::Verify);
    let mut sink = BufWriter::with_capacity(1 << 20, create_private(&image)?);
    archive.extract(&mut sink, &image, Step::Verify, monitor)?;
    sink.flush().map_err(|error| Error::io(&image, error))?;
    Ok(image)
}

/// How many bytes went through.
struct Counted<'a> {
    sink: &'a mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// `<data>/export.toml`, if there is one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportFile {
    /// In place of [`keepstone_model::export::SENSITIVE_WORDS`].
    sensitive: Option<Vec<String>>,
    /// Beside them.
    #[serde(default)]
    also_sensitive: Vec<String>,
}

/// The words that make a column look sensitive in this vault. A file that cannot be read stops the export: a list that is silently not
/// heeded would let out what it was made to keep in.
pub fn words(vault: &Vault) -> Result<Vec<String>> {
    let path = vault.data_dir().join("export.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(sensitive_words()),
        Err(error) => return Err(Error::io(&path, error)),
    };
    let file: ExportFile =
        toml::from_str(&text).map_err(|error| Error::Invalid { field: "export.toml", message: error.message().to_owned() })?;
    let mut words = file.sensitive.unwrap_or_else(sensitive_words);
    words.extend(file.also_sensitive);
    Ok(words)
}

/// A table as the console shows it before an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOutline {
    pub name: String,
    pub row_count: u64,
    /// Each with whether it looks sensitive.
    pub columns: Vec<(String, bool)>,
}

/// What an export would hold, and which columns look sensitive. Changes nothing.
pub fn outline(vault: &Vault, source: &ExportSource) -> Result<Vec<TableOutline>> {
    let words = words(vault)?;
    let schema = match source {
        ExportSource::Database(id) => {
            let database = databases::database(vault, id)?;
            driver::of(database.engine).tables(vault, &database)?
        }
        ExportSource::Backup(id) => {
            let detail = backups::detail(vault, id)?;
            if let Some(error) = detail.not_its_own() {
                return Err(error);
            }
            let missing = || Error::ArchiveMissing { id: id.to_string(), path: vault.archive_path(id) };
            detail.metadata.ok_or_else(missing)?.schema
        }
    };
    let outline = |(name, table): (String, keepstone_model::metadata::Table)| TableOutline {
        name,
        row_count: table.row_count,
        columns: table
            .columns
            .into_iter()
            .map(|column| (looks_sensitive(&column.name, &words), column.name))
            .map(|(s, n)| (n, s))
            .collect(),
    };
    Ok(schema.into_iter().map(outline).collect())
}
