//! What is read about backups: their list and calendar, one of them, and making a new one.

use super::{Shown, count, plural};

words! {
    // The list, and its filter.
    none_fits { en: "No backup fits this filter" }
    show_all { en: "Show all backups" }
    no_such_page { en: "There is no such page" }
    to_the_newest { en: "To the newest backups" }
    page_of(first: u64, last: u64, total: u64) { en: plural(total, "1 backup", &format!("{} to {} of {{}} backups", count(first), count(last))) }
    no_database { en: "No database is protected yet" }
    no_database_way { en: "Add one, and its backups stand here." }
    none_yet { en: "No backup yet" }
    none_yet_way { en: "The schedules take the first one by themselves; you need not wait for them." }
    create_first { en: "Create the first backup" }
    filter { en: "Filter backups" }
    all_kinds { en: "all kinds" }
    searched_in { en: "id, description, tag" }
    from_day { en: "From" }
    to_day { en: "To" }
    look { en: "View" }
    look_list { en: "List" }
    look_calendar { en: "Calendar" }
    trash_with(count: Shown) { en: "Trash ({count})" }
    newest_first { en: "Newest first" }
    oldest_first { en: "Oldest first" }
    to_the_ticked { en: "Go on with the ticked ones…" }
    by_time { en: "When " }
    kept_until_and_why { en: "Kept until · why" }
    times_in(zone: Shown) { en: "Backups, times in {zone}" }
    select_all { en: "Select all on this page" }
    select { en: "Select" }
    select_one(id: Shown) { en: "Select {id}" }
    restore_one(id: Shown) { en: "Restore {id}" }
    more_of(id: Shown) { en: "More for {id}" }
    download_archive { en: "Download archive" }
    verify_or_pin { en: "Verify or pin…" }
    delete_one { en: "Delete…" }
    see_progress { en: "See its progress" }
    pinned_means { en: "Never deleted by a cleanup" }

    // The calendar.
    calendar_caption(month: Shown, zone: Shown) { en: "Backups of {month}, days in {zone}" }
    earlier { en: "Earlier" }
    later { en: "Later" }
    weekdays { en: "Monday Tuesday Wednesday Thursday Friday Saturday Sunday" }
    weekdays_short { en: "Mon Tue Wed Thu Fri Sat Sun" }
    days_good(count: Shown) { en: "{count} good, " }
    days_unproven(count: Shown) { en: "{count} unproven, " }
    days_partial(count: Shown) { en: "{count} partial, " }
    days_doubtful(count: Shown) { en: "{count} in doubt, " }
    days_failed(count: Shown) { en: "{count} failed, " }

    // Several of them at once.
    selected { en: "Selected backups" }
    none_selected { en: "No backup is selected" }
    none_selected_way { en: "Tick backups in the list, then come here with them." }
    selected_count(count: Shown, size: Shown) { en: "{count} selected, {size}" }
    selected_missing(missing: u64) { en: plural(missing, "1 of them is not there any more", "{} of them are not there any more") }
    verify_several(count: u64) { en: plural(count, "Verify 1 backup", "Verify {} backups") }
    pin_several(count: u64) { en: plural(count, "Pin 1 backup", "Pin {} backups") }
    unpin_several(count: u64) { en: plural(count, "Unpin 1 backup", "Unpin {} backups") }
    delete_several(count: u64, size: Shown) { en: plural(count, &format!("Move 1 backup, {size}, to the trash"), &format!("Move {{}} backups, {size}, to the trash")) }
    deleting_it { en: "Deleting it" }
    is_in_the_trash { en: "is in the trash" }
    deletable { en: "can be put back for 24 hours" }
    too_many(most: Shown) { en: "At most {most} backups at once." }

    // One backup: what can be done with it.
    summary { en: "Summary" }
    plain_database { en: "Plain database" }
    plain_database_is { en: "unpacked, opens in SQLite" }
    download { en: "Download" }
    archive { en: "Archive" }
    archive_is { en: "with its metadata" }
    export_is { en: "its rows as JSON, CSV or SQL" }
    see_its_job { en: "See its job" }
    create_another { en: "Create another backup" }

    // Its state.
    being_made { en: "This backup is being made" }
    being_made_means { en: "It counts once it is read back and checked. " }
    failed { en: "This backup failed; there is no archive" }
    interrupted { en: "This backup was interrupted; there is no archive" }
    interrupted_means { en: "The process that made it ended before the archive was whole. The database was not touched. " }
    missing { en: "The archive is missing" }
    missing_means { en: "The catalog knows this backup, and the backups folder does not hold its file. Put the file back, or delete the backup. " }
    bad { en: "Do not restore this backup: a check failed" }
    bad_way { en: "Take another one, and look below which check failed." }
    unproven { en: "Not proven: nobody has yet seen that this backup can be restored" }
    lost { en: "Encrypted, and no known password opens it" }
    lost_way { en: "It is not damaged. Tell the vault the password it was encrypted with: `keepstone key add`." }
    unproven_way { en: "Verify reads it back, opens the database in it and counts its rows." }
    partial { en: "Not the whole database: rows were left out on purpose" }
    partial_means { en: "It restores into a new database. It never counts as a good backup, and never takes the live database's place." }
    damaged { en: "The database was damaged when this was taken" }
    poorer { en: "The database lacked what an earlier backup had" }
    damaged_means { en: "It never counts as good. Until somebody acknowledges it, no older good backup is removed." }
    poorer_means { en: "If that was meant, acknowledge it, and it counts like any other; if not, restore an older one. Until then no older good backup is removed." }
    damaged_noted { en: "It never counts as good. It holds no older backup any more." }
    poorer_noted { en: "It counts like any other." }
    acknowledged(noted: Shown) { en: "Acknowledged. {noted}" }
    unencrypted { en: "Not encrypted, though new backups of this database are" }
    unencrypted_means { en: "It can be written anew: the same database to the byte, encrypted, checked, in the same place. The old archive goes to the trash." }
    encrypt_it { en: "Encrypt this backup" }
    in_trash { en: "This backup is in the trash" }
    see_trash { en: "See the trash" }
    neighbours { en: "Neighbouring backups" }
    previous { en: "← Previous backup" }
    next { en: "Next backup →" }

    // Its proof, schema and log.
    no_check { en: "No check was made yet" }
    no_check_way { en: "Verify checks it now; nothing is changed by that." }
    last_checked { en: "Last checked " }
    checks_caption { en: "The checks of this backup" }
    check { en: "Check" }
    check_time { en: "Time" }
    schema { en: "Schema" }
    schema_amount(tables: u64, rows: u64) { en: format!("{}, {}", plural(tables, "1 table", "{} tables"), plural(rows, "1 row", "{} rows")) }
    tables_caption { en: "The tables of this backup" }
    see_the_job { en: "See the job" }
    log_label { en: "Log of the job that made it" }

    // Its facts.
    kept_in_trash { en: "in the trash" }
    goes_next(why: Shown) { en: "goes with the next cleanup: {why}" }
    noted_by(who: Shown, when: Shown) { en: "by {who}, {when}" }
    noted_with_reason(who: Shown, when: Shown, reason: Shown) { en: "by {who}, {when}: {reason}" }
    fact_id { en: "Id" }
    kind_and_number(kind: Shown, number: Shown, database: Shown) { en: "{kind}, number {number} of {database}" }
    kind_imported(kind: Shown, database: Shown) { en: "{kind}, imported into {database}" }
    made_by { en: "Made by" }
    kept_about(until: Shown, relative: Shown) { en: "{until} ({relative}), if the schedules run as they say" }
    why_kept { en: "Why it is kept" }
    fact_file { en: "File" }
    fact_host { en: "Host" }
    rows_in_tables(rows: u64, tables: u64) { en: format!("{} in {}", count(rows), plural(tables, "1 table", "{} tables")) }
    encoding { en: "Encoding" }
    read_in { en: "Read in" }
    pages { en: "Pages" }
    pages_of(count: Shown, bytes: Shown) { en: "{count} of {bytes} bytes" }
    journal { en: "Journal" }
    schema_version { en: "Schema version" }
    on_the_server { en: "On the server" }
    extensions { en: "Extensions" }
    large_objects { en: "Large objects" }
    globals { en: "Roles and tablespaces" }
    globals_kept { en: "kept beside the dump, without passwords" }
    left_out { en: "Left out" }
    migration { en: "Migration" }
    application { en: "Application" }
    not_its_archive { en: "Not its archive" }
    imported_from { en: "Imported from" }
    compression { en: "Compression" }
    encrypted { en: "Encrypted" }
    test_a_restore { en: "Test a restore" }
    hashes { en: "Hashes (SHA-256)" }
    database_hash { en: "Of the database as it was read" }
    restore_hash { en: "Of the database as it is restored" }
    payload_hash { en: "Of the payload as it is stored" }
    written_by { en: "Written by" }
    written_by_tool(tool: Shown, version: Shown, format: Shown) { en: "{tool} {version}, format {format}" }
    backup_before { en: "Backup before" }
    source { en: "Source" }
    contents { en: "Contents" }
    key_slot(id: Shown, kdf: Shown) { en: "key {id} ({kdf})" }
    not_encrypted { en: "no" }
    encrypted_with(keys: Shown) { en: "yes: AES-256-GCM, {keys}" }
    encrypted_and_locked(keys: Shown) { en: "yes: AES-256-GCM, {keys}; no known password opens it" }
    sealed { en: "sealed" }
    size_exactly(size: Shown, bytes: Shown) { en: "{size} ({bytes} bytes)" }

    // What can be changed of one, and the questions before it.
    no_description { en: "No description" }
    edit_notes { en: "Edit description and tags" }
    description { en: "Description" }
    tags { en: "Tags" }
    tags_help { en: "Separated by commas" }
    save { en: "Save" }
    unpin { en: "Unpin" }
    pin { en: "Pin" }
    older_too(older: u64) { en: plural(older, "Also the older suspect backup of this database", "Also the {} older suspect backups of this database") }
    ack_reason { en: "Why it is all right (may be empty)" }
    acknowledge { en: "Acknowledge" }
    not_deletable { en: "This backup cannot be deleted now" }
    delete_title { en: "Move this backup to the trash?" }
    delete_means { en: "It stays in the trash for 24 hours; until then you can put it back with one click. After that its archive is gone." }
    delete_do { en: "Move backup to the trash" }

    // The form of a new one.
    nothing_to_back_up { en: "There is no database to back up yet" }
    new_title { en: "Create a backup" }
    none_by_environment { en: "none (set by the environment)" }
    zstd { en: "zstd: fast and small" }
    zstd_default { en: "zstd: fast and small (default)" }
    course_unproven { en: "The application keeps running. The environment of this server says that backups are not read back after they are made: this one stays unproven until you verify it." }
    course { en: "The application keeps running. The backup is read back and checked before it counts, and you see how far it is." }
    new_panel { en: "A manual backup, taken now" }
    description_help(most: Shown) { en: "Why you take it, for whoever looks for it later. Up to {most} characters." }
    new_tags_help { en: "Separated by commas, e.g. before-upgrade, v2.4" }
    keep_globals { en: "Keep the server's roles and tablespaces beside it, without passwords (PostgreSQL)" }
    pin_it { en: "Pin it: no cleanup ever deletes it" }
    packing { en: "Compression and encryption" }
    gzip { en: "gzip: opens everywhere, slower" }
    uncompressed { en: "none" }
    level { en: "Level" }
    level_help { en: "How hard to compress: zstd 1 to 19, gzip 1 to 9. Empty: a good default." }
    encryption { en: "Encryption" }
    encrypt_default { en: "as its database is set (default)" }
    encrypt_yes { en: "encrypt" }
    encrypt_no { en: "do not encrypt" }
    some_rows { en: "Only some rows (PostgreSQL)" }
    rows_all { en: "all (the whole database)" }
    rows_none { en: "none: the structure alone (PostgreSQL)" }
    rows_only { en: "only those of these tables (PostgreSQL)" }
    rows_except { en: "all but those of these tables (PostgreSQL)" }
    tables { en: "Tables" }
    tables_help { en: "Separated by commas, e.g. orders, audit.*. A backup without some rows is partial: it never counts as a good one." }

    // What a form is refused for.
    choose_database { en: "Choose a database." }
    choose_compression { en: "Choose zstd, gzip or none." }
    no_level { en: "Leave it empty where nothing is compressed." }
    level_range(most: Shown) { en: "Give a number from 1 to {most}, or leave it empty." }
    rows_choice { en: "Choose whether these tables alone go along, or all but these." }
    choose_listed { en: "Choose one of the list." }
    choose_encryption { en: "Choose yes or no, or leave it to the database." }

    // "daily backup of shop": between the kind and the link.
    lead_of { en: " backup of " }
    trashed_until_before { en: "It can be put back until " }
    trashed_until_after { en: "." }
}
