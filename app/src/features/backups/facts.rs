//! From the engine's backups to what the pages show. Server only.

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use keepstone_engine::{
    Vault,
    backups::{self, BackupFilter},
    cleanup::{self, Reason},
    databases, jobs, keys,
};
use keepstone_model::{
    Timestamp,
    access::Role,
    backup::{Backup, BackupState, Encryption, SuspectCause, Verdict, delete_refusal},
    coverage::{Rows, TablePattern},
    id::{BackupId, Kind},
    metadata::{Compression, Metadata},
};

use super::api::{BackupDetail, BackupList, BackupRow, CheckLine, Doubt, FactLine, TableLine};
use crate::local;
use crate::words::{backups as words, shared};
use crate::{
    error::{AppError, sentence},
    server::{blocking, log_in_zone, unusable, zone},
    ui::{Moment, results_of},
};

/// A page stays below 100 kB with them, whatever they are called.
const PAGE_SIZE: u64 = 35;

/// The filter as the address has it.
#[derive(Debug, Default)]
pub(super) struct Question {
    pub db: String,
    pub kind: String,
    pub state: String,
    pub text: String,
    pub from: String,
    pub to: String,
    pub sort: String,
    pub page: String,
}

impl Question {
    /// What cannot be read is left out: an address from elsewhere shows too much rather than nothing.
    fn filter(&self, zone: &TimeZone) -> BackupFilter {
        let day = |text: &str, days: i64| {
            let date: Date = text.parse().ok()?;
            Some(date.checked_add(days.days()).ok()?.to_zoned(zone.clone()).ok()?.timestamp())
        };
        let text = self.text.trim();
        BackupFilter {
            database: self.db.parse().ok(),
            kind: self.kind.parse().ok(),
            state: BackupState::ALL.into_iter().find(|state| state.as_str() == self.state),
            verdict: Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == self.state),
            text: (!text.is_empty()).then(|| text.to_owned()),
            from: day(&self.from, 0),
            // Up to and with that day.
            to: day(&self.to, 1).map(|end| end - 1.nanoseconds()),
            oldest_first: self.sort == "created",
            limit: Some(PAGE_SIZE),
            offset: (self.page() - 1).saturating_mul(PAGE_SIZE),
        }
    }

    fn page(&self) -> u64 {
        self.page.parse().ok().filter(|page| (1..=1_000_000).contains(page)).unwrap_or(1)
    }
}

pub(super) async fn list(question: Question, role: Role) -> Result<BackupList, AppError> {
    let (zone, now) = (zone(), Timestamp::now());
    blocking(move |vault| {
        let found = backups::list(vault, &question.filter(&zone))?;
        let sizes = backups::sizes_before(vault, &found.backups)?;
        let reasons = cleanup::reasons(vault, &found.backups, now)?;
        let rows = found.backups.iter().map(|backup| row(backup, sizes.get(&backup.id).copied(), reasons.get(&backup.id), now, &zone));
        let rows = rows.collect();
        let trashed = BackupFilter { state: Some(BackupState::Trashed), limit: Some(0), ..BackupFilter::default() };
        Ok(BackupList {
            rows,
            total: found.total,
            page: question.page(),
            page_size: PAGE_SIZE,
            databases: databases::databases(vault)?.into_iter().map(|database| database.id.to_string()).collect(),
            any: found.total > 0 || backups::list(vault, &BackupFilter { limit: Some(1), ..BackupFilter::default() })?.total > 0,
            in_trash: backups::list(vault, &trashed)?.total,
            zone: zone.iana_name().unwrap_or(shared::no_zone_name()).to_owned(),
            may_change: role >= Role::Operator,
        })
    })
    .await
}

fn row(backup: &Backup, size_before: Option<u64>, reason: Option<&Reason>, now: Timestamp, zone: &TimeZone) -> BackupRow {
    let (why, until) = match (backup.state, reason) {
        (BackupState::Trashed, _) => (words::kept_in_trash().to_owned(), backup.trash_until),
        (BackupState::Complete, Some(reason)) if reason.fate.is_removed() => (words::goes_next(&reason.fate), None),
        (BackupState::Complete, Some(reason)) => (reason.fate.to_string(), reason.until),
        _ => (String::new(), None),
    };
    BackupRow {
        why,
        until: until.map(|until| Moment::new(until, now, zone)),
        id: backup.id.to_string(),
        database: backup.database.to_string(),
        kind: backup.kind.to_string(),
        state: backup.state,
        verdict: backup.verdict(),
        level: backup.level(),
        checks: results_of(backup.proof.as_ref()),
        created: Moment::new(backup.created_at, now, zone),
        size_bytes: (backup.archive_size_bytes > 0).then_some(backup.archive_size_bytes),
        change: change(size_before, backup.archive_size_bytes),
        pinned: backup.pinned,
        description: backup.description.clone(),
        tags: backup.tags.clone(),
        error: unusable(backup),
        job: backup.job.clone(),
    }
}

