//! `keepstone create`: a backup now, of one database or of every one.

use std::path::PathBuf;

use clap::{Args, builder::TypedValueParser};
use keepstone_engine::{
    Error, Vault, backups,
    cleanup::{self, Consent},
    create::{self, CreateOptions, CreateReport},
    databases::{self, AddDatabaseOptions},
    driver::ImageOptions,
    keys, location,
    model::{
        backup::{Encryption, Level, Proof, SuspectCause},
        coverage::{Coverage, Rows, TablePattern},
        database::Database,
        human,
        id::{DatabaseId, Kind},
        job::Verb,
        metadata::{Compression, Kdf},
        validate,
    },
};
use serde_json::json;

use super::{Context, Fault, context, environment, password, progress::Follow, values, verify, words};

/// Back up a database now, or every one; it counts only once it was read back and checked
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "\
Examples:
  keepstone create                         every database
  keepstone create shop --pin --description 'before the move'
  keepstone create shop --exclude-table 'audit.*'   without the rows of some tables; never counts as a good one
  keepstone create shop --encrypt          with the password of the environment or the vault
  keepstone create /srv/shop/shop.db       also one that is not known yet (without a schedule)")]
pub(crate) struct Create {
    /// An id or a location; without it every database
    #[arg(value_name = "DB")]
    db: Option<String>,
    /// The kind of the backup
    #[arg(long = "type", value_name = "KIND", default_value = "manual", value_parser = values::own_kind())]
    kind: Kind,
    /// A sentence about it
    #[arg(long, value_name = "T", default_value = "", hide_default_value = true)]
    description: String,
    /// A tag; may be said several times
    #[arg(long = "tag", value_name = "T")]
    tags: Vec<String>,
    /// Who asked for it; else the user of this machine
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The application's version or name, kept in the metadata
    #[arg(long, value_name = "T")]
    app_label: Option<String>,
    /// Never delete this one
    #[arg(long)]
    pin: bool,
    /// How to compress [default: zstd]
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "zstd", value_parser = compression())]
    compress: Option<Compression>,
    /// Do not compress
    #[arg(long, conflicts_with_all = ["compress", "level"])]
    no_compress: bool,
    /// How hard to compress: zstd 1 to 19, gzip 1 to 9
    #[arg(long, value_name = "N")]
    level: Option<i32>,
    /// PostgreSQL: keep plain SQL instead of the custom format
    #[arg(long)]
    plain_sql: bool,
    /// PostgreSQL: the structure alone, no rows; such a backup is partial and never counts as a good one
    #[arg(long, requires = "db", group = "rows")]
    schema_only: bool,
    /// PostgreSQL: the whole structure, but only the rows of these tables, e.g. orders, 'audit.*'; partial, too; may be said several times
    #[arg(long = "table", value_name = "PATTERN", requires = "db", group = "rows", value_parser = pattern)]
    tables: Vec<TablePattern>,
    /// PostgreSQL: all but the rows of these tables; partial, too; may be said several times
    #[arg(long = "exclude-table", value_name = "PATTERN", requires = "db", group = "rows", value_parser = pattern)]
    exclude_tables: Vec<TablePattern>,
    /// PostgreSQL: keep the server's roles and tablespaces beside the dump, without passwords; `keepstone show ID --globals` prints them
    #[arg(long)]
    globals: bool,
    /// Encrypt the archive, whatever the environment and the database say
    #[arg(long)]
    encrypt: bool,
    /// Do not encrypt, whatever the environment and the database say
    #[arg(long, conflicts_with = "encrypt")]
    no_encrypt: bool,
    /// Encrypt with the password in this file, - for standard input; else with the environment's, else with the vault's
    #[arg(long, value_name = "F", conflicts_with = "no_encrypt")]
    password_file: Option<PathBuf>,
    /// Read the archive back and check it before it counts (the default)
    #[arg(long)]
    verify: bool,
    /// Publish without reading back; the backup stays unproven
    #[arg(long, conflicts_with = "verify")]
    no_verify: bool,
    /// Make none if the newest good backup is younger than this and holds the same content, e.g. 1h
    #[arg(long, value_name = "AGE")]
    unless_unchanged: Option<String>,
}

pub(crate) fn compression() -> impl TypedValueParser<Value = Compression> {
    clap::builder::PossibleValuesParser::new(["zstd", "gzip", "none"]).map(|how| match how.as_str() {
        "gzip" => Compression::Gzip,
        "none" => Compression::None,
        _ => Compression::Zstd,
    })
}

