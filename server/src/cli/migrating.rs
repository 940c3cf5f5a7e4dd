//! Reads `docs/migrating.md` and tries what its rows say: commands, fields of the metadata, variables, addresses, codes. Only tests live here.

use std::{collections::BTreeSet, fs, path::Path};

use clap::Parser;
use keepstone_model::access::{api_rules_for, below_api, rule_for};

use super::Cli;

/// A row of a table: what there was, what there is, and whether it is.
struct Row {
    line: usize,
    there: String,
    here: String,
    state: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/migrating.md")).unwrap();
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else { continue };
        let cells: Vec<&str> = cells.split(" | ").collect();
        if cells[0] == "There" || cells[0].starts_with("---") {
            continue;
        }
        let [there, here, state] = cells.as_slice() else { panic!("line {}: {} cells", number + 1, cells.len()) };
        rows.push(Row { line: number + 1, there: (*there).to_owned(), here: (*here).to_owned(), state: (*state).to_owned() });
    }
    assert!(rows.len() > 150, "the tables are there: {} rows", rows.len());
    rows
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Words of a command line, quotes and all that a document needs of a shell.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut within = false;
    for c in command.chars() {
        match c {
            '\'' => within = !within,
            ' ' if !within => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

fn product() -> String {
    fn walk(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, text);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut text = String::new();
    for layer in ["server/src", "engine/src", "model/src"] {
        walk(&root().join(layer), &mut text);
    }
    text
}

#[test]
fn every_row_says_whether_it_is_so() {
    for row in rows() {
        assert!(["now", "later", "not"].contains(&row.state.as_str()), "line {}: {}", row.line, row.state);
        assert!(!row.there.is_empty() && !row.here.is_empty(), "line {}", row.line);
    }
}

#[test]
fn commands_that_are_there_are_understood() {
    let mut tried = 0;
    for row in rows().iter().filter(|row| row.state == "now") {
        for command in quoted(&row.here).filter(|text| text.starts_with("keepstone ")) {
            if let Err(error) = Cli::try_parse_from(words(command)) {
                panic!("line {}: `{command}`: {error}", row.line);
            }
            tried += 1;
        }
    }
    assert!(tried > 80, "{tried} commands");
}

#[test]
fn fields_variables_addresses_and_codes_exist() {
    let metadata = fs::read_to_string(root().join("model/src/metadata.rs")).unwrap();
    let product = product();
    for row in rows().iter().filter(|row| row.state == "now") {
        for text in quoted(&row.here) {
            let told = format!("docs/migrating.md:{}: `{text}`", row.line);
            if let Some(field) = text.strip_prefix("metadata.").filter(|&field| field != "json") {
                assert!(metadata.contains(&format!("    pub {field}: ")), "{told}");
            } else if text.starts_with('/') && !text.starts_with("/tmp") {
                let known = match below_api(text) {
                    Some(path) => !api_rules_for(path).is_empty(),
                    None => rule_for(text).is_some(),
                };
                assert!(known, "{told}");
            } else if let Some(path) = text.strip_prefix("keepstone_engine::") {
                let (module, item) = path.split_once("::").unwrap_or((path, ""));
                assert!(product.contains(&format!("pub fn {item}")) || item.is_empty(), "{told}");
                assert!(fs::read_to_string(root().join("engine/src/lib.rs")).unwrap().contains(&format!("pub mod {module};")), "{told}");
            }
        }
        for (word, plural) in [("code ", "codes "), ("check ", "checks "), ("env ", "env ")] {
            for part in row.here.split(word).skip(1).chain(row.here.split(plural).skip(1)).filter(|part| part.starts_with('`')) {
                let name = part.trim_start_matches('`').split('`').next().unwrap();
                assert!(product.contains(&format!("\"{name}\"")), "docs/migrating.md:{}: {word}{name}", row.line);
            }
        }
    }
}

/// What the predecessors' documents name. Each stands in a table, on its left.
#[test]
fn nothing_of_the_predecessors_is_missing() {
    let named = "
        create_backup list_backups restore_backup start_scheduler --type manual daily weekly monthly --id --path scheduler backup_type timestamp
        created_at database_size backup_hash schema columns row_count logs/backup.log pre_restore
        --description --user --limit --confirm export csv sql --include-sensitive cleanup --daily-keep --weekly-keep info export_data
        cleanup_old_backups admin_api backup_scheduler.py --test --run-once database_version file_size checksum description created_by
        \"Database file not found\" \"Restore not confirmed\" \"Insufficient disk space\" \"Backup integrity check failed\" setUp tearDown
        max_backups backup_interval DatabaseBackup /web/admin/backups data_latest.db corrupted_ data_backup_AUTO_ data_backup_MANUAL_
        get_backup_stats total_size total_size_mb latest latest_time oldest oldest_time _backup_loop shutil.copy2
        --encrypt --no-encrypt --compress --no-compress --tags --verify --no-safety-backup --no-verify --yes delete --keep stats
        file_existence checksum_validation decryption_test decompression_test sqlite_integrity_check DATABASE_URL BACKUP_DIR
        BACKUP_ENCRYPTION_PASSWORD BACKUP_ENABLED BACKUP_SCHEDULE BACKUP_RETENTION_DAYS BACKUP_MAX_BACKUPS BACKUP_ENCRYPTION_ENABLED
        BACKUP_COMPRESSION_ENABLED BACKUP_VERIFY_AFTER_CREATE BackupService verify_backup delete_backup delete_old_backups get_backup_stats
        BackupScheduler start stop is_running trigger_backup get_next_run_time get_job_info update_schedule backup_id filename status
        original_size compressed_size encrypted compressed checksum_algorithm schema_version table_counts total_records tags verified
        verification_date verification_errors AES-256-CBC \"Backup file not found\" \"Checksum mismatch\" \"Decryption failed\" \"Permission denied\"
        \"Scheduled backups not running\" backup_system.py scheduled_backup.py /backup pg_dump psql \"Backup verification failed\"";
    let left: String = rows().into_iter().map(|row| row.there + "\n").collect();
    let mut missing = BTreeSet::new();
    for (number, part) in named.split('"').enumerate() {
        let names: Vec<&str> = if number % 2 == 1 { vec![part] } else { part.split_whitespace().collect() };
        missing.extend(names.into_iter().filter(|name| !left.contains(name)).map(str::to_owned));
    }
    assert!(missing.is_empty(), "{missing:?}");
}
