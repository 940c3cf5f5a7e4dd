//! What is read in the steps of a restore and of its undo.

use super::{Shown, count, plural};

words! {
    // The frame of a restore's pages.
    title(database: Shown) { en: "Restore {database}" }
    lead_before { en: "Backup of " }
    lead_between { en: ", taken " }
    steps_label { en: "Steps of a restore" }
    step_plan { en: "Plan" }
    step_progress { en: "Progress" }

    // Why there is nothing to restore.
    refused { en: "This backup cannot be restored" }
    choose_another { en: "Choose another backup" }
    bad { en: "a check of it failed: restore another backup" }
    trashed { en: "it is in the trash: put it back first" }
    running { en: "it is still being made" }
    no_archive { en: "there is no archive of it" }
    unproven { en: "This backup is not proven" }
    unproven_means { en: "It is checked fully before anything is written; if a check fails, nothing is changed." }
    no_plan { en: "There is no plan for this" }
    look_again { en: "Look again" }

    // Step 1: where to.
    into { en: "Restore into" }
    new_database { en: "A new database on the same server" }
    new_database_name { en: "Name of the new database; empty: one is made up" }
    new_database_default { en: "its name; empty: after the database and the backup" }
    new_file { en: "A new file" }
    new_file_path { en: "Path of the new file, on the server" }
    live_stays { en: "The live database stays as it is." }
    never_replace(database: Shown) { en: "{database} is marked \"never replace\": take the mark off on its page first." }
    partial { en: "It is not the whole database, so it cannot replace the live one." }
    replace_live(database: Shown) { en: "Replace the live database {database}" }
    replace_server_how { en: "A new database is made and proven beside it; then sessions are ended and both change names at once." }
    replace_file_how { en: "Through SQLite: applications keep their connections and need no restart; writers wait for a moment." }
    replace_aside_how { en: "SQLite cannot open it now, so the backup takes its place as a file: stop its applications first." }
    in_place(database: Shown) { en: "Restore into {database} itself" }
    in_place_how { en: "For a server without room for a second one: one transaction, while writers wait. What the backup does not hold stays." }
    ways { en: "How it is loaded, and whose it will be" }
    loading { en: "Loaded" }
    loading_streamed { en: "by one connection, streamed" }
    loading_one { en: "in one transaction" }
    loading_jobs(jobs: u64) { en: "by {jobs} connections; the dump is unpacked here first" }
    owners { en: "Owners and rights" }
    owners_auto { en: "as in the backup, where the server allows it" }
    owners_keep { en: "as in the backup, or it fails" }
    owners_discard { en: "all to the restoring role" }
    safety { en: "Safety backup of the state before" }
    safety_on { en: "on: it can be undone" }
    safety_off { en: "off: it cannot be undone" }
    show_impact { en: "Show the impact" }

    // Step 2: what it will do.
    impact { en: "Impact" }
    headline_new { en: "The live database stays as it is" }
    headline_new_database { en: "The backup is restored into a new database beside it, and its rows are counted." }
    headline_new_file { en: "The backup is written into a new file and compared with what was backed up." }
    you_lose(age: Shown) { en: "You will lose what changed in the last {age}" }
    rows_fewer(rows: u64) {
        en: match rows {
            0 => "No table will have fewer rows than now; rows that were changed since go back to what they were.".to_owned(),
            1 => "One row fewer than now, and rows that were changed since go back to what they were.".to_owned(),
            rows => format!("{} rows fewer than now, and rows that were changed since go back to what they were.", count(rows)),
        }
    }
    comes_back(age: Shown) { en: "The database comes back as it was; what changed in the last {age} is not in the backup" }
    comes_back_aside { en: "What can still be read of what is there now is in the files that are kept aside." }
    comes_back_absent { en: "Nothing is there now." }
    tables_gone(tables: u64) { en: plural(tables, "1 table that is there now will be gone.", "{} tables that are there now will be gone.") }
    writes_over { en: "Writes over" }
    takes_place { en: "Takes the place of" }
    writes_file { en: "Writes the new file" }
    makes_database { en: "Makes the new database" }
    size_after { en: "Size after" }
    no_space { en: "There is not enough space" }
    no_space_means(needed: Shown, free: Shown) { en: "{needed} are needed and {free} are free. Free some, then look again." }
    space { en: "Space" }
    space_of(needed: Shown, free: Shown) { en: "needs {needed}, {free} are free" }
    writers_wait { en: "Writers wait" }
    writers_wait_for(time: Shown) { en: "about {time}, once" }
    sessions_ended { en: "Sessions ended" }
    sessions_end(sessions: u64) { en: format!("{}, when the names change", count(sessions)) }
    safety_backup { en: "Safety backup" }
    safety_kept { en: "yes: of exactly the moment before, so that it can be undone" }
    safety_on_server { en: "the database before stays on the server for a day, so that it can be undone" }
    safety_none { en: "no: this cannot be undone" }
    safety_aside { en: "none can be made of what cannot be opened: its files are kept whole, in the corrupted folder of its backups; no undo brings them back" }
    safety_absent { en: "none: nothing is there" }
    planned { en: "Planned" }
    planned_until { en: ", to be confirmed until " }
    no_table_changes { en: "No table changes its number of rows or its columns." }
    same_caption { en: "Tables that keep their number of rows" }
    same_tables(tables: u64) { en: plural(tables, "1 table keeps its number of rows", "{} tables keep their number of rows") }
    changing_caption { en: "Tables that change" }
    rows_now { en: "Rows now" }
    rows_after { en: "After" }
    rows_lost { en: "Lost" }
    go_on { en: "Go on?" }
    go_on_means { en: "Nothing has been changed yet. The next step counts once more what was written meanwhile, and asks for the database's name." }
    go_on_means_aside { en: "Nothing has been changed yet. The next step looks once more at what is there, and asks for the database's name." }
    go_on_do { en: "Go on to confirm" }

    // Step 3: the confirmation.
    counted_again { en: "Counted again: no table has another number of rows than in the plan" }
    counted_before { en: "Planned " }
    counted_after { en: ". Rows that were changed in place are not counted; the safety backup holds them, too." }
    counted_after_lost { en: ". Rows that were changed in place are not counted, and are lost as well." }
    looked_again { en: "Looked again: there is still nothing that opens" }
    written_since { en: "Applications have written since the plan" }
    since_counts(rows: u64, planned: u64) { en: format!(": {}, {} in the plan", plural(rows, "1 row", "{} rows"), count(planned)) }
    lost_and_kept { en: ". This is lost as well, and kept in the safety backup:" }
    lost { en: ". This is lost as well:" }
    confirm { en: "Confirm" }
    type_name(database: Shown) { en: "Type {database} to replace it" }
    although_open(holders: Shown) { en: "Replace it although {holders} has it open: what that writes from then on is in the old files only. Better stop it, then look again." }
    replace(database: Shown) { en: "Replace {database}" }
    restore_database { en: "Restore into the new database" }
    restore_file { en: "Restore into the new file" }
    course_replace { en: "The backup is checked fully, then the safety backup is made, then everything is written in one transaction: all of it, or nothing." }
    course_no_safety { en: "The backup is checked fully, then everything is written in one transaction: all of it, or nothing. There is no safety backup." }
    course_aside { en: "The backup is checked fully; then the files that are there are kept aside, whole, and the backup takes their place in one step." }
    course_absent { en: "The backup is checked fully; then it is put in the empty place in one step." }
    course_replace_server { en: "The backup is checked fully and restored beside the live database; only when that is whole are sessions ended and the names changed, both at once." }
    course_database { en: "The backup is checked fully, then restored and counted. The database appears under its name only when it is whole." }
    course_file { en: "The backup is written, read back from the disk and compared. The file appears under its name only when it is whole." }
    where_it_replaces(database: Shown, host: Shown) { en: "This replaces {database} on {host}." }
    back_to_plan { en: "Back to the plan" }
    sign_in_again { en: "Sign in again, then confirm" }
    typed_wrong(database: Shown) { en: "Type {database}, exactly so, to replace it." }
    stale { en: "This plan has expired or is not known any more. Look again: the page shows a new one. Nothing was changed." }

    // The undo of a restore.
    undo_title(database: Shown) { en: "Undo the restore of {database}" }
    undo_kept_on_server { en: "What is there now stays on the server for a day, so that this can be undone as well." }
    undo_kept { en: "The present state is kept in a safety backup of its own, so that this can be undone as well." }
    undo_kept_aside { en: "What is there cannot be opened, so there is no safety backup of it: its files are kept whole, and this cannot be undone." }
    undo_absent { en: "Nothing is there now, so there is nothing to keep, and this cannot be undone." }
    undo_lead_server { en: "Back to the database that the restore kept on the server" }
    undo_lead_before { en: "Back to the state before, kept in " }
    the_restore { en: "The restore" }
    undo_do { en: "Undo: back to the state before" }
}
