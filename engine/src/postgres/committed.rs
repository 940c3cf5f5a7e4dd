//! Whether a restore was committed whose process died: asked of the server.

use std::{thread, time::Duration};

use keepstone_model::database::Database;

use super::{
    open::{Connection, reach_for_restore},
    plan,
};
use crate::{Error, Result, Vault, restore::Mark};

/// How long a transaction may go on whose client is gone: its server notices when it next hears of it.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn was_committed(vault: &Vault, database: &Database, mark: Mark) -> Result<bool> {
    let (location, environment) = reach_for_restore(vault, database)?;
    match mark {
        Mark::Named(number) => {
            let mut maintenance = plan::maintenance(&location, &environment)?;
            Ok(plan::oid(&mut maintenance, &location.database)? == Some(number))
        }
        Mark::Transaction(number) => {
            let mut connection = plan::maintenance(&location, &environment)?;
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
            Err(Error::DatabaseBusy {
                database: database.id.clone(),
                holder: "its server has not ended the transaction of the restore yet".to_owned(),
            })
        }
        Mark::Cookie(_) => Err(Error::Internal("the mark of a restore of another engine".to_owned())),
    }
}

/// What became of a transaction, by its number; none where the server does not know that any more.
/// <https://www.postgresql.org/docs/15/functions-info.html#FUNCTIONS-PG-SNAPSHOT>
pub(super) fn status(connection: &mut Connection, transaction: i64) -> Result<Option<String>> {
    Ok(connection.row(&format!("SELECT txid_status({transaction})"))?.get(0))
}
