//! What is read about schedules, about when cleanup looks, and about the limits of jobs.

use super::{Shown, plural};

words! {
    // The list of all of them.
    lead { en: "When backups are taken. Each schedule keeps to the clock of its own time zone." }
    off { en: "No schedule runs: BACKUP_ENABLED is off" }
    off_means { en: "The environment of this server says so, and it is changed only there. Backups by hand work." }
    none { en: "Nothing is scheduled" }
    none_means { en: "A database that is added here gets a daily, a weekly and a monthly backup." }
    sooner { en: "Sooner" }
    later { en: "Later" }

    // Those of one database.
    title(database: Shown) { en: "Schedules of {database}" }
    objective(age: Shown) { en: "Its newest good backup may be {age} old; older is at risk. " }
    which_are_kept { en: "Which are kept" }
    paused { en: "The database is paused" }
    paused_means { en: "None of its schedules runs until it is resumed." }
    no_schedule { en: "No schedule" }
    no_schedule_means { en: "Backups of this database are made by hand only. Add a schedule, or take a preset." }
    resume { en: "Resume" }
    pause { en: "Pause" }
    remove { en: "Remove" }
    run_now { en: "Run now" }

    // The form of one.
    change { en: "Change it" }
    add { en: "Add a schedule" }
    run { en: "Run" }
    on_cron { en: "at set times (cron)" }
    on_interval { en: "at an interval" }
    on_start { en: "each time Keepstone starts" }
    on_stop { en: "each time Keepstone is stopped" }
    cron { en: "Cron" }
    cron_help { en: "For set times: minute, hour, day of month, month, day of week (0 is Sunday)." }
    zone { en: "Time zone" }
    zone_help { en: "By whose clock the cron goes." }
    interval { en: "Interval" }
    interval_help { en: "For an interval: a number with min, h, d or w." }
    kind { en: "Kind of its backups" }
    kind_fitting { en: "the one that fits" }
    if_missed { en: "If a run was missed" }
    if_missed_help { en: "Because nothing ran at its time." }
    if_missed_run { en: "run once at the next start" }
    if_missed_skip { en: "skip it" }
    delay { en: "Delay" }
    delay_help { en: "Up to this much later, always the same for one schedule, so that many databases do not begin at once, e.g. 10min." }
    no_delay { en: "none" }
    check { en: "Check the schedule" }

    // What it would do.
    add_do { en: "Add this schedule" }
    save_do { en: "Save this schedule" }
    next_runs { en: "Next runs" }
    clock_changes { en: "When the clock changes" }
    would_do { en: "What it would do" }
    would_do_kind { en: ", a backup of the kind " }
    presets { en: "Presets" }
    presets_help { en: "Takes the place of all schedules above, and of which backups are kept. Backups that are there stay until the next cleanup." }
    presets_help_managed(by: Shown) { en: "Takes the place of all schedules above that can be changed. Which backups are kept is set by the {by}, and stays." }
    preset { en: "Preset" }
    preset_use { en: "Use this preset" }
    unknown_kind(kind: Shown) { en: "there is no kind \"{kind}\"" }
    no_such_schedule { en: "no such schedule" }
    unknown_act(act: Shown) { en: "there is nothing called \"{act}\" to do here" }

    // When cleanup looks.
    cleanup { en: "Cleanup" }
    cleanup_looks { en: "It looks" }
    cleanup_keeps { en: "What it keeps" }
    last_cleanup { en: "Last cleanup" }
    next_cleanup { en: "Next cleanup" }
    cleanup_after { en: "so long after its last look" }
    cleanup_change { en: "Change when cleanup looks" }
    cleanup_on { en: "Cleanup looks" }
    cleanup_every { en: "How long after" }
    cleanup_every_help { en: "A number with h, d or w: one hour at the least, 31 days at the most." }
    cleanup_cron { en: "Cron of the cleanup" }
    cleanup_zone { en: "Time zone of the cleanup" }
    cleanup_after_each { en: "Also after each scheduled backup" }
    cleanup_pause { en: "Pause it: nothing is removed by itself" }
    cleanup_save { en: "Save when cleanup looks" }

    // The limits of jobs.
    limits { en: "Limits of jobs" }
    running { en: "Running at once" }
    at_once(backups: u64) { en: plural(backups, "1 backup at once", "{} backups at once") }
    running_means { en: "and as many verifications; restores and cleanups are not held back" }
    hung { en: "A job hangs" }
    hung_after(time: Shown) { en: "after {time} without progress" }
    hung_means { en: "it is cancelled, a minute later abandoned, and an alarm says so" }
    stop { en: "Backups of a stop" }
    stop_within(time: Shown) { en: "within {time}" }
    stop_means { en: "all together, then the process ends" }
    limits_change { en: "Change the limits" }
    limits_running { en: "Backups at once" }
    limits_running_help { en: "1 to 32, in all processes on this vault together." }
    limits_running_wrong { en: "Give a whole number from 1 to 32." }
    limits_hung { en: "Hung after" }
    limits_hung_help { en: "Without any progress for so long, e.g. 15min: a minute at the least, a day at the most." }
    limits_stop { en: "Time for a stop" }
    limits_stop_help { en: "For the backups that are taken when Keepstone is stopped, e.g. 30s; what starts and stops it (systemd, say) must wait longer." }
    limits_save { en: "Save the limits" }
}
