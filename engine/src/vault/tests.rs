//! Tests of opening: modes, owners, what is refused and what is left alone.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use jiff::Timestamp;
use tempfile::TempDir;

use super::{OpenMode, Vault, VaultOptions};
use crate::{
    Error, Result, Silent,
    create::{CreateOptions, create},
    databases, delete, jobs, testing,
};

fn open(data: &Path, mode: OpenMode) -> Result<Vault> {
    Vault::open(&VaultOptions { data: data.to_owned(), backups: None, mode })
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn which_folder_becomes_a_vault() {
    use OpenMode::{Create, CreateAnywhere, Existing};
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    assert!(matches!(open(&at("missing"), Existing), Err(Error::NoVault { .. })));
    assert!(!at("missing").exists(), "looking leaves no trace");
    open(&at("missing"), Create).unwrap();
    open(&at("missing"), Existing).unwrap();
    open(&at("missing"), Create).unwrap();

    fs::create_dir(at("empty")).unwrap();
    assert!(matches!(open(&at("empty"), Existing), Err(Error::NoVault { .. })));
    open(&at("empty/deep/er"), Create).unwrap();
    assert!(matches!(open(&at("empty"), Create), Err(Error::NotAVault { .. })), "it holds something now");

    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/app.py"), "print()").unwrap();
    fs::set_permissions(at("full"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(open(&at("full"), Create), Err(Error::NotAVault { .. })));
    assert_eq!(fs::read_dir(at("full")).unwrap().count(), 1);
    open(&at("full"), CreateAnywhere).unwrap();
    assert_eq!(mode(&at("full")), 0o755, "a folder of others is not chmod'ed");
    assert_eq!(mode(&at("missing")), 0o700);
    assert_eq!((mode(&at("missing/backups")), mode(&at("missing/vault.toml"))), (0o700, 0o600));

    fs::write(at("file"), "").unwrap();
    assert!(open(&at("file"), Existing).is_err() && open(&at("file"), Create).is_err());
}

#[test]
fn a_start_that_died_after_the_marker_is_finished() {
    let f = testing::vault();
    let data = f.vault.data_dir().to_owned();
    drop(f.vault);
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm", "live.sqlite"] {
        let _ = fs::remove_file(data.join(name));
    }
    fs::remove_dir_all(data.join("backups")).unwrap();
    open(&data, OpenMode::Existing).unwrap();
}

#[test]
fn a_lost_catalog_is_not_silently_an_empty_one() {
    let dir = TempDir::new().unwrap();
    let vault = testing::open(&dir);
    let database = testing::database(&vault, "shop");
    crate::databases::edit_database(&vault, &database.id, &crate::databases::EditDatabaseOptions::default()).unwrap();
    let data = vault.data_dir().to_owned();
    drop(vault);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(data.join(format!("catalog.sqlite{suffix}")));
    }
    assert!(matches!(open(&data, OpenMode::Create), Err(Error::CatalogDamaged { .. })));
    fs::write(data.join("catalog.sqlite"), "").unwrap();
    assert!(matches!(open(&data, OpenMode::Existing), Err(Error::CatalogDamaged { .. })));
}

#[test]
fn markers_of_other_versions_and_damaged_ones_are_refused() {
    let f = testing::vault();
    let data = f.vault.data_dir().to_owned();
    drop(f.vault);
    fs::write(data.join("vault.toml"), "format = 2\nnew = [1]\n").unwrap();
    assert!(matches!(open(&data, OpenMode::Create), Err(Error::VaultTooNew { found: 2, known: 1, .. })));
    fs::write(data.join("vault.toml"), "\0\0\0").unwrap();
    assert!(matches!(open(&data, OpenMode::Create), Err(Error::CatalogDamaged { .. })));
}