fn pattern(text: &str) -> Result<TablePattern, String> {
    TablePattern::new(text).map_err(|refusal| refusal.message)
}

fn rows(args: &Create) -> Rows {
    match (args.schema_only, args.tables.as_slice(), args.exclude_tables.as_slice()) {
        (true, ..) => Rows::None,
        (_, [], []) => Rows::All,
        (_, [], except) => Rows::Except(except.to_vec()),
        (_, only, _) => Rows::Only(only.to_vec()),
    }
}

pub(crate) fn run(args: &Create, cx: &Context) -> Result<(), Fault> {
    let template = options(args)?;
    // Before a vault is made: what cannot be had, or read.
    let said = args.password_file.as_deref().map(password::of_file).transpose()?;
    let asked = environment::encryption()?;
    if let Some(password) = &said {
        password.refuse_if_weak()?;
    }
    let known = said.is_some() || asked.password.is_some() || cx.has_keys();
    if template.encrypt.is_none() {
        asked.refuse_unmet(cx.has_keys())?;
    }
    if template.encrypt == Some(true) && !known && !password::can_ask(cx) {
        return Err(Error::NoEncryptionPassword { what: "--encrypt".to_owned() }.into());
    }
    let (vault, databases) = targets(args, cx)?;
    if let Some(password) = said {
        vault.keys().prefer(Some(password), asked.asked);
    }
    if template.encrypt == Some(true) && !keys::has_current(&vault)? && password::can_ask(cx) {
        let password = password::ask_new("A password for the backups of this vault (write it down elsewhere): ")?;
        keys::add(&vault, &password, Kdf::default(), true, &context::actor())?;
    }
    let before = keys::ids(&vault).unwrap_or_default();
    let outcome = cx.each(&databases, |database| {
        let follow = Follow::new(cx, Verb::Create, &database.id);
        let options = CreateOptions { database: database.id.clone(), ..template.clone() };
        let outcome = create::create(&vault, &options, &follow);
        drop(follow);
        match outcome {
            Ok(report) => told(&vault, &report, template.verify, cx),
            Err(error) => {
                let fault = Fault::from(error);
                cx.out.result(json!({ "ok": false, "database": database.id, "error": fault.json() }));
                Err(fault)
            }
        }
    });
    let ids: Vec<DatabaseId> = databases.into_iter().map(|database| database.id).collect();
    verify::left(&vault, &ids, cx);
    password::tell_new(&vault, &before, cx);
    context::copy_catalog(&vault);
    outcome
}

/// The options but for the database, checked before anything is touched.
fn options(args: &Create) -> Result<CreateOptions, Fault> {
    validate::description(&args.description)?;
    let tags = validate::tags(&args.tags.join(","))?;
    let said = if args.no_compress { Some(Compression::None) } else { args.compress };
    let compression = said.unwrap_or(environment::defaults()?.compression);
    let most = match compression {
        Compression::Zstd => 19,
        Compression::Gzip => 9,
        Compression::None => 0,
    };
    if args.level.is_some_and(|level| !(1..=most).contains(&level)) {
        let message = if most == 0 {
            "--level without compression".to_owned()
        } else {
            format!("--level of {} is 1 to {most}", compression.as_str())
        };
        return Err(Fault::usage(message, "Leave --level out for a good default."));
    }
    Ok(CreateOptions {
        database: "x".parse().expect("a slug"),
        kind: args.kind,
        description: args.description.clone(),
        tags,
        app_label: args.app_label.clone(),
        pin: args.pin,
        compression: said,
        level: args.level,
        image: ImageOptions { plain_sql: args.plain_sql, rows: rows(args), globals: args.globals },
        // A password file is a wish for encryption.
        encrypt: if args.no_encrypt { Some(false) } else { (args.encrypt || args.password_file.is_some()).then_some(true) },
        verify: if args.no_verify { Some(false) } else { args.verify.then_some(true) },
        unless_equal_within_secs: args.unless_unchanged.as_deref().map(values::duration_secs).transpose()?,
        actor: args.user.clone().unwrap_or_else(context::actor),
    })
}

