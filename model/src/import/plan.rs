//! What each file that was found becomes: adopted, skipped or refused, with the reason. The dry run is this plan; carrying it out may find
//! more to refuse, never more to adopt.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::DateTime};
use serde::{Deserialize, Serialize};

use super::{
    Content, Layout, Sidecar, kind_of,
    moment::{Moment, moment},
    name::Name,
    whose::Whose,
};
use crate::{
    database::Engine,
    human,
    id::{DatabaseId, DatabaseUid, Kind},
    validate::{DESCRIPTION_MAX_CHARS, TAG_MAX_CHARS, TAGS_MAX},
};

/// A file as it was found, before any of it but its first bytes is read.
#[derive(Debug, Clone)]
pub struct FoundFile {
    /// From the folder that was named, or the file's own name.
    pub path: String,
    pub name: Name,
    pub content: Content,
    /// The kind by the folder that it lies in, e.g. `backups/daily/`.
    pub folder_kind: Option<Kind>,
    pub sidecar: Option<Sidecar>,
    pub size_bytes: u64,
    pub modified_at: Option<Timestamp>,
    /// Another name for a file that is in the list.
    pub link_to: Option<String>,
    /// Why it must not be read: it is a live database, say.
    pub untouchable: Option<String>,
    /// Why it could not be looked at.
    pub unreadable: Option<Refusal>,
    /// Of an archive of Keepstone: who it is.
    pub archive: Option<ArchiveFacts>,
}

/// What stands against a file, for machines and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: String,
    pub reason: String,
}

/// What an archive of Keepstone says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFacts {
    pub id: String,
    pub kind: Kind,
    pub created_at: Timestamp,
    /// The database that it is of, as it was called there.
    pub database: DatabaseId,
    pub database_uid: DatabaseUid,
}

/// What is known of the vault and the wish.
#[expect(missing_debug_implementations, reason = "it borrows a function")]
pub struct Wish<'a> {
    pub database: &'a DatabaseId,
    pub uid: &'a DatabaseUid,
    /// The other databases of the vault.
    pub others: &'a [(DatabaseId, DatabaseUid)],
    pub engine: Engine,
    /// Makes a time out of what a clock in the wished zone said.
    pub in_zone: &'a dyn Fn(DateTime) -> Option<Timestamp>,
    pub now: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFrom {
    Metadata,
    Name,
    /// Nothing else says when; the file's own time stands in.
    FileDate,
}

/// What an adopted file becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    pub kind: Kind,
    pub created_at: Timestamp,
    pub time_from: TimeFrom,
    pub description: String,
    pub tags: Vec<String>,
    pub created_by: String,
    /// e.g. `chame: chame_backup_daily_20250627_020000.db`.
    pub origin: String,
    /// Why it counts as suspect.
    pub suspect: Option<String>,
    pub pinned: bool,
    /// Of an archive of Keepstone: what its database is called there, where that is another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_database: Option<DatabaseId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    Adopt(Adoption),
    /// Nothing is missing without it.
    Skip {
        reason: String,
    },
    Refuse {
        code: String,
        reason: String,
    },
}

/// One file and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    pub path: String,
    pub layout: Layout,
    pub content: Content,
    pub size_bytes: u64,
    #[serde(flatten)]
    pub decision: Decision,
}

/// Decides every file; what is adopted comes first and in the order of time.
pub fn plan(found: &[FoundFile], wish: &Wish<'_>) -> Vec<PlannedFile> {
    let apps: BTreeSet<&str> = found.iter().filter_map(|file| file.name.app.as_deref()).collect();
    let ours = |app: &str| DatabaseId::from_stem(app, |_| false) == *wish.database;
    let whose = Whose::of(found, wish);
    let mut planned: Vec<PlannedFile> = found
        .iter()
        .map(|file| {
            // Several applications share the folder: only the one of this database is meant; where none is, nobody can tell.
            let foreign = file.name.app.as_deref().filter(|app| apps.len() > 1 && !ours(app));
            let decision = match foreign {
                Some(app) => refuse("other_application", format!("it is of another application ({app}) than {}", wish.database)),
                None => decide(file, wish, &whose),
            };
            PlannedFile { path: file.path.clone(), layout: layout_of(file), content: file.content, size_bytes: file.size_bytes, decision }
        })
        .collect();
    planned.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.path.cmp(&b.path)));
    planned
}