#[test]
fn the_folder_of_the_archives_is_remembered() {
    let dir = TempDir::new().unwrap();
    let options = |backups: Option<&str>| VaultOptions {
        data: dir.path().join("data"),
        backups: backups.map(|name| dir.path().join(name)),
        mode: OpenMode::Create,
    };
    assert_eq!(Vault::open(&options(Some("elsewhere"))).unwrap().backups_dir(), dir.path().join("elsewhere"));
    assert_eq!(Vault::open(&options(None)).unwrap().backups_dir(), dir.path().join("elsewhere"));
    assert_eq!(Vault::open(&options(Some("moved"))).unwrap().backups_dir(), dir.path().join("moved"));
}

#[test]
fn another_users_vault_is_refused_with_the_way_in() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give a folder away.
    }
    let f = testing::vault();
    let data = f.vault.data_dir().to_owned();
    drop(f.vault);
    chown(&data, Some(1), None).unwrap();
    let error = open(&data, OpenMode::Existing).unwrap_err();
    assert_eq!(error.code(), "not_vault_owner");
    assert_eq!(error.hint().unwrap(), "Run it as that user: sudo -u daemon keepstone …");
    chown(&data, Some(123_456), None).unwrap();
    let error = open(&data, OpenMode::Create).unwrap_err();
    assert_eq!(error.hint().unwrap(), "Run it as that user: sudo -u #123456 keepstone …");
}

#[test]
fn a_wrong_backups_folder_is_refused_while_there_are_databases() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    let options = |backups: Option<&str>| VaultOptions { data: at("data"), backups: backups.map(at), mode: OpenMode::Create };
    let refused = |backups: Option<&str>, names: &str| {
        let error = Vault::open(&options(backups)).unwrap_err();
        assert_eq!((error.code(), error.kind().exit_code()), ("backups_folder", 7));
        assert!(error.to_string().contains(at(names).to_str().unwrap()), "{error}");
    };
    let vault = Vault::open(&options(Some("disk"))).unwrap();
    testing::database(&vault, "shop");
    drop(vault);
    // Another folder while the first is there, whether or not it was a copy of it.
    refused(Some("other"), "disk");
    assert!(!at("other").exists(), "nothing is made there");
    fs::create_dir(at("copy")).unwrap();
    fs::copy(at("disk/.keepstone-vault"), at("copy/.keepstone-vault")).unwrap();
    refused(Some("copy"), "disk");
    // By another name, but the same.
    std::os::unix::fs::symlink(at("disk"), at("link")).unwrap();
    drop(Vault::open(&options(Some("link"))).unwrap());
    fs::remove_file(at("link")).unwrap();
    // The disk is not mounted: an empty folder is there, or none.
    fs::rename(at("disk"), at("moved")).unwrap();
    refused(Some("disk"), "disk");
    fs::create_dir(at("disk")).unwrap();
    refused(Some("disk"), "disk");
    refused(None, "link");
    assert_eq!(fs::read_dir(at("disk")).unwrap().count(), 0, "nothing is made there");
    fs::write(at("disk/.keepstone-vault"), "another\n").unwrap();
    refused(Some("disk"), "disk");
    // It was moved whole: from now on it is there.
    assert_eq!(Vault::open(&options(Some("moved"))).unwrap().backups_dir(), at("moved"));
    assert_eq!(Vault::open(&options(None)).unwrap().backups_dir(), at("moved"));
    assert_eq!(mode(&at("moved/.keepstone-vault")), 0o600);
}

