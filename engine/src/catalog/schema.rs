//! The tables of the catalog and the steps that brought them about. A step that was released is never edited: a new one follows it.

use rusqlite::{Connection, TransactionBehavior};

use super::Stop;
use crate::Error;

/// "KSTC": a file that carries another number in its header is no catalog.
pub(super) const APPLICATION_ID: i64 = 0x4B53_5443;

/// Each brings a catalog from its index to the next `user_version`. Times are milliseconds since 1970; rich values are JSON.
pub(super) const STEPS: &[&str] = &[
    // 1: the first slice
    "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE databases (
        id             TEXT PRIMARY KEY,
        uid            TEXT NOT NULL UNIQUE,
        engine         TEXT NOT NULL,
        location       TEXT NOT NULL UNIQUE,
        added_at       INTEGER NOT NULL,
        objective_secs INTEGER,
        never_replace  INTEGER NOT NULL,
        paused         INTEGER NOT NULL,
        last_sequence  INTEGER NOT NULL DEFAULT 0   -- the highest ever given out: a number is never used again
    ) STRICT;

    CREATE TABLE schedules (
        number       INTEGER PRIMARY KEY AUTOINCREMENT,
        database     TEXT NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
        kind         TEXT NOT NULL,
        cron         TEXT NOT NULL,
        time_zone    TEXT NOT NULL,
        if_missed    TEXT NOT NULL,
        planned_at   INTEGER,   -- what the clock said when next_run_at was reckoned
        next_run_at  INTEGER,   -- null: this cron never comes up again
        last_run_at  INTEGER,   -- the time for which the last run was due
        last_job     TEXT
    ) STRICT;
    CREATE INDEX schedules_by_database ON schedules (database);

    CREATE TABLE backups (
        id                  TEXT PRIMARY KEY,
        database            TEXT NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
        kind                TEXT NOT NULL,
        sequence            INTEGER NOT NULL,
        state               TEXT NOT NULL,
        created_at          INTEGER NOT NULL,
        created_by          TEXT NOT NULL,
        description         TEXT NOT NULL,
        tags                TEXT NOT NULL,
        pinned              INTEGER NOT NULL,
        suspect             TEXT,
        original_size_bytes INTEGER NOT NULL,
        archive_size_bytes  INTEGER NOT NULL,
        total_records       INTEGER NOT NULL,
        payload_hash        TEXT,
        proof               TEXT,
        error               TEXT,
        job                 TEXT,
        trashed_at          INTEGER,
        trash_until         INTEGER,
        good                INTEGER NOT NULL,             -- what Backup::is_good says of this row
        gone                INTEGER NOT NULL DEFAULT 0,   -- a tombstone: its archive was removed for good
        search              TEXT NOT NULL,                -- id, description and tags in lower case
        UNIQUE (database, sequence)
    ) STRICT;
    CREATE INDEX backups_by_time ON backups (created_at);
    CREATE INDEX backups_by_state ON backups (state, created_at);
    CREATE INDEX backups_by_job ON backups (job) WHERE job IS NOT NULL;

    CREATE TABLE jobs (
        number           INTEGER PRIMARY KEY AUTOINCREMENT,   -- the order in which they came
        id               TEXT NOT NULL UNIQUE,
        key              TEXT UNIQUE,
        verb             TEXT NOT NULL,
        state            TEXT NOT NULL,
        database         TEXT,
        backup           TEXT,
        created_at       INTEGER NOT NULL,
        created_by       TEXT NOT NULL,
        started_at       INTEGER,
        finished_at      INTEGER,
        cancel_requested INTEGER NOT NULL,
        error            TEXT,
        outcome          TEXT,
        request          TEXT NOT NULL,
        result           TEXT,
        worker_pid       INTEGER,
        worker_host      TEXT
    ) STRICT;
    CREATE INDEX jobs_by_state ON jobs (state, number);
    CREATE INDEX jobs_by_database ON jobs (database, number);

    CREATE TABLE job_log (
        number INTEGER PRIMARY KEY,
        job    TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        at     INTEGER NOT NULL,
        line   TEXT NOT NULL
    ) STRICT;
    CREATE INDEX job_log_by_job ON job_log (job, number);

    CREATE TABLE events (
        number        INTEGER PRIMARY KEY AUTOINCREMENT,
        at            INTEGER NOT NULL,
        actor         TEXT NOT NULL,
        action        TEXT NOT NULL,
        result        TEXT NOT NULL,
        database      TEXT,
        backup        TEXT,
        job           TEXT,
        message       TEXT NOT NULL,
        previous_hash TEXT NOT NULL,
        hash          TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_database ON events (database, number);
    CREATE INDEX events_by_backup ON events (backup, number);
    CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE (ABORT, 'events are never removed'); END;
    CREATE TRIGGER events_keep BEFORE UPDATE ON events BEGIN SELECT RAISE (ABORT, 'events are never changed'); END;

    CREATE TABLE users (
        key           TEXT PRIMARY KEY,   -- the name in lower case
        name          TEXT NOT NULL,
        role          TEXT NOT NULL,
        password_hash TEXT NOT NULL,
        created_at    INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE sessions (
        token_hash       TEXT PRIMARY KEY,
        user             TEXT NOT NULL REFERENCES users (key) ON DELETE CASCADE,
        created_at       INTEGER NOT NULL,
        authenticated_at INTEGER NOT NULL,
        last_seen_at     INTEGER NOT NULL,
        expires_at       INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_user ON sessions (user);

    CREATE TABLE setup_link (
        one        INTEGER PRIMARY KEY CHECK (one = 1),
        token_hash TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT;
    ",
    // 2: what a database is set to beside its schedules
    r#"
    ALTER TABLE databases ADD COLUMN retention TEXT NOT NULL DEFAULT '{"daily":7,"weekly":4,"monthly":12}';
    ALTER TABLE databases ADD COLUMN auto_recovery INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE databases ADD COLUMN encrypt INTEGER NOT NULL DEFAULT 0;
    "#,
    // 3: a list can be asked for what its backups are worth
    "
    ALTER TABLE backups ADD COLUMN verdict TEXT NOT NULL DEFAULT 'unproven';   -- what Backup::verdict says of this row
    UPDATE backups SET verdict = CASE
        WHEN suspect IS NOT NULL THEN 'suspect'
        WHEN EXISTS (SELECT 1 FROM json_each(proof, '$.checks') WHERE value ->> 'result' = 'failed') THEN 'bad'
        WHEN good THEN 'good'
        ELSE 'unproven' END;
    ",
    // 4: how cleanup stands with a database
    "
    ALTER TABLE databases ADD COLUMN cleanup TEXT NOT NULL DEFAULT '{}';
    ",
    // 5: what puts a backup in doubt, who took note of it, and what the last look at a live database found
    "
    ALTER TABLE backups ADD COLUMN suspect_cause TEXT NOT NULL DEFAULT 'damage';
    ALTER TABLE backups ADD COLUMN acknowledged TEXT;
    ALTER TABLE databases ADD COLUMN loss TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE databases ADD COLUMN checkup TEXT;
    ",
    // 6: schedules that follow no cron, delays, and pauses of one schedule
    "
    ALTER TABLE schedules ADD COLUMN every_secs INTEGER;                       -- an interval; its cron is empty
    ALTER TABLE schedules ADD COLUMN at_event TEXT;                            -- 'start' or 'stop'; its cron is empty
    ALTER TABLE schedules ADD COLUMN anchor_at INTEGER NOT NULL DEFAULT 0;     -- from where an interval is counted
    ALTER TABLE schedules ADD COLUMN jitter_secs INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE schedules ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE schedules ADD COLUMN managed_by TEXT;                          -- who alone may change it, e.g. 'environment'
    ",
    // 7: whether a backup is encrypted, and whether a known password opens it
    "
    ALTER TABLE backups ADD COLUMN encryption TEXT NOT NULL DEFAULT 'none';
    ",
    // 8: who alone may change the retention, and when cleanup looks at a database by itself
    r#"
    ALTER TABLE databases ADD COLUMN retention_managed_by TEXT;
    ALTER TABLE databases ADD COLUMN rhythm TEXT NOT NULL DEFAULT '{"on":"interval","every_secs":86400,"after_backups":true,"paused":false}';
    "#,
    // 9: tokens of programs, and what they asked for under a key of theirs
    "
    CREATE TABLE tokens (
        number       INTEGER PRIMARY KEY AUTOINCREMENT,   -- a number is never used again
        name         TEXT NOT NULL UNIQUE COLLATE NOCASE,
        secret_hash  TEXT NOT NULL UNIQUE,                -- SHA-256: the secret has 256 bits of its own
        scopes       TEXT NOT NULL,
        databases    TEXT,                                -- null: every one
        created_at   INTEGER NOT NULL,
        created_by   TEXT NOT NULL,
        expires_at   INTEGER,
        last_used_at INTEGER
    ) STRICT;

    CREATE TABLE idempotency (
        token        INTEGER NOT NULL,   -- stays when the token goes
        key          TEXT NOT NULL,
        request_hash TEXT NOT NULL,
        created_at   INTEGER NOT NULL,
        PRIMARY KEY (token, key)
    ) STRICT, WITHOUT ROWID;
    ",
    // 10: users who may not sign in for now, the one-time links by which a user sets a password, and from where a session is used
    "
    ALTER TABLE users ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
    ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';

    CREATE TABLE user_links (
        user       TEXT PRIMARY KEY REFERENCES users (key) ON DELETE CASCADE,
        token_hash TEXT NOT NULL UNIQUE,
        expires_at INTEGER NOT NULL
    ) STRICT;
    ",
    // 11: second factors; their secrets are in the vault's keys
    "
    ALTER TABLE users ADD COLUMN factor TEXT;
    ",
    // 12: backups that are not of the whole database
    "
    ALTER TABLE backups ADD COLUMN coverage TEXT NOT NULL DEFAULT 'whole';
    ",
    // 13: lists, charts and plans read what they need out of an index: a row with its proof takes a page of the file
    "
    CREATE INDEX backups_in_short ON backups
        (database, sequence, state, kind, verdict, created_at, trashed_at, archive_size_bytes, encryption, pinned, gone);
    CREATE INDEX backups_in_lists ON backups
        (created_at, sequence, id, database, kind, state, verdict, archive_size_bytes, gone, search);
    CREATE INDEX backups_in_doubt ON backups (database, sequence) WHERE suspect IS NOT NULL;
    DROP INDEX backups_by_time;
    ",
    // 14: when a restore of a database was last tried, and came out equal
    "
    CREATE TABLE restore_tests (
        database TEXT PRIMARY KEY REFERENCES databases (id) ON DELETE CASCADE,
        at       INTEGER NOT NULL
    ) STRICT;
    ",
    // 15: whether the backups of a server's database keep what belongs to the server
    "
    ALTER TABLE databases ADD COLUMN globals INTEGER NOT NULL DEFAULT 0;
    ",
    // 16: what people set for themselves
    "
    ALTER TABLE users ADD COLUMN preferences TEXT NOT NULL DEFAULT '{}';   -- JSON
    ",
    // 17: when a snapshot of a database gives itself up
    "
    ALTER TABLE databases ADD COLUMN snapshot TEXT NOT NULL DEFAULT '{}';   -- JSON
    ",
    // 18: that somebody said that the backups of a database are not to be encrypted
    "
    ALTER TABLE databases ADD COLUMN plain INTEGER NOT NULL DEFAULT 0;
    ",
];

/// Whether a copy is kept of what the catalog was before the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Kept,
    /// It is a copy itself.
    Forgotten,
}

/// Brings the catalog to this version, all steps in one transaction: a process that dies in between leaves the old version, whole. A catalog
/// of a newer version is refused and not touched.
pub(super) fn migrate(connection: &mut Connection, kept: Before) -> Result<(), Stop> {
    migrate_by(connection, STEPS, kept)
}

pub(super) fn migrate_by(connection: &mut Connection, steps: &[&str], kept: Before) -> Result<(), Stop> {
    let version = |c: &Connection| c.query_row("PRAGMA user_version", [], |row| row.get::<_, usize>(0));
    let before = version(connection)?;
    if before == steps.len() {
        return Ok(());
    }
    if kept == Before::Kept && before > 0 && before < steps.len() {
        super::keep::before_steps(connection, before)?;
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again under the lock: another process may have done it meanwhile.
    let found = version(&tx)?;
    if found > steps.len() {
        let path = tx.path().unwrap_or_default().into();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        return Err(Error::VaultTooNew { path, found: number(found), known: number(steps.len()) }.into());
    }
    for step in &steps[found..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", steps.len())?;
    tx.commit()?;
    Ok(())
}