fn rank(file: &PlannedFile) -> (u8, Option<Timestamp>) {
    match &file.decision {
        Decision::Adopt(adoption) => (0, Some(adoption.created_at)),
        Decision::Skip { .. } => (1, None),
        Decision::Refuse { .. } => (2, None),
    }
}

fn refuse(code: &str, reason: impl Into<String>) -> Decision {
    Decision::Refuse { code: code.to_owned(), reason: reason.into() }
}

fn layout_of(file: &FoundFile) -> Layout {
    match file.content {
        Content::Archive => Layout::Keepstone,
        // A name alone makes no system: a script of SQLite may be called like one of PostgreSQL.
        Content::SqliteDump if file.name.layout == Layout::Loopin => Layout::File,
        Content::PostgresDump | Content::PostgresCustom if file.name.layout != Layout::Loopin => Layout::File,
        _ => file.name.layout,
    }
}

fn decide(file: &FoundFile, wish: &Wish<'_>, whose: &Whose<'_>) -> Decision {
    if let Some(target) = &file.link_to {
        return Decision::Skip { reason: format!("a link to {target}") };
    }
    if let Some(reason) = &file.untouchable {
        return refuse("in_use", reason.clone());
    }
    if let Some(fault) = &file.unreadable {
        return refuse(&fault.code, fault.reason.clone());
    }
    if let Some(fault) = file.archive.as_ref().and_then(|archive| whose.refusal(archive)) {
        return refuse(&fault.code, fault.reason);
    }
    match file.content {
        Content::Empty => return refuse("empty", "it is empty (0 bytes)"),
        Content::PostgresDump | Content::PostgresCustom if wish.engine != Engine::Postgres => {
            return refuse("other_engine", format!("it is a dump of PostgreSQL, and {} is a database of SQLite", wish.database));
        }
        Content::Sqlite | Content::SqliteDump | Content::Zip if wish.engine != Engine::Sqlite => {
            return refuse("other_engine", format!("it is a database of SQLite, and {} is one of PostgreSQL", wish.database));
        }
        Content::Unknown => {
            return refuse(
                "not_a_backup",
                "it is called like a backup and holds neither a SQLite database nor a dump of one or of PostgreSQL",
            );
        }
        Content::Sqlite
        | Content::SqliteDump
        | Content::PostgresDump
        | Content::PostgresCustom
        | Content::Encrypted
        | Content::Zip
        | Content::Archive => {}
    }
    adopt(file, wish)
}

fn adopt(file: &FoundFile, wish: &Wish<'_>) -> Decision {
    let nothing = Sidecar::default();
    let sidecar = file.sidecar.as_ref().unwrap_or(&nothing);
    let time = match &file.archive {
        Some(archive) => Some((archive.created_at, TimeFrom::Metadata)),
        None => time_of(file, sidecar, wish),
    };
    let Some((created_at, time_from)) = time else { return refuse("no_time", "nothing says when it was made") };
    if created_at > wish.now {
        let when = created_at.strftime("%Y-%m-%d %H:%M:%S UTC");
        let reason = format!("it says that it was made at {when}, which is still to come; --timezone says what its clock meant");
        return refuse("in_the_future", reason);
    }
    let kind = match &file.archive {
        Some(archive) => archive.kind,
        None if file.name.corrupted => Kind::Imported,
        None => {
            let by_metadata = sidecar.kind.as_deref().and_then(kind_of);
            let by_name = file.name.kind.as_deref().and_then(kind_of);
            by_metadata.or(by_name).or(file.folder_kind).unwrap_or(Kind::Imported)
        }
    };
    let layout = layout_of(file);
    let origin = match &file.archive {
        Some(archive) => format!("{layout}: {}", archive.id),
        None => format!("{layout}: {}", file.path.rsplit('/').next().unwrap_or(&file.path)),
    };
    // Nothing in that encryption tells whether the bytes are the ones that were written.
    let origin = if file.content == Content::Encrypted { format!("{origin} (unauthenticated)") } else { origin };
    let (description, tags) = labelled(sidecar);
    let suspect = file.name.corrupted.then(|| "the system that it comes from kept it as a damaged database".to_owned());
    Decision::Adopt(Adoption {
        kind,
        created_at,
        time_from,
        description,
        tags,
        created_by: match sidecar.created_by.as_deref().map(str::trim) {
            Some(name) if !name.is_empty() => shortened(name, 100),
            _ => layout.to_string(),
        },
        origin,
        suspect,
        pinned: sidecar.pinned,
        of_database: file.archive.as_ref().map(|archive| archive.database.clone()).filter(|there| there != wish.database),
    })
}

