//! The scheduler behind the console: what the environment says of it, and its end.

use std::sync::Arc;

use keepstone_engine::{
    Monitor, Result, Vault, doctor,
    recheck::RecheckOptions,
    scheduler::{Firing, Scheduler, SchedulerOptions},
};

use crate::cli::look::Child;

/// The running scheduler.
#[derive(Debug)]
pub(crate) struct Workers {
    scheduler: Scheduler,
}

impl Workers {
    pub(crate) fn start(vault: Arc<Vault>, firing: Firing, rechecks: RecheckOptions) -> Result<Self> {
        if firing == Firing::Off {
            tracing::warn!("BACKUP_ENABLED is off: no schedule runs");
        }
        Ok(Self { scheduler: Scheduler::start_after(vault, &SchedulerOptions { firing, rechecks }, recover_at_start)? })
    }

    /// Cancels what runs, takes the backups of stop schedules, and comes back within a bounded time.
    pub(crate) fn stop(self) {
        let report = self.scheduler.stop();
        if report.backups + report.backups_failed > 0 {
            tracing::info!(taken = report.backups, failed = report.backups_failed, "backups of the stop");
        }
    }
}

/// A corrupt database is brought back before a schedule makes a backup of it.
pub(crate) fn recover_at_start(vault: &Vault, monitor: &dyn Monitor) {
    if let Err(error) = doctor::at_start(vault, &Child, monitor) {
        tracing::error!(%error, "the databases could not be looked at");
    }
}
