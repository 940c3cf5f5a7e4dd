//! Whether a restore was committed whose process died: asked of the server.

use std::{thread, time::Duration};

use keepstone_model::database::Database;

use super::{
    APPLICATION_NAME, deadline,
    fault::Fault,
    location::Location,
    names::{literal, quoted},
    open::{Connection, reach_for_restore},
    plan,
    settings::Environment,
};
use crate::{Error, Result, Vault, restore::Mark};

/// How long a transaction may go on whose client is gone: its server notices when it next hears of it.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 100 });

/// How long its answers may take all in all: it may be frozen.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn was_committed(vault: &Vault, database: &Database, mark: Mark) -> Result<bool> {
    let (location, environment) = reach_for_restore(vault, database)?;
    let asked = location.clone();
    deadline::within(&location, PATIENCE, move || ask(&asked, &environment, mark))?
}

fn ask(location: &Location, environment: &Environment, mark: Mark) -> Result<bool> {
    match mark {
        Mark::Named(number) => {
            let mut maintenance = plan::maintenance(location, environment)?;
            has_the_name(&mut maintenance, &location.database, number)
        }
        Mark::Transaction(number) => {
            let mut connection = plan::maintenance(location, environment)?;
            for _ in 0..TRIES {
                match status(&mut connection, number)?.as_deref() {
                    Some("committed") => return Ok(true),
                    Some("aborted") => return Ok(false),
                    Some(_) => thread::sleep(PAUSE),
                    None => {
                        return Err(Error::Unsupported {
                            what: format!("an answer of the server about transaction {number}, which it has forgotten"),
                        });
                    }
                }
            }
            Err(unended(&location.server(), &location.database))
        }
        Mark::Cookie(_) => Err(Error::Internal("the mark of a restore of another engine".to_owned())),
    }
}

/// Whether the database of this number has the live name, once nobody is about to give it that. Waits for a moment.
pub(super) fn has_the_name(maintenance: &mut Connection, live: &str, number: u32) -> Result<bool> {
    for _ in 0..TRIES {
        // In this order: what ends in between is seen.
        let ending = is_renamed(maintenance, live)?;
        let has = plan::oid(maintenance, live)? == Some(number);
        if has || !ending {
            return Ok(has);
        }
        thread::sleep(PAUSE);
    }
    Err(unended(&maintenance.location.server(), live))
}

/// Whether a session of ours is at it, whose client may be long gone.
fn is_renamed(maintenance: &mut Connection, live: &str) -> Result<bool> {
    let renames = literal(&rename_of(live));
    let row = maintenance.row(&format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{APPLICATION_NAME}' AND pid <> pg_backend_pid() AND state = 'active' \
           AND position({renames} IN query) > 0"
    ))?;
    Ok(row.get::<_, i64>(0) > 0)
}

/// What gives a live database another name begins so.
pub(super) fn rename_of(live: &str) -> String {
    format!("ALTER DATABASE {} RENAME TO ", quoted(live))
}

fn unended(server: &str, live: &str) -> Error {
    let detail = format!("{server} has not ended the transaction of the restore yet");
    Fault::InUse { database: live.to_owned(), detail }.into()
}

/// What became of a transaction, by its number; none where the server does not know that any more.
/// <https://www.postgresql.org/docs/15/functions-info.html#FUNCTIONS-PG-SNAPSHOT>
pub(super) fn status(connection: &mut Connection, transaction: i64) -> Result<Option<String>> {
    Ok(connection.row(&format!("SELECT txid_status({transaction})"))?.get(0))
}