/// What the metadata say wins over the name, and a time with a zone over one without.
fn time_of(file: &FoundFile, sidecar: &Sidecar, wish: &Wish<'_>) -> Option<(Timestamp, TimeFrom)> {
    let of = |moment: Moment| match moment {
        Moment::At(at) => Some(at),
        Moment::Local(civil) => (wish.in_zone)(civil),
    };
    let told: Vec<Moment> = sidecar.moments.iter().filter_map(|text| moment(text)).collect();
    let told = told.iter().find(|moment| matches!(moment, Moment::At(_))).or(told.first());
    told.and_then(|&moment| of(moment))
        .map(|at| (at, TimeFrom::Metadata))
        .or_else(|| file.name.moment.and_then(of).map(|at| (at, TimeFrom::Name)))
        .or_else(|| file.modified_at.map(|at| (at, TimeFrom::FileDate)))
}

/// The description and the tags that metadata give it.
pub fn labelled(sidecar: &Sidecar) -> (String, Vec<String>) {
    (shortened(sidecar.description.as_deref().unwrap_or_default(), DESCRIPTION_MAX_CHARS), tags(&sidecar.tags))
}

/// Control characters have no place in what a page and a terminal show.
fn shortened(text: &str, most: usize) -> String {
    let clean: String = text.trim().chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    if clean.chars().count() <= most { clean } else { clean.chars().take(most - 1).chain(['…']).collect() }
}

fn tags(tags: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for tag in tags {
        let tag = shortened(&tag.replace([',', '\n'], " "), TAG_MAX_CHARS);
        if !tag.is_empty() && !kept.contains(&tag) && kept.len() < TAGS_MAX {
            kept.push(tag);
        }
    }
    kept
}

