//! What belongs to the server and to no database: roles and tablespaces, as `pg_dumpall --globals-only` writes them. Without the passwords of
//! roles: they are of no use to a backup of one database, and a secret of all others. A restore never runs this; a person does.

use std::{io::Read, path::Path, time::Duration};

use super::{
    child::{Child, Tool},
    fault::Fault,
    location::Location,
    settings::Environment,
    tools::Client,
};
use crate::{Error, Monitor, Result};

/// Kept in the metadata, which a reader holds in memory.
const LIMIT_BYTES: u64 = 16 << 20;
const LISTEN_EVERY: Duration = Duration::from_millis(50);
/// What `pg_dumpall` writes last.
const LAST: &str = "PostgreSQL database cluster dump complete";

pub(super) fn read(
    client: &Client,
    location: &Location,
    staging: &Path,
    environment: &Environment,
    monitor: &dyn Monitor,
) -> Result<String> {
    let tool = Tool { client, name: "pg_dumpall", location: Some(location), staging, home: environment.home.as_deref() };
    // It asks one database for them: this one, to which the role may connect.
    let database = format!("--database={}", location.database);
    let arguments = ["--globals-only", "--no-role-passwords", "--encoding=UTF8", &database].map(Into::into);
    let mut child = Child::start(&tool, &arguments, false)?;
    let stdout = child.stdout()?;
    let reading = std::thread::spawn(move || {
        let mut text = Vec::new();
        stdout.take(LIMIT_BYTES + 1).read_to_end(&mut text).map(|_| text)
    });
    while !reading.is_finished() {
        std::thread::sleep(LISTEN_EVERY);
        if monitor.cancelled() {
            child.stop();
            return Err(Error::CancelledHere);
        }
    }
    let text = reading.join().map_err(|_| Error::Internal("a thread panicked".to_owned()))?;
    let failed = |detail: String| Error::from(Fault::GlobalsFailed { detail });
    child.end()?.map_err(failed)?;
    let text = text.map_err(|error| failed(error.to_string()))?;
    if text.len() as u64 > LIMIT_BYTES {
        return Err(failed(format!("they are more than {} MB of SQL", LIMIT_BYTES >> 20)));
    }
    let text = String::from_utf8(text).map_err(|_| failed("the names of some are no UTF-8".to_owned()))?;
    if !text.lines().rev().take(10).any(|line| line.contains(LAST)) {
        return Err(failed("what pg_dumpall wrote ends early".to_owned()));
    }
    monitor.log("the server's roles and tablespaces are kept beside the dump, without passwords");
    Ok(text)
}
