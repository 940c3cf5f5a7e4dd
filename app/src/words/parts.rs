//! What the parts say that pages are made of (`ui`).

use super::Shown;

words! {
    // The age of the newest good backup.
    age_limit { en: "The objective: how old the newest good backup may be" }
    age_most(age: Shown) { en: "max {age}" }

    // How far a backup was proven.
    check_failed(check: Shown) { en: "{check} failed" }
    check_not_run(check: Shown) { en: "{check} could not run" }
    stored { en: "hash" }
    stored_not { en: "not read back" }
    stored_means { en: "The stored bytes were read back, and their hash fits" }
    opened { en: "opened" }
    opened_not { en: "not opened" }
    opened_means { en: "The database in it opens, is whole and holds every row" }
    restored { en: "restored" }
    restored_not { en: "not test-restored" }
    restored_means { en: "A restore of it was tried and compared" }

    // The strip of the last days.
    day_nothing { en: "no backup" }
    day_good { en: "good" }
    day_unproven { en: "unproven" }
    day_failed { en: "failed" }
    strip(database: Shown, good: u64, unproven: u64, failed: u64, nothing: u64) { en: format!("{database}, the last {} days: {good} good, {unproven} unproven, {failed} failed, {nothing} without a backup", good + unproven + failed + nothing) }

    // Badges.
    state_running { en: "Running" }
    state_failed { en: "Failed" }
    state_interrupted { en: "Interrupted" }
    state_missing { en: "Missing" }
    state_in_trash { en: "In the trash" }
    verdict_good { en: "Good" }
    verdict_bad { en: "Bad" }
    verdict_suspect { en: "Suspect" }
    verdict_partial { en: "Partial" }
    verdict_unproven { en: "Unproven" }
    job_queued { en: "Queued" }
    job_done { en: "Done" }
    job_unsound { en: "Done, unsound" }
    job_cancelled { en: "Cancelled" }
    job_abandoned { en: "Abandoned" }
    result_ok { en: "OK" }
    result_warning { en: "Warning" }
    chain_intact { en: "Chain intact" }
    chain_broken { en: "Chain broken" }
    person_disabled { en: "disabled" }
    person_without_password { en: "no password yet" }
    person_active { en: "active" }

    // The head of a page.
    title_of_document(title: Shown, environment: Shown) { en: "{title}{environment} · Keepstone" }
    breadcrumbs { en: "Breadcrumb" }
    environment_before { en: "Environment: " }

    // Events.
    events_caption { en: "Activity, the newest first" }
    event_who { en: "Who" }
    event_what { en: "What" }
    event_number { en: "No." }

    // Lists.
    pages { en: "Pages" }
    newer { en: "Newer" }
    older { en: "Older" }
    bytes(bytes: Shown) { en: "{bytes} bytes" }

    // Schedules.
    schedules_caption { en: "Schedules: what is backed up when" }
    last_run { en: "Last run" }
    if_missed { en: "If missed" }
    managed_by(by: Shown) { en: "set by the {by}" }
    paused { en: "‖ paused" }
    later_by(time: Shown) { en: "up to {time} later" }
    missed_run { en: "run once at start" }
    missed_skip { en: "skip" }

    // While a page loads, and where it cannot be shown.
    loading { en: "Loading…" }
    updated { en: "Keepstone was updated meanwhile: load this page again." }
    fault_sign_in { en: "Sign in to see this" }
    fault_role { en: "Your role does not allow this" }
    fault_not_found { en: "Not found" }
    fault_unreachable { en: "The server cannot be reached" }
    fault_other { en: "This page could not be shown" }
    sign_in_again { en: "Sign in again" }
    ask_for_role { en: "An admin of this console can give you another role, under Settings." }
    look_for { en: "Look for it" }
    look_for_what { en: "What you are looking for" }
}