/// e.g. `+1 %`, `−12 %`, `±0 %`.
fn change(before: Option<u64>, size_bytes: u64) -> String {
    match before {
        Some(before) if before > 0 && size_bytes > 0 => {
            let percent = (i128::from(size_bytes) - i128::from(before)) * 100 / i128::from(before);
            match percent {
                0 => "±0 %".to_owned(),
                1.. => format!("+{percent} %"),
                _ => format!("−{} %", -percent),
            }
        }
        _ => String::new(),
    }
}

pub(super) async fn detail(id: BackupId, role: Role) -> Result<BackupDetail, AppError> {
    let (zone, now) = (zone(), Timestamp::now());
    blocking(move |vault| {
        let found = backups::detail(vault, &id)?;
        let backup = &found.backup;
        let of_database = BackupFilter { database: Some(backup.database.clone()), ..BackupFilter::default() };
        let of_database = backups::list(vault, &of_database)?.backups;
        let reason = cleanup::reasons(vault, std::slice::from_ref(backup), now)?.remove(&backup.id);
        let before = match &found.previous {
            Some(previous) => Some(backups::backup(vault, previous)?.archive_size_bytes),
            None => None,
        };
        // A job's row may be gone where the backup is old: then there is no log to show.
        let job_log = backup
            .job
            .as_ref()
            .and_then(|job| jobs::job(vault, job).ok())
            .map(|found| log_in_zone(found.log, found.job.started_at, &zone))
            .unwrap_or_default();
        let checks = backup.proof.iter().flat_map(|proof| &proof.checks).map(|check| CheckLine {
            name: check.name.to_string(),
            meaning: check.name.meaning().to_owned(),
            result: check.result,
            detail: sentence(&check.detail),
            time: local::duration_ms(check.elapsed_ms),
        });
        let metadata = found.metadata.as_ref();
        let left_out = metadata.and_then(|metadata| metadata.left_out.as_ref()).map(|left_out| sentence(&left_out.words()));
        let tables = metadata.iter().flat_map(|metadata| &metadata.schema).map(|(name, table)| TableLine {
            name: name.clone(),
            row_count: table.row_count,
            columns: table.columns.iter().map(|column| (column.name.clone(), column.declared_type.clone())).collect(),
        });
        Ok(BackupDetail {
            facts: fact_groups(&found, &row(backup, before, reason.as_ref(), now, &zone), vault),
            hashes: found.metadata.as_ref().map(hashes).unwrap_or_default(),
            row: row(backup, before, reason.as_ref(), now, &zone),
            checked: backup.proof.as_ref().map(|proof| Moment::new(proof.checked_at, now, &zone)),
            checks: checks.collect(),
            tables: tables.collect(),
            previous: found.previous.as_ref().map(ToString::to_string),
            next: found.next.as_ref().map(ToString::to_string),
            left_out: left_out.unwrap_or_default(),
            suspect: doubt(backup, &of_database, now, &zone),
            delete_refusal: delete_refusal(backup, &of_database).map(sentence),
            trash_until: backup.trash_until.map(|until| Moment::new(until, now, &zone)),
            job_log,
            convertible: is_convertible(vault, backup)?,
            has_archive: backup.state == BackupState::Complete,
            may_operate: role >= Role::Operator,
            may_administer: role >= Role::Admin,
            key: random_key(),
        })
    })
    .await
}

/// Whether it is offered to be written anew: the database's newer ones are encrypted.
fn is_convertible(vault: &Vault, backup: &Backup) -> keepstone_engine::Result<bool> {
    let plain = backup.state == BackupState::Complete && backup.encryption == Encryption::None;
    if !plain || backup.kind == Kind::Safety || backup.holds() || backup.verdict() == Verdict::Bad {
        return Ok(false);
    }
    keys::is_wanted(vault, &databases::database(vault, &backup.database)?)
}

fn doubt(backup: &Backup, of_database: &[Backup], now: Timestamp, zone: &TimeZone) -> Option<Doubt> {
    let why = sentence(backup.suspect.as_deref()?);
    let acknowledged = backup.acknowledged.as_ref().map(|word| {
        let when = Moment::new(word.at, now, zone).relative;
        sentence(&if word.reason.is_empty() {
            words::noted_by(&word.by, &when)
        } else {
            words::noted_with_reason(&word.by, &when, &word.reason)
        })
    });
    let older = of_database.iter().filter(|other| other.sequence < backup.sequence && other.holds()).count() as u64;
    Some(Doubt { why, damage: backup.suspect_cause == Some(SuspectCause::Damage), acknowledged, older })
}

