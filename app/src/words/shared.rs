//! What more than one area says: the places of the frame, heads of columns, what buttons do.

use super::plural;

words! {
    // The frame and its places.
    databases { en: "Databases" }
    backups { en: "Backups" }
    jobs { en: "Jobs" }
    schedules { en: "Schedules" }
    settings { en: "Settings" }
    trash { en: "Trash" }
    import_backups { en: "Import…" }
    search { en: "Search" }
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
    result { en: "Result" }
    table { en: "Table" }
    columns { en: "Columns" }
    rows { en: "Rows" }
    added { en: "Added" }
    kept_until { en: "Kept until" }
    next_run { en: "Next run" }
    location { en: "Location" }
    log { en: "Log" }

    // What can be done.
    cancel { en: "Cancel" }
    filter { en: "Filter" }
    clear_filter { en: "Clear" }
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

    // Amounts.
    column_count(columns: u64) { en: plural(columns, "1 column", "{} columns") }
}
