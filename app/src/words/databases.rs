//! What is read about databases: their list, one of them, what it is set to, and adding one.

use super::{Shown, plural};

words! {
    // The list.
    lead { en: "What is protected, the most endangered first." }
    none { en: "No database is protected yet" }
    none_way { en: "Add one by the path of its file; it gets a daily, a weekly and a monthly backup." }
    caption { en: "Databases, the most endangered first" }
    newest_good { en: "Newest good backup" }

    // The form that adds one.
    add_panel { en: "Which database" }
    location { en: "Path of the SQLite file on this machine, or URL of the PostgreSQL database" }
    location_help { en: "It stays where it is; applications keep using it. Keepstone opens it once to see that it can be backed up. A URL looks like postgresql://user@host/database." }
    password { en: "Password of the URL's user" }
    password_help { en: "Only for PostgreSQL; kept sealed. Without one the server's PGPASSWORD or .pgpass is used." }
    name_from { en: "from the name of the file or the database" }
    name_help { en: "Optional. Lower-case letters, digits and hyphens; backups are named after it." }
    schedules_legend { en: "Back it up" }
    schedules_none { en: "By hand only, without a schedule" }
    schedules_help { en: "All of it can be changed later." }
    add_do { en: "Add the database" }
    location_missing { en: "Give the path of the database file on this machine, or a URL." }

    // One database: what is wrong with it.
    last_run_failed { en: "The last run failed" }
    see_failed { en: "See what failed" }
    paused { en: "Paused" }
    paused_means { en: "No schedule runs for this database. What it has so far can be restored." }
    at_risk { en: "At risk" }
    not_all_well { en: "Not all of its backups count" }
    unproven { en: "Unproven" }
    see_retention { en: "See the retention" }
    recovered { en: "It was damaged, and brought back by itself" }
    recovered_from { en: ": restored from " }
    recovered_backup { en: "this backup" }
    recovered_lost { en: ". What was written after it is lost, unless it can be found in the damaged files, which are kept:" }

    // Its protection, its backups and schedules.
    protection { en: "Protection" }
    objective { en: "Objective" }
    objective_own { en: "set for this database" }
    objective_by_schedules { en: "the longest gap of its schedules and 2 h" }
    kept { en: "Kept" }
    backups_kept(count: u64) { en: plural(count, "1 backup", "{} backups") }
    last_days { en: "Last 30 days" }
    newest_backups { en: "Newest backups" }
    all_backups(count: Shown) { en: "All {count}" }
    change_schedules { en: "Change schedules" }
    no_schedule { en: "No schedule" }
    no_schedule_means { en: "Backups of this database are made by hand only." }
    back_up(database: Shown) { en: "Back up {database}" }
    none_yet { en: "No backup yet" }
    none_yet_means { en: "Nothing of this database could be restored. Make the first backup now." }
    backups_caption { en: "The newest backups" }

    // What it is set to.
    about { en: "About" }
    engine { en: "Engine" }
    last_size { en: "Size when last backed up" }
    replacing { en: "Replacing it by a restore" }
    replacing_never { en: "never: restores go into new files only" }
    replacing_allowed { en: "allowed, after a plan and a confirmation" }
    auto_recovery { en: "Auto-recovery" }
    auto_recovery_on { en: "on: at the start, at most once a day" }
    auto_recovery_off { en: "off: a corrupt database waits for a person" }
    globals { en: "Roles and tablespaces of its server" }
    globals_on { en: "kept beside each backup, without passwords" }
    globals_off { en: "only where a backup is asked to keep them" }
    encryption { en: "Encryption" }
    encryption_forced { en: "on: set by the environment for every backup" }
    encryption_on { en: "on: its backups are encrypted" }
    encryption_off { en: "off" }
    new_backups { en: "New backups" }
    by_environment(defaults: Shown) { en: "{defaults} (set by the environment)" }
    snapshots { en: "Its snapshots are" }
    suspect_if_lost { en: "A backup is suspect if it lost" }

    // What an admin changes.
    settings_change(id: Shown) { en: "Change the settings of {id}" }
    objective_by_default { en: "by its schedules" }
    objective_help { en: "The largest age of the newest good backup, e.g. 26h or 7d; older is \"at risk\". Empty: the schedules' longest gap and 2 h." }
    never_replace { en: "Never replace it: refuse every restore over the live database" }
    pause { en: "Pause it: take no scheduled backups" }
    auto_recovery_do { en: "Auto-recovery: at the start, restore the newest good backup if the database is corrupt" }
    globals_do { en: "Keep the server's roles and tablespaces beside each backup, without passwords" }
    loss_share { en: "A table lost rows" }
    loss_share_help { en: "A backup is suspect if a table lost more than this share of its rows, e.g. 50%; off: never" }
    loss_tables { en: "Other shares by table" }
    loss_tables_help { en: "e.g. jobs=off, orders=5%" }
    snapshot_auto { en: "by its size" }
    snapshot_hold { en: "Longest hold of a snapshot" }
    snapshot_hold_help { en: "e.g. 2h: while pages are read, the -wal file of a database in WAL mode cannot be taken back. Empty: 30 min, longer for a large database" }
    snapshot_wal { en: "Largest growth of the -wal file during a snapshot" }
    snapshot_wal_help { en: "e.g. 20GB. Empty: 4.3 GB, or the size of the database" }
    snapshot_free { en: "What a snapshot leaves free on the database's disk" }
    snapshot_free_help { en: "e.g. 1GB. Empty: 67 MB" }
    settings_save { en: "Save the settings" }
    encrypt { en: "Encrypt its backups, with the password that the vault or its environment has" }
    encrypt_managed(by: Shown) { en: "Encrypt its backups: set by the {by}, and changed only there" }
    encrypt_forced { en: "Encrypt its backups: set by the environment for every backup, and changed only there" }
    managed(settings: Shown) { en: "{settings} of this database: changed only there." }
    managed_by(by: Shown) { en: "Set by the {by}" }
    remove { en: "Remove" }
    remove_one(id: Shown) { en: "Remove {id} from Keepstone" }
    remove_means { en: "Its schedules end. The archives stay in the backup folder and can still be restored." }
    remove_ask(id: Shown) { en: "Remove {id}…" }
    remove_title(id: Shown) { en: "Remove {id}?" }
    remove_warning { en: "From now on nothing of this database is backed up. Its archives stay where they are, and adding the same database again finds them." }
    remove_do(id: Shown) { en: "Remove {id}" }
}