fn fact_groups(found: &backups::BackupDetail, row: &BackupRow, vault: &Vault) -> Vec<(String, Vec<FactLine>)> {
    let backup = &found.backup;
    let text = |term: &str, value: String| FactLine { term: term.to_owned(), value, mono: false };
    let mono = |term: &str, value: String| FactLine { term: term.to_owned(), value, mono: true };
    let mut archive = vec![
        mono(words::fact_id(), backup.id.to_string()),
        text(
            shared::kind(),
            match backup.sequence {
                1.. => words::kind_and_number(&backup.kind, &backup.sequence, &backup.database),
                _ => words::kind_imported(&backup.kind, &backup.database),
            },
        ),
        text(words::made_by(), backup.created_by.clone()),
    ];
    if let Some(until) = &row.until {
        archive.push(text(shared::kept_until(), words::kept_about(&until.text, &until.relative)));
    }
    if !row.why.is_empty() {
        archive.push(text(words::why_kept(), capitalised(&row.why)));
    }
    if backup.original_size_bytes > 0 {
        archive.push(text(shared::database(), size(backup.original_size_bytes)));
    }
    if backup.archive_size_bytes > 0 {
        archive.push(text(words::archive(), size(backup.archive_size_bytes)));
    }
    if let Some(path) = &found.archive_path {
        let shown = path.strip_prefix(vault.backups_dir()).unwrap_or(path);
        archive.push(mono(words::fact_file(), shown.display().to_string()));
    }
    if let Some(why) = &found.another {
        archive.push(text(words::not_its_archive(), sentence(why)));
    }
    let mut groups = vec![(words::archive().to_owned(), archive)];
    if let Some(metadata) = &found.metadata {
        groups.extend(metadata_groups(metadata));
    }
    groups
}

fn metadata_groups(metadata: &Metadata) -> [(String, Vec<FactLine>); 2] {
    let text = |term: &str, value: String| FactLine { term: term.to_owned(), value, mono: false };
    let mono = |term: &str, value: String| FactLine { term: term.to_owned(), value, mono: true };
    let source = &metadata.source;
    let mut of_source = vec![
        mono(shared::location(), source.location.clone()),
        text(words::fact_host(), source.host.clone()),
        text(shared::rows(), words::rows_in_tables(metadata.total_records, metadata.schema.len() as u64)),
        text(words::encoding(), source.encoding.clone()),
        text(words::read_in(), local::duration_ms(source.hold_ms)),
    ];
    match &source.postgres {
        None => of_source.extend([
            text(words::pages(), words::pages_of(&local::count(source.page_count), &local::count(u64::from(source.page_size)))),
            text(words::journal(), source.journal_mode.clone()),
            text(words::schema_version(), metadata.schema_version.to_string()),
            text("SQLite", source.sqlite_version.clone()),
        ]),
        Some(server) => of_source.extend([
            text("PostgreSQL", server.server_version.clone()),
            text("pg_dump", server.client_version.clone()),
            text(words::on_the_server(), local::bytes(server.database_size_bytes)),
            text(words::extensions(), server.extensions.join(", ")),
            text(words::large_objects(), local::count(server.large_objects)),
        ]),
    }
    if metadata.globals.is_some() {
        of_source.push(text(words::globals(), words::globals_kept().to_owned()));
    }
    if let Some(left_out) = &metadata.left_out {
        of_source.push(text(words::left_out(), capitalised(&left_out.words())));
    }
    if let Some(version) = &metadata.migration_version {
        of_source.push(mono(words::migration(), version.clone()));
    }
    if let Some(label) = &metadata.app_label {
        of_source.push(text(words::application(), label.clone()));
    }
    if let Some(origin) = &metadata.origin {
        of_source.push(text(words::imported_from(), origin.clone()));
    }
    let mut of_payload = vec![
        text(words::compression(), metadata.compression.as_str().to_owned()),
        text(words::encrypted(), encryption(metadata)),
        text(words::written_by(), words::written_by_tool(&metadata.tool.name, &metadata.tool.version, &metadata.format_version)),
    ];
    if let Some(previous) = &metadata.previous {
        of_payload.push(mono(words::backup_before(), previous.id.to_string()));
    }
    [(words::source().to_owned(), of_source), (words::contents().to_owned(), of_payload)]
}

/// What proves that it is the same to the byte: long, and seldom read.
fn hashes(metadata: &Metadata) -> Vec<FactLine> {
    let sealed = |hash: &str| if hash.is_empty() { words::sealed().to_owned() } else { hash.to_owned() };
    let hash = |term: &str, value: String| FactLine { term: term.to_owned(), value, mono: true };
    vec![
        hash(words::database_hash(), sealed(&metadata.backup_hash)),
        hash(words::restore_hash(), sealed(&metadata.restore_hash)),
        hash(words::payload_hash(), metadata.payload_hash.clone()),
    ]
}