#[test]
fn a_catalog_that_is_lost_while_the_disk_is_away_is_not_made_anew() {
    let live = testing::live(3);
    let options = VaultOptions { data: live.vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
    let (backups, catalog) = (live.vault.backups_dir().to_owned(), live.vault.catalog_path());
    fs::rename(&backups, live.dir.path().join("away")).unwrap();
    fs::create_dir(&backups).unwrap();
    drop(live.vault);
    fs::remove_file(&catalog).unwrap();
    assert_eq!(Vault::open(&options).unwrap_err().code(), "catalog_damaged");
    assert!(!catalog.exists() && fs::read_dir(&backups).unwrap().count() == 0, "nothing is made");
}

#[test]
fn a_file_that_is_gone_has_advice_of_its_own_and_is_forgotten_once_it_is_back() {
    let live = testing::live(3);
    create(&live.vault, &CreateOptions::new(live.database.clone(), "alice"), &Silent).unwrap();
    let told = || databases::status(&live.vault, &live.database, Timestamp::now()).unwrap();
    let aside = live.dir.path().join("aside.db");
    fs::rename(&live.source, &aside).unwrap();
    crate::checkup::damaged(&live.vault, &live.database, "alice", keepstone_model::database::unrecoverable::GONE, "not recovered").unwrap();
    let status = told();
    assert!(status.is_at_risk() && status.concerns[0].advice.contains("`keepstone restore latest --db shop --replace`"), "{status:?}");
    fs::rename(&aside, &live.source).unwrap();
    assert!(!told().is_at_risk(), "{:?}", told());
}

#[test]
fn a_disk_that_goes_away_under_an_open_vault_gets_nothing_made_in_its_place() {
    let live = testing::live(3);
    let (vault, database) = (&live.vault, &live.database);
    let options = CreateOptions::new(database.clone(), "alice");
    let made: Vec<_> = (0..3).map(|_| create(vault, &options, &Silent).unwrap().backup.id).collect();
    delete::delete(vault, &made[0], "alice").unwrap();
    let (here, away) = (vault.backups_dir().to_owned(), live.dir.path().join("away"));
    fs::rename(&here, &away).unwrap();
    fs::create_dir(&here).unwrap();
    let refused = |code: &str| assert_eq!(code, "backups_folder");
    refused(create(vault, &options, &Silent).unwrap_err().code());
    refused(jobs::recover(vault).unwrap_err().code());
    refused(delete::mend(vault).unwrap_err().code());
    refused(delete::empty_trash(vault, None, "alice").unwrap_err().code());
    refused(delete::delete(vault, &made[1], "alice").unwrap_err().code());
    let status = databases::status(vault, database, Timestamp::now()).unwrap();
    assert!(vault.is_away() && status.is_at_risk() && status.concerns[0].reason.contains("its disk is away"), "{status:?}");
    assert_eq!(status.concerns[0].topic, keepstone_model::database::Topic::Other, "the overview and its page say it");
    // The disk below says nothing of the one that is away, and is not there to ask where the folder went with it.
    assert_eq!(crate::storage::storage(vault, Timestamp::now()).unwrap().disk, None);
    fs::remove_dir(&here).unwrap();
    assert_eq!(crate::storage::storage(vault, Timestamp::now()).unwrap().disk, None);
    fs::create_dir(&here).unwrap();
    // What was queued fails with the reason, and is told.
    let job = jobs::submit(vault, &jobs::JobRequest::Create(options.clone()), None).unwrap();
    refused(jobs::run_next(vault, &Silent).unwrap_err().code());
    refused(&jobs::job(vault, &job).unwrap().job.error.unwrap().code);
    let failed = crate::activity::events(vault, &crate::activity::EventFilter::default()).unwrap();
    assert!(failed.iter().any(|event| event.action == "backup.failed" && event.job.as_ref() == Some(&job)));
    assert_eq!(fs::read_dir(&here).unwrap().count(), 0, "nothing is made there");
    let reopen = || Vault::open(&VaultOptions { data: vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing });
    // What a version that did not look left there is not the folder either: it holds none of the archives.
    let folder = here.join(database.as_str());
    fs::create_dir(&folder).unwrap();
    fs::copy(away.join(database.as_str()).join("database.json"), folder.join("database.json")).unwrap();
    refused(reopen().unwrap_err().code());
    fs::remove_dir_all(&here).unwrap();
    fs::rename(&away, &here).unwrap();
    delete::mend(vault).unwrap();
    jobs::recover(vault).unwrap();
    assert!(!vault.is_away());
    delete::put_back(vault, &made[0], "alice").unwrap();
    create(vault, &options, &Silent).unwrap();
    let states: Vec<_> = vault.catalog().backups_of(database).unwrap().into_iter().map(|backup| backup.state).collect();
    assert_eq!(states, [crate::model::backup::BackupState::Complete; 4]);
    // A copy without the hidden files has them.
    fs::remove_file(here.join(".keepstone-vault")).unwrap();
    reopen().unwrap();
    assert!(here.join(".keepstone-vault").exists());
}

#[test]
fn two_vaults_share_a_folder_and_a_copy_without_hidden_files_is_known() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    let open = |data: &str| Vault::open(&VaultOptions { data: at(data), backups: Some(at("disk")), mode: OpenMode::Create });
    let (a, b) = (open("a").unwrap(), open("b").unwrap());
    let database = testing::database(&a, "shop");
    testing::database(&b, "forum");
    crate::databases::edit_database(&a, &database.id, &crate::databases::EditDatabaseOptions::default()).unwrap();
    drop((a, b));
    drop((open("a").unwrap(), open("b").unwrap()));
    fs::remove_file(at("disk/.keepstone-vault")).unwrap();
    open("a").unwrap();
    assert_eq!(open("b").unwrap_err().code(), "backups_folder", "of this one nothing is there");
}

