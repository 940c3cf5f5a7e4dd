//! What more than one area says: the places of the frame, heads of columns, what buttons do.

use super::{count, plural};

words! {
    // The frame and its places.
    overview { en: "Overview" }
    databases { en: "Databases" }
    backups { en: "Backups" }
    jobs { en: "Jobs" }
    schedules { en: "Schedules" }
    storage { en: "Storage" }
    activity { en: "Activity" }
    settings { en: "Settings" }
    trash { en: "Trash" }
    import_backups { en: "Import…" }
    search { en: "Search" }
    your_account { en: "Your account" }
    second_factor { en: "Second factor" }
    retention { en: "Retention" }

    // What is told of an object: heads of columns, and terms of facts.
    state { en: "State" }
    when { en: "When" }
    database { en: "Database" }
    kind { en: "Kind" }
    size { en: "Size" }
    proof { en: "Proof" }
    actions { en: "Actions" }
    name { en: "Name" }
    role { en: "Role" }
    result { en: "Result" }
    why { en: "Why" }
    fate { en: "Fate" }
    took { en: "Took" }
    table { en: "Table" }
    columns { en: "Columns" }
    rows { en: "Rows" }
    last_used { en: "Last used" }
    added { en: "Added" }
    share { en: "Share" }
    backup_of { en: "Backup of" }
    kept_until { en: "Kept until" }
    next_run { en: "Next run" }
    location { en: "Location" }
    log { en: "Log" }
    code { en: "Code" }
    password { en: "Password" }
    job { en: "Job" }
    never { en: "never" }

    // What can be done.
    cancel { en: "Cancel" }
    close { en: "Close" }
    filter { en: "Filter" }
    clear_filter { en: "Clear" }
    change { en: "Change" }
    verify { en: "Verify" }
    restore { en: "Restore…" }
    export { en: "Export…" }
    delete { en: "Delete…" }
    put_back { en: "Put back" }
    create_backup { en: "Create backup" }
    add_database { en: "Add a database" }
    back_to_backups { en: "To the backups" }
    follow_job { en: "Follow the job" }
    see_suspect { en: "See the suspect backup" }
    see_backup { en: "See that backup" }
    see_unchecked { en: "See the backup that could not be checked" }
    sign_in { en: "Sign in" }

    // Choices of filters.
    all_databases { en: "all databases" }
    all_states { en: "all states" }

    // Marks of a backup.
    pinned { en: "pinned" }

    // Errors of forms.
    foreign_form { en: "This form is not one of this console: load the page again." }
    no_such_backup { en: "There is no backup of this name." }
    no_such_job { en: "There is no job of this name." }
    no_zone_name { en: "the server's zone" }
    nothing_on_page { en: "Nothing on this page" }

    // Amounts.
    column_count(columns: u64) { en: plural(columns, "1 column", "{} columns") }
    page_of(first: u64, last: u64, total: u64) { en: format!("{} to {} of {}", count(first), count(last), count(total)) }
}