/// e.g. `yes: AES-256-GCM, key 3f9a01bc (scrypt)`.
fn encryption(metadata: &Metadata) -> String {
    if !metadata.encrypted {
        return words::not_encrypted().to_owned();
    }
    let keys: Vec<String> =
        metadata.slots.iter().map(|slot| words::key_slot(&slot.salt.get(..8).unwrap_or_default(), &slot.kdf.as_str())).collect();
    let keys = keys.join(", ");
    if metadata.backup_hash.is_empty() { words::encrypted_and_locked(&keys) } else { words::encrypted_with(&keys) }
}

/// With a capital letter.
fn capitalised(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

fn size(bytes: u64) -> String {
    if bytes < 1000 { local::bytes(bytes) } else { words::size_exactly(&local::bytes(bytes), &local::count(bytes)) }
}

pub(super) fn backup_id(text: &str) -> Result<BackupId, AppError> {
    text.parse().map_err(|_| crate::server::answer(AppError::new(404, "unknown_backup", shared::no_such_backup())))
}

pub(super) async fn is_trashed(id: &str) -> bool {
    let Ok(id) = backup_id(id) else { return false };
    blocking(move |vault| Ok(backups::backup(vault, &id)?.state == BackupState::Trashed)).await.unwrap_or(false)
}

/// Empty: as the environment says.
pub(super) fn compression(text: &str) -> Result<Option<Compression>, AppError> {
    match text {
        "" => Ok(None),
        "zstd" => Ok(Some(Compression::Zstd)),
        "gzip" => Ok(Some(Compression::Gzip)),
        "none" => Ok(Some(Compression::None)),
        _ => Err(AppError::invalid("compression", words::choose_compression())),
    }
}

/// Empty: the default of the compression.
pub(super) fn level(text: &str, compression: Option<Compression>) -> Result<Option<i32>, AppError> {
    let most = match compression.unwrap_or_default() {
        Compression::Zstd => 19,
        Compression::Gzip => 9,
        Compression::None => 0,
    };
    match text.trim() {
        "" => Ok(None),
        _ if most == 0 => Err(AppError::invalid("level", words::no_level())),
        text => match text.parse() {
            Ok(level) if (1..=most).contains(&level) => Ok(Some(level)),
            _ => Err(AppError::invalid("level", words::level_range(&most))),
        },
    }
}

/// Whose rows go along; the tables are those of the patterns in `tables`.
pub(super) fn rows(choice: &str, tables: &str) -> Result<Rows, AppError> {
    match choice {
        "" | "all" if tables.trim().is_empty() => Ok(Rows::All),
        "" | "all" => Err(AppError::invalid("rows", words::rows_choice())),
        "none" => Ok(Rows::None),
        "only" => Ok(Rows::Only(TablePattern::list(tables)?)),
        "except" => Ok(Rows::Except(TablePattern::list(tables)?)),
        _ => Err(AppError::invalid("rows", words::choose_listed())),
    }
}

/// Empty: as the environment and the database say.
pub(super) fn encrypt(text: &str) -> Result<Option<bool>, AppError> {
    match text {
        "" => Ok(None),
        "yes" => Ok(Some(true)),
        "no" => Ok(Some(false)),
        _ => Err(AppError::invalid("encrypt", words::choose_encryption())),
    }
}

/// 128 random bits, so that nobody meets another's job by its key.
pub(super) fn random_key() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system's random source does not fail once it has begun");
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_from_the_address_takes_whole_days_of_the_persons_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let question = Question {
            db: "shop".into(),
            kind: "nonsense".into(),
            state: "failed".into(),
            text: "  ".into(),
            from: "2026-11-20".into(),
            to: "2026-11-20".into(),
            sort: "created".into(),
            page: "3".into(),
        };
        let filter = question.filter(&zone);
        assert_eq!(filter.from, Some("2026-11-19T23:00:00Z".parse().unwrap()));
        assert_eq!(filter.to, Some("2026-11-20T22:59:59.999999999Z".parse().unwrap()));
        assert_eq!((filter.kind, filter.text, filter.state), (None, None, Some(BackupState::Failed)));
        assert_eq!((filter.offset, filter.oldest_first), (2 * PAGE_SIZE, true));
        for page in ["", "0", "-1", "x", "99999999999999999999"] {
            assert_eq!(Question { page: page.into(), ..Question::default() }.filter(&zone).offset, 0, "{page}");
        }
    }

    #[test]
    fn a_size_is_told_against_the_one_before() {
        let cases = [
            (None, 5, ""),
            (Some(0), 5, ""),
            (Some(100), 0, ""),
            (Some(100), 100, "±0 %"),
            (Some(100), 101, "+1 %"),
            (Some(100), 88, "−12 %"),
        ];
        for (before, now, text) in cases {
            assert_eq!(change(before, now), text);
        }
    }
}