#[test]
fn a_catalog_is_rebuilt_from_what_lies_beside_the_archives() {
    use crate::{backups, databases, delete};
    let dir = TempDir::new().unwrap();
    let vault = testing::open(&dir);
    let source = dir.path().join("shop.db");
    rusqlite::Connection::open(&source).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    let add = |location: &Path| databases::AddDatabaseOptions {
        location: location.to_str().unwrap().to_owned(),
        name: None,
        schedules: None,
        actor: "alice".to_owned(),
    };
    let shop = databases::add_database(&vault, &add(&source)).unwrap();
    let create = || {
        let options = crate::create::CreateOptions::new(shop.id.clone(), "alice");
        crate::create::create(&vault, &options, &crate::Silent).unwrap().backup.id
    };
    let (pinned, damaged_notes, trashed) = (create(), create(), create());
    let edit = backups::EditBackupOptions { pinned: Some(true), actor: "alice".to_owned(), ..Default::default() };
    backups::edit(&vault, &pinned, &edit).unwrap();
    let until = delete::delete(&vault, &trashed, "alice").unwrap().until;
    fs::write(vault.notes_path(&damaged_notes), "no notes").unwrap();
    fs::create_dir(vault.backups_dir().join("strange")).unwrap();
    fs::write(vault.backups_dir().join("strange/database.json"), "{}").unwrap();
    let before = [&pinned, &trashed].map(|id| backups::backup(&vault, id).unwrap());
    let options = VaultOptions { data: vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
    drop(vault);
    let catalog = options.data.join("catalog.sqlite");
    fs::write(&catalog, "damaged").unwrap();
    assert!(matches!(Vault::open(&options), Err(Error::CatalogDamaged { .. })));

    let report = super::rebuild(&options, "alice").unwrap();
    assert_eq!((report.databases, report.backups, report.skipped.len()), (1, 3, 2), "{report:?}");
    assert!(report.skipped.iter().any(|told| told.starts_with(&format!("the notes of {damaged_notes}"))), "{report:?}");
    assert_eq!(fs::read_to_string(report.kept.unwrap()).unwrap(), "damaged");
    let vault = Vault::open(&options).unwrap();
    assert_eq!(databases::database(&vault, &shop.id).unwrap(), shop);
    for before in before {
        let after = backups::backup(&vault, &before.id).unwrap();
        assert_eq!(after, crate::model::backup::Backup { job: None, ..before });
    }
    assert!(backups::backup(&vault, &damaged_notes).unwrap().pinned, "in doubt it stays");
    assert_eq!(delete::trash(&vault).unwrap()[0].trash_until, Some(until));
    assert!(create_next(&vault, &shop.id) > backups::backup(&vault, &trashed).unwrap().sequence);
    let names: Vec<_> = fs::read_dir(&options.data).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.contains("rebuilding")), "{names:?}");

    // An archive that cannot be read is told, and no other waits for it; what was set aside within the same second stays too.
    let (archive, readable) = (vault.trash_path(&trashed), fs::read(vault.trash_path(&trashed)).unwrap());
    drop(vault);
    fs::write(&archive, "no archive").unwrap();
    let report = super::rebuild(&options, "alice").unwrap();
    assert!(report.skipped.iter().any(|told| told.starts_with(trashed.as_str())), "{report:?}");
    fs::write(&archive, readable).unwrap();
    assert_eq!(super::rebuild(&options, "alice").unwrap().backups, report.backups + 1);
    let kept = fs::read_dir(&options.data).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        name.starts_with("catalog.damaged-") && name.ends_with(".sqlite")
    });
    assert_eq!(kept.count(), 3);
}

