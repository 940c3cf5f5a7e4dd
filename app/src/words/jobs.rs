//! What is read about jobs: their list, how far one is, and what came out of it. The titles of steps are the model's.

use super::Shown;

words! {
    // What a job is called.
    backup { en: "Backup" }
    verification { en: "Verification" }
    restore { en: "Restore" }
    undo { en: "Undo of a restore" }
    cleanup { en: "Cleanup" }
    import { en: "Import" }
    conversion { en: "Conversion" }
    of_database(what: Shown, database: Shown) { en: "{what} of {database}" }

    // The list.
    none_fits { en: "No job fits this filter" }
    show_all { en: "Show all jobs" }
    none_yet { en: "No job has run yet" }
    none_yet_means { en: "Every backup, verification and restore is a job. It stands here while it runs and afterwards." }
    filter { en: "Filter jobs" }
    caption { en: "Jobs, the newest first" }
    begun { en: "Begun" }
    by { en: "By" }

    // One job.
    lead_before { en: "Begun " }
    lead_by(who: Shown) { en: " by {who}" }
    steps { en: "Steps" }
    stopping { en: "Asked to stop…" }
    cancel { en: "Cancel job" }
    queued_means { en: "It waits for a free worker, or for another job of this database to end." }
    writing_means { en: "It runs on the server: you may leave this page. It can be cancelled until it writes; then it finishes, or takes everything back." }
    running_means { en: "It runs on the server: you may leave this page." }
    facts { en: "Facts" }
    error_code { en: "Error code" }
    started { en: "Started" }
    finished { en: "Finished" }
    log_empty { en: "Nothing yet." }
    log_none { en: "Nothing was logged." }
    log_label { en: "Log of the job" }

    // Its steps.
    step_done { en: "done" }
    step_running { en: "running" }
    step_stopped { en: "stopped here" }
    step_waiting { en: "waiting" }
    step_not_reached { en: "not reached" }
    step_now(number: Shown, of: Shown, step: Shown) { en: "Step {number} of {of}: {step}" }
    starting { en: "Starting" }
    progress { en: "Progress of this step" }
    amount_of(done: Shown, total: Shown) { en: "{done} of {total}" }
    left(time: Shown) { en: "{time} left" }

    // What came out of it.
    see_backup { en: "See the backup" }
    to_the_trash { en: "To the trash" }
    cleanup_undoable { en: "What went to the trash by then can be put back." }
    nothing_changed { en: "Nothing was changed." }
    done(job: Shown) { en: "{job}: done" }
    done_in(job: Shown, time: Shown) { en: "{job}: done in {time}" }
    failed(job: Shown) { en: "{job}: failed" }
    cancelled(job: Shown) { en: "{job}: cancelled" }
    interrupted(job: Shown) { en: "{job}: interrupted" }
    interrupted_means { en: "Its process ended before it was done. A backup that was not whole is not kept; a restore that was not committed changed nothing." }
    failed_create { en: "The database and its older backups are as they were." }
    failed_import { en: "What was imported before stays; the files are where they were." }
    failed_convert { en: "The backup is as it was." }
    failed_cleanup { en: "What had not gone to the trash is where it was." }
    create_another { en: "Create another backup" }
    plan_again { en: "Look at the plan again" }

    // What came out of a restore.
    new_database { en: "The database: " }
    new_file { en: "The new file: " }
    kept_before { en: "The one that made way is kept on the server as " }
    kept_until { en: ", until " }
    state_before { en: "The state before is kept: " }
    undo_do { en: "Undo: back to the state before…" }
    undone { en: "Undone: the database before is in its place again" }
    restored { en: "Restored, and compared with the backup" }
    unsound { en: "Restored, but the database is not sound: check the disk, and restore another backup" }
}