/// The vault and the databases to back up. Only a location can make a vault; an id in a folder without one is simply not found.
fn targets(args: &Create, cx: &Context) -> Result<(Vault, Vec<Database>), Fault> {
    let location = match &args.db {
        Some(db) => location::is_location(db).then(|| db.clone()),
        None => environment::database_url(),
    };
    let Some(location) = location else {
        let vault = cx.vault()?;
        let databases = context::databases_of(&vault, args.db.as_deref())?;
        if databases.is_empty() {
            return Err(Fault::Here {
                code: "no_databases",
                message: format!("no databases in the vault in {}", vault.data_dir().display()),
                hint: Some("Add one with `keepstone db add LOCATION`.".to_owned()),
                exit: 3,
            });
        }
        return Ok((vault, databases));
    };
    let vault = cx.vault_for(&location)?;
    let database = match databases::find_database(&vault, &location) {
        Err(Error::UnknownDatabase { .. }) => {
            let options = AddDatabaseOptions { location, name: None, schedules: None, actor: context::actor() };
            let retention = environment::retention()?;
            let mut database = databases::add_database(&vault, &options)?;
            if let Some(policy) = retention {
                let by = environment::count_by()?;
                database = cleanup::set_policy(&vault, &database.id, &policy, Consent::Later, by, &context::actor())?.database;
            }
            cx.out.note(format_args!(
                "added {} ({}) without a schedule: this is its only backup until you make another one",
                database.id, database.location
            ));
            database
        }
        found => found?,
    };
    if args.db.is_some() { Ok((vault, vec![database])) } else { context::databases_of(&vault, None).map(|all| (vault, all)) }
}

pub(crate) fn told(vault: &Vault, report: &CreateReport, verify: Option<bool>, cx: &Context) -> Result<(), Fault> {
    let backup = &report.backup;
    let path = backups::detail(vault, &backup.id)?.archive_path;
    let mut result = words::backup_json(backup);
    result["ok"] = json!(true);
    result["job"] = json!(report.job);
    result["unchanged"] = json!(report.unchanged);
    result["elapsed_ms"] = json!(report.elapsed_ms);
    result["hold_ms"] = json!(report.hold_ms);
    result["path"] = json!(path);
    if report.unchanged {
        cx.out.outcome(&backup.id, format_args!("nothing changed since {}, so no backup was made", backup.id));
        cx.out.result(result);
        return Ok(());
    }
    cx.out.outcome(
        &backup.id,
        format_args!(
            "{} {}: {} in {}{}, {}, {}, {}",
            words::backup_state(backup).0,
            backup.id,
            human::bytes(backup.original_size_bytes),
            human::bytes(backup.archive_size_bytes),
            if backup.encryption == Encryption::None { "" } else { ", encrypted" },
            human::counted(backup.total_records, "row"),
            words::level(backup.level()),
            human::duration_ms(report.elapsed_ms)
        ),
    );
    if backup.coverage == Coverage::Partial {
        let detail = backups::detail(vault, &backup.id)?;
        let left_out = detail.metadata.and_then(|metadata| metadata.left_out).map(|left_out| left_out.words()).unwrap_or_default();
        cx.out.note(format_args!("{}: {left_out}; it never counts as a good backup of the whole database", backup.id));
    }
    let fault = if let Some(why) = &backup.suspect {
        Some(Fault::Here {
            code: "suspect",
            message: format!("the source of {} is suspect: {why}", backup.id),
            hint: Some(match backup.suspect_cause.unwrap_or_default() {
                SuspectCause::Damage => "The backup was kept, but it does not count as good. Look at the database now.".to_owned(),
                SuspectCause::Loss => format!(
                    "The backup was kept, but it does not count as good. If this was meant: `keepstone ack {}`; if not, restore an older one.",
                    backup.id
                ),
            }),
            exit: 4,
        })
    } else if verify.unwrap_or(vault.defaults().verify) && backup.level() < Level::Opened {
        Some(unproven(backup))
    } else {
        None
    };
    if let Some(fault) = &fault {
        result["ok"] = json!(false);
        result["error"] = fault.json();
    }
    cx.out.result(result);
    fault.map_or(Ok(()), Err)
}

/// A backup is there, but not every check could run: no success, as nobody knows whether it restores.
pub(crate) fn unproven(backup: &keepstone_engine::model::backup::Backup) -> Fault {
    let none = Proof { checked_at: backup.created_at, checks: Vec::new() };
    unproven_by(backup, backup.proof.as_ref().unwrap_or(&none))
}

/// The same by a proof that the backup's row may not have taken over.
pub(crate) fn unproven_by(backup: &keepstone_engine::model::backup::Backup, proof: &Proof) -> Fault {
    let reason = proof.not_run().map_or_else(String::new, |check| format!(": {} could not run: {}", check.name, check.detail));
    Fault::Here {
        code: "unproven",
        message: format!("{} could not be checked fully{reason}", backup.id),
        hint: Some(format!("It was kept. Check it again with `keepstone verify {}`.", backup.id)),
        exit: 1,
    }
}