#[test]
fn a_vault_of_which_only_the_backups_are_left_is_begun_anew() {
    use crate::{backups, databases};
    let dir = TempDir::new().unwrap();
    let vault = testing::open(&dir);
    let source = dir.path().join("shop.db");
    rusqlite::Connection::open(&source).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    let add = databases::AddDatabaseOptions {
        location: source.to_str().unwrap().to_owned(),
        name: None,
        schedules: None,
        actor: "alice".to_owned(),
    };
    let shop = databases::add_database(&vault, &add).unwrap();
    let options = crate::create::CreateOptions::new(shop.id.clone(), "alice");
    let backup = crate::create::create(&vault, &options, &crate::Silent).unwrap().backup;
    let (old, saved) = (vault.data_dir().to_owned(), dir.path().join("saved"));
    drop(vault);
    fs::rename(old.join("backups"), &saved).unwrap();
    fs::remove_dir_all(&old).unwrap();
    let at = |data: &str, backups: Option<&Path>| VaultOptions {
        data: dir.path().join(data),
        backups: backups.map(Path::to_owned),
        mode: OpenMode::Existing,
    };

    let nothing = super::rebuild(&at("elsewhere", None), "alice");
    assert!(matches!(nothing, Err(Error::NoVault { .. })) && !dir.path().join("elsewhere").exists(), "no backups, no vault");
    let (named, own) = (at("named", Some(&saved)), at("own", None));
    fs::create_dir(&own.data).unwrap();
    fs::write(own.data.join("a file of somebody"), "").unwrap();
    for (options, backup_count) in [(&named, 1), (&own, 2)] {
        if options.backups.is_none() {
            fs::rename(&saved, options.data.join("backups")).unwrap();
        }
        let report = super::rebuild(options, "alice").unwrap();
        assert_eq!((report.databases, report.backups, report.kept), (1, backup_count, None));
        let vault = Vault::open(&VaultOptions { backups: None, ..options.clone() }).unwrap();
        assert_eq!(backups::backup(&vault, &backup.id).unwrap().payload_hash, backup.payload_hash);
        assert!(create_next(&vault, &shop.id) > backup.sequence);
    }
}