/// "12 to import (3.4 MB), 1 to skip, 2 refused".
pub fn summary(files: &[PlannedFile]) -> String {
    let of = |wanted: u8| files.iter().filter(move |file| rank(file).0 == wanted);
    let bytes: u64 = of(0).map(|file| file.size_bytes).sum();
    format!("{} to import ({}), {} to skip, {} refused", of(0).count(), human::bytes(bytes), of(1).count(), of(2).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::name::name;

    fn file(path: &str, content: Content) -> FoundFile {
        FoundFile {
            path: path.to_owned(),
            name: name(path.rsplit('/').next().unwrap()).unwrap(),
            content,
            folder_kind: None,
            sidecar: None,
            size_bytes: 4096,
            modified_at: Some("2025-01-01T00:00:00Z".parse().unwrap()),
            link_to: None,
            untouchable: None,
            unreadable: None,
            archive: None,
        }
    }

    fn planned(files: &[FoundFile]) -> Vec<String> {
        planned_for(Engine::Sqlite, files)
    }

    fn planned_for(engine: Engine, files: &[FoundFile]) -> Vec<String> {
        let database: DatabaseId = "chame".parse().unwrap();
        // Two hours east of Greenwich.
        let in_zone = |civil: DateTime| {
            let seconds = civil.date().duration_since(jiff::civil::date(1970, 1, 1)).as_secs() + i64::from(civil.hour()) * 3600;
            Timestamp::from_second(seconds + i64::from(civil.minute()) * 60 + i64::from(civil.second()) - 7200).ok()
        };
        let uid: DatabaseUid = "0".repeat(32).parse().unwrap();
        let wish =
            Wish { database: &database, uid: &uid, others: &[], engine, in_zone: &in_zone, now: "2026-01-01T00:00:00Z".parse().unwrap() };
        plan(files, &wish)
            .into_iter()
            .map(|file| match file.decision {
                Decision::Adopt(a) => format!("{} {} {} by {}, {}", a.created_at, a.kind, a.description, a.created_by, a.origin),
                Decision::Skip { reason } => format!("{}: skip, {reason}", file.path),
                Decision::Refuse { code, .. } => format!("{}: {code}", file.path),
            })
            .collect()
    }

    #[test]
    fn what_each_becomes() {
        let with = |sidecar: Sidecar, file: FoundFile| FoundFile { sidecar: Some(sidecar), ..file };
        let files = [
            with(
                Sidecar {
                    kind: Some("manual".to_owned()),
                    moments: vec!["2025-06-27T14:30:22".to_owned()],
                    description: Some("Before\u{7} migration".to_owned()),
                    created_by: Some("admin".to_owned()),
                    ..Sidecar::default()
                },
                file("manual/chame_backup_daily_20250627_143022.db", Content::Sqlite),
            ),
            file("corrupted_20250101_000000.db", Content::Sqlite),
            FoundFile { folder_kind: Some(Kind::Weekly), ..file("weekly/b.zip", Content::Zip) },
            file("shop.sql", Content::SqliteDump),
            FoundFile { link_to: Some("data_backup_AUTO_20250101_000000.db".to_owned()), ..file("data_latest.db", Content::Sqlite) },
            FoundFile { untouchable: Some("it is open".to_owned()), ..file("app.db", Content::Sqlite) },
            file("loopin_backup_daily_20250824_020000.sql", Content::PostgresDump),
            file("data_backup_AUTO_20270101_000000.db", Content::Sqlite),
            file("zero.db", Content::Empty),
            file("text.db", Content::Unknown),
        ];
        let expected = [
            "2024-12-31T22:00:00Z imported  by crm, crm: corrupted_20250101_000000.db",
            "2025-01-01T00:00:00Z imported  by file, file: shop.sql",
            "2025-01-01T00:00:00Z weekly  by cosmic-teams, cosmic-teams: b.zip",
            "2025-06-27T12:30:22Z manual Before  migration by admin, chame: chame_backup_daily_20250627_143022.db",
            "data_latest.db: skip, a link to data_backup_AUTO_20250101_000000.db",
            "app.db: in_use",
            "data_backup_AUTO_20270101_000000.db: in_the_future",
            "loopin_backup_daily_20250824_020000.sql: other_application",
            "text.db: not_a_backup",
            "zero.db: empty",
        ];
        assert_eq!(planned(&files), expected);
        assert_eq!(planned_for(Engine::Postgres, &files[6..7])[0].split(' ').nth(1), Some("daily"));
        assert_eq!(planned_for(Engine::Postgres, &files[3..4]), ["shop.sql: other_engine"]);
        assert_eq!(planned(&files[6..7]), ["loopin_backup_daily_20250824_020000.sql: other_engine"]);
    }

    #[test]
    fn texts_from_outside_fit_what_a_backup_takes() {
        let sidecar = Sidecar {
            description: Some("é".repeat(9000)),
            tags: (0..99).map(|n| format!("t,{n}")).chain(["x".repeat(500)]).collect(),
            created_by: Some("  ".to_owned()),
            ..Sidecar::default()
        };
        let found = FoundFile { sidecar: Some(sidecar), ..file("backup_20240101_000000.db", Content::Sqlite) };
        let database: DatabaseId = "app".parse().unwrap();
        let uid: DatabaseUid = "0".repeat(32).parse().unwrap();
        let wish = Wish {
            database: &database,
            uid: &uid,
            others: &[],
            engine: Engine::Sqlite,
            in_zone: &|_| None,
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let Decision::Adopt(adoption) = plan(&[found], &wish).remove(0).decision else { panic!("refused") };
        crate::validate::description(&adoption.description).unwrap();
        assert_eq!(crate::validate::tags(&adoption.tags.join(",")).unwrap(), adoption.tags);
        assert_eq!(adoption.time_from, TimeFrom::FileDate, "a zone that has no such time says nothing");
        assert_eq!(adoption.created_by, "the-program");
    }
}