/// An older binary was put back with the catalog that it can read, or a saved one: what was made meanwhile is not in it.
#[test]
fn after_a_catalog_of_before_the_newest_backup_is_the_newest() {
    use crate::{backups, databases};
    let dir = TempDir::new().unwrap();
    let vault = testing::open(&dir);
    let source = dir.path().join("shop.db");
    rusqlite::Connection::open(&source).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    let add = databases::AddDatabaseOptions {
        location: source.to_str().unwrap().to_owned(),
        name: None,
        schedules: None,
        actor: "alice".to_owned(),
    };
    let shop = databases::add_database(&vault, &add).unwrap().id;
    let options = VaultOptions { data: vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
    let create = || {
        let vault = Vault::open(&options).unwrap();
        crate::create::create(&vault, &crate::create::CreateOptions::new(shop.clone(), "alice"), &crate::Silent).unwrap().backup
    };
    let (catalog, copy) = (options.data.join("catalog.sqlite"), dir.path().join("copy.sqlite"));
    drop(vault);
    let first = create();
    fs::copy(&catalog, &copy).unwrap();
    let (second, third) = (create(), create());
    let in_trash = crate::delete::delete(&Vault::open(&options).unwrap(), &second.id, "alice").unwrap().backup;
    fs::copy(&copy, &catalog).unwrap();
    let fourth = create();
    assert_eq!(fourth.sequence, 4, "above all that lie in the folder and the trash");

    // And where it could not be seen: they lay elsewhere then.
    fs::rename(&copy, &catalog).unwrap();
    let vault = Vault::open(&options).unwrap();
    let away = [vault.archive_path(&third.id), vault.archive_path(&fourth.id), vault.trash_path(&second.id)];
    drop(vault);
    for path in &away {
        fs::rename(path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let newest = create();
    assert_eq!(newest.sequence, in_trash.sequence, "its number is given out again");
    for path in &away {
        fs::rename(dir.path().join(path.file_name().unwrap()), path).unwrap();
    }
    assert_eq!(super::rebuild(&options, "alice").unwrap().backups, 5);
    let vault = Vault::open(&options).unwrap();
    let order: Vec<_> = vault.catalog().backups_of(&shop).unwrap().into_iter().map(|backup| (backup.id, backup.sequence)).collect();
    assert_eq!(order, [(newest.id.clone(), 5), (fourth.id, 4), (third.id, 3), (second.id, 2), (first.id, 1)]);
    assert!(!backups::backup(&vault, &newest.id).unwrap().is_imported());
    let link = fs::read_link(vault.latest_link(&shop)).unwrap();
    assert_eq!(link.file_stem().unwrap().to_str(), Some(newest.id.as_str()));
    assert!(create_next(&vault, &shop) > 5);
}

#[test]
fn what_was_set_comes_back_with_the_catalog() {
    use keepstone_model::{
        anomaly::LossPolicy,
        id::Kind,
        retention::{CleanupRhythm, CountBy, RetentionPolicy},
        schedule::{IfMissed, JobLimits, Preset, Schedule, Trigger},
        snapshot::SnapshotPolicy,
    };

    use crate::{cleanup, databases, schedules, verify};
    let dir = TempDir::new().unwrap();
    let vault = testing::open(&dir);
    let source = dir.path().join("shop.db");
    rusqlite::Connection::open(&source).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    let options = databases::AddDatabaseOptions {
        location: source.to_str().unwrap().to_owned(),
        name: None,
        schedules: Some(databases::FirstSchedules::of(Preset::HalfDaily)),
        actor: "alice".to_owned(),
    };
    let shop = databases::add_database(&vault, &options).unwrap().id;
    let now = jiff::Timestamp::now();
    let cron = Schedule {
        if_missed: IfMissed::Skip,
        jitter_secs: 60,
        paused: true,
        ..Schedule::cron(Kind::Weekly, "30 2 * * 0", "Australia/Lord_Howe")
    };
    let add = |schedule| schedules::AddScheduleOptions { database: shop.clone(), schedule, actor: "alice".to_owned() };
    let weekly = schedules::add(&vault, &add(cron), now).unwrap().number;
    let gone = schedules::add(&vault, &add(Schedule::cron(Kind::Yearly, "0 0 1 1 *", "UTC")), now).unwrap().number;
    schedules::remove(&vault, gone, "alice", now).unwrap();
    let jitter = schedules::EditScheduleOptions { jitter_secs: Some(600), actor: "alice".to_owned(), ..Default::default() };
    schedules::edit(&vault, weekly, &jitter, now).unwrap();
    schedules::set_managed(&vault, &shop, "environment", Some(&Schedule::cron(Kind::Daily, "0 2 * * *", "UTC")), now).unwrap();
    let loss = LossPolicy { share_percent: Some(20), tables: [("t".to_owned(), None)].into() };
    let edit = databases::EditDatabaseOptions {
        objective_secs: Some(Some(7200)),
        never_replace: Some(true),
        loss: Some(loss),
        snapshot: Some(SnapshotPolicy::of("2h", "20GB", "").unwrap()),
        actor: "alice".to_owned(),
        ..Default::default()
    };
    databases::edit_database(&vault, &shop, &edit).unwrap();
    cleanup::set_policy(&vault, &shop, &RetentionPolicy::standard(), cleanup::Consent::Given, CountBy::Good, "alice").unwrap();
    let rhythm = CleanupRhythm {
        trigger: Trigger::Cron { cron: "30 4 * * *".to_owned(), time_zone: "Europe/Berlin".to_owned() },
        after_backups: false,
        paused: true,
    };
    cleanup::set_rhythm(&vault, &shop, &rhythm, "alice", now).unwrap();
    let limits = JobLimits { max_running: 5, hung_after_secs: 120, stop_within_secs: 9 };
    schedules::set_job_limits(&vault, &limits, "alice", now).unwrap();
    let create = || crate::create::create(&vault, &crate::create::CreateOptions::new(shop.clone(), "alice"), &crate::Silent).unwrap();
    let (good, bad) = (create().backup.id, create().backup.id);
    let said = |vault: &Vault| -> Vec<_> {
        let all = vault.catalog().schedules(None).unwrap();
        all.into_iter().map(|row| (row.schedule, row.anchor_at, row.managed_by)).collect()
    };
    let (before, schedules_before) = (databases::database(&vault, &shop).unwrap(), said(&vault));
    assert_eq!(schedules_before.len(), 5);
    // The newest one is damaged: the link is to the one before, now and of a new catalog.
    let latest =
        |vault: &Vault| fs::read_link(vault.latest_link(&shop)).ok().map(|link| link.file_stem().unwrap().to_str().unwrap().to_owned());
    assert_eq!(latest(&vault).as_deref(), Some(bad.as_str()));
    let archive = vault.archive_path(&bad);
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    verify::verify(&vault, &verify::VerifyOptions::new(bad, "alice"), &crate::Silent).unwrap();
    assert_eq!(latest(&vault).as_deref(), Some(good.as_str()), "a failed check moves the link");
    fs::remove_file(vault.latest_link(&shop)).unwrap();

    let options = VaultOptions { data: vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
    drop(vault);
    fs::write(options.data.join("catalog.sqlite"), "damaged").unwrap();
    super::rebuild(&options, "alice").unwrap();
    let vault = Vault::open(&options).unwrap();
    assert_eq!(databases::database(&vault, &shop).unwrap(), before);
    assert_eq!(said(&vault), schedules_before);
    assert!(schedules::list(&vault, None, now).unwrap()[0].next_run_at.is_some(), "they run again");
    assert_eq!(schedules::job_limits(&vault).unwrap(), limits);
    assert_eq!(latest(&vault).as_deref(), Some(good.as_str()), "the link comes back");

    // One schedule that nobody can read takes no other with it; a file that another version or a dying process left is brought up to date.
    let file = vault.database_json_path(&shop);
    let text = fs::read_to_string(&file).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["schedules"][1] = serde_json::json!({ "kind": "centennial" });
    fs::write(&file, value.to_string()).unwrap();
    databases::mend_files(&vault).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    fs::write(&file, value.to_string()).unwrap();
    drop(vault);
    fs::remove_file(options.data.join("catalog.sqlite")).unwrap();
    super::rebuild(&options, "alice").unwrap();
    assert_eq!(said(&Vault::open(&options).unwrap()).len(), 4);
    // A file of before schedules were kept there leaves the default ones.
    let vault = Vault::open(&options).unwrap();
    value.as_object_mut().unwrap().remove("schedules");
    fs::write(&file, value.to_string()).unwrap();
    drop(vault);
    fs::remove_file(options.data.join("catalog.sqlite")).unwrap();
    super::rebuild(&options, "alice").unwrap();
    assert_eq!(said(&Vault::open(&options).unwrap()).len(), 3);
}

fn create_next(vault: &Vault, database: &crate::model::id::DatabaseId) -> i64 {
    let options = crate::create::CreateOptions::new(database.clone(), "alice");
    crate::create::create(vault, &options, &crate::Silent).unwrap().backup.sequence
}
