//! Plain SQL given to a server, statement by statement, by our own connection: no psql takes part, so nothing in a script is a command to it.

use std::{io, path::Path};

use crossbeam_channel::{Receiver, Sender, bounded};
use keepstone_model::{coverage::Reference, job::Step, restore::Loading};
use postgres::error::SqlState;

use super::{
    building::Building,
    fault::Fault,
    leave_out,
    location::Location,
    open::Connection,
    plain::{self, Piece},
    restore::failed,
    snapshot::Chunks,
    subscriptions::{self, Subscriptions},
};
use crate::{Error, Monitor, Result};

/// A piece on its way from the reader to the server.
pub(super) enum Owned {
    Statement(String),
    Copy(String),
    Data(Vec<u8>),
    EndOfData,
}

/// Data goes in portions of this size, not in lines.
const PORTION_BYTES: usize = 64 << 10;

/// Loads the script of an archive into an empty database. `keep`: with the owners and rights that it names.
pub(super) fn load(building: &Building<'_>, location: &Location, keep: bool, monitor: &dyn Monitor) -> Result<()> {
    let (archive, loading) = (building.archive, building.loading);
    let mut connection = Connection::open(location, building.environment)?;
    connection.run("SET statement_timeout = 0; SET client_min_messages = warning")?;
    if loading == Loading::SingleTransaction {
        connection.run("BEGIN")?;
    }
    let (chunks, script) = bounded::<Vec<u8>>(8);
    let (pieces, read) = bounded::<Owned>(64);
    std::thread::scope(|scope| {
        let extracting = scope.spawn(move || {
            let mut sink = Sending(chunks);
            archive.extract(&mut sink, Path::new("the script"), Step::Write, monitor)
        });
        let reading = scope.spawn(move || {
            let mut script = Chunks { source: script, now: Vec::new(), at: 0 };
            let found = plain::read(&mut script, &mut sender(pieces));
            // Else the extraction would wait for ever.
            drop(io::copy(&mut script, &mut io::sink()));
            found
        });
        let open = archive.metadata().left_out.as_ref().map(|left_out| left_out.references.as_slice()).unwrap_or_default();
        let loaded = send(
            &mut connection,
            &read,
            &Rules {
                open,
                keep,
                in_place: false,
                within_one: loading == Loading::SingleTransaction,
                subscriptions: building.subscriptions,
            },
            monitor,
        );
        drop(read);
        let extracted = extracting.join().unwrap_or_else(|_| Err(Error::Internal("a thread panicked".to_owned())));
        let found = reading.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
        let detail = |detail: String| Error::from(failed(archive.metadata(), detail, location));
        match (loaded, extracted, found) {
            (Err(error @ Error::CancelledHere), ..) | (_, Err(error), _) => Err(error),
            (Err(error), ..) => Err(detail(error.to_string())),
            (_, _, Err(error)) if error.to_string().contains("command for psql") => {
                Err(Fault::UnsafeScript { reason: error.to_string() }.into())
            }
            (_, _, Err(error)) => Err(detail(error.to_string())),
            (Ok(()), Ok(()), Ok(_)) => Ok(()),
        }
    })?;
    if loading == Loading::SingleTransaction { connection.run("COMMIT") } else { Ok(()) }
}

/// Makes pieces owned, and data into portions.
pub(super) fn sender(pieces: Sender<Owned>) -> impl FnMut(Piece<'_>) -> io::Result<()> {
    let mut portion = Vec::new();
    move |piece| {
        let gone = |_| io::Error::other("the server takes no more");
        match piece {
            Piece::Statement(text) => pieces.send(Owned::Statement(text.to_owned())).map_err(gone),
            Piece::Copy(text) => pieces.send(Owned::Copy(text.to_owned())).map_err(gone),
            Piece::Data(line) => {
                portion.extend_from_slice(line);
                if portion.len() < PORTION_BYTES {
                    return Ok(());
                }
                pieces.send(Owned::Data(std::mem::take(&mut portion))).map_err(gone)
            }
            Piece::EndOfData => {
                pieces.send(Owned::Data(std::mem::take(&mut portion))).map_err(gone)?;
                pieces.send(Owned::EndOfData).map_err(gone)
            }
        }
    }
}

/// What is sent otherwise than it stands in the script.
pub(super) struct Rules<'a> {
    /// Foreign keys that are not made.
    pub(super) open: &'a [Reference],
    /// With the owners and rights that it names.
    pub(super) keep: bool,
    /// Into a database that holds something.
    pub(super) in_place: bool,
    /// All of it is one transaction, which is open: the script's own, around large objects, would end it.
    pub(super) within_one: bool,
    pub(super) subscriptions: Subscriptions,
}

pub(super) fn send(connection: &mut Connection, pieces: &Receiver<Owned>, rules: &Rules<'_>, monitor: &dyn Monitor) -> Result<()> {
    let fault = connection.fault();
    let server = connection.location.server();
    let unsent = |error: io::Error| match error.downcast::<postgres::Error>() {
        Ok(error) => fault(error),
        Err(error) => Fault::Lost { server: server.clone(), detail: error.to_string() }.into(),
    };
    while let Ok(piece) = pieces.recv() {
        if monitor.cancelled() {
            return Err(Error::CancelledHere);
        }
        if let Owned::Statement(statement) = &piece
            && let Some(what) = subscriptions::passed_over(statement, rules.subscriptions)
        {
            monitor.log(&format!("passed over: {what}"));
            continue;
        }
        match piece {
            Owned::Statement(statement) if rules.within_one && is_a_bracket(&statement) => {}
            Owned::Statement(statement) if !rules.keep && is_about_roles(&statement) => {}
            // What stays may be in a schema, and need an extension; and the restore waits for no lock for ever.
            Owned::Statement(statement) if rules.in_place && stays_in_place(&statement) => {}
            Owned::Statement(statement) if rules.in_place && statement.starts_with("CREATE SCHEMA ") => {
                let made = statement.replacen("CREATE SCHEMA ", "CREATE SCHEMA IF NOT EXISTS ", 1);
                connection.client.batch_execute(&made).map_err(&fault)?;
            }
            Owned::Statement(statement) if rules.in_place && is_removal(&statement) => remove(connection, &statement).map_err(&fault)?,
            // It is loaded into a database that was made for it.
            Owned::Statement(statement) if is_about_the_database(&statement) => {
                monitor.log(&format!("passed over: {}", first_line(&statement)));
            }
            // Rows that it leads to are not in the backup.
            Owned::Statement(statement) if leave_out::makes_open_key(rules.open, &statement) => {
                monitor.log(&format!("passed over: {}", first_line(&statement)));
            }
            Owned::Statement(statement) => match connection.client.batch_execute(&statement) {
                Ok(()) => {}
                // A newer pg_dump sets what an older server does not know.
                Err(error) if is_setting(&statement) && error.code() == Some(&SqlState::UNDEFINED_OBJECT) => {
                    monitor.log(&format!("passed over: {statement}"));
                }
                // `pg_dump --clean` removes first what a new database does not hold.
                Err(error) if is_removal(&statement) && error.code().is_some_and(is_missing) => {}
                Err(error) => return Err(fault(error)),
            },
            Owned::Copy(statement) => {
                use io::Write;
                let mut copy = connection.client.copy_in(&statement).map_err(&fault)?;
                loop {
                    match pieces.recv() {
                        Ok(Owned::Data(data)) => copy.write_all(&data).map_err(&unsent)?,
                        Ok(Owned::EndOfData) => break,
                        // Not ended: dropping the copy takes back what it brought.
                        Ok(Owned::Statement(_) | Owned::Copy(_)) | Err(_) => return Ok(()),
                    }
                }
                copy.finish().map_err(&fault)?;
            }
            Owned::Data(_) | Owned::EndOfData => {}
        }
    }
    Ok(())
}

/// Removes something within the transaction. What belongs to a table goes with the table at the latest, and some of it only so (what a part has of
/// the whole): only what is left then is a fault.
fn remove(connection: &mut Connection, statement: &str) -> std::result::Result<(), postgres::Error> {
    connection.client.batch_execute("SAVEPOINT removal")?;
    match connection.client.batch_execute(statement) {
        Ok(()) => connection.client.batch_execute("RELEASE SAVEPOINT removal"),
        Err(error) if belongs_to_a_table(statement) || error.code().is_some_and(is_missing) => {
            connection.client.batch_execute("ROLLBACK TO SAVEPOINT removal; RELEASE SAVEPOINT removal")
        }
        Err(error) => Err(error),
    }
}

fn belongs_to_a_table(statement: &str) -> bool {
    ["ALTER TABLE ", "DROP INDEX ", "DROP TRIGGER ", "DROP POLICY ", "DROP RULE ", "DROP STATISTICS "]
        .iter()
        .any(|head| statement.starts_with(head))
}

/// What `pg_dump --create` says of the database itself.
fn is_about_the_database(statement: &str) -> bool {
    let upper: String = statement.chars().take(40).collect::<String>().to_ascii_uppercase();
    let words: Vec<&str> = upper.split_whitespace().take(3).collect();
    matches!(words.as_slice(), ["CREATE" | "ALTER" | "DROP", "DATABASE", ..] | ["COMMENT", "ON", "DATABASE"])
}

fn is_a_bracket(statement: &str) -> bool {
    ["BEGIN", "COMMIT"].iter().any(|word| statement.trim_end_matches([';', ' ', '\n']).eq_ignore_ascii_case(word))
}

fn stays_in_place(statement: &str) -> bool {
    ["DROP SCHEMA ", "DROP EXTENSION ", "SET lock_timeout ", "SET statement_timeout ", "SET idle_in_transaction_session_timeout "]
        .iter()
        .any(|head| statement.starts_with(head))
}

fn is_removal(statement: &str) -> bool {
    let upper: String = statement.chars().take(4096).collect::<String>().to_ascii_uppercase();
    upper.starts_with("DROP ")
        || (upper.starts_with("ALTER TABLE ")
            && [" DROP CONSTRAINT ", " DROP DEFAULT", " DROP IDENTITY"].iter().any(|word| upper.contains(word)))
}

fn is_missing(code: &SqlState) -> bool {
    [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_OBJECT,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::UNDEFINED_COLUMN,
        SqlState::INVALID_SCHEMA_NAME,
    ]
    .contains(code)
}

fn first_line(statement: &str) -> &str {
    statement.lines().next().unwrap_or_default()
}

fn is_setting(statement: &str) -> bool {
    statement.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("SET "))
}

/// Statements that give things to roles, or rights to them.
pub(super) fn is_about_roles(statement: &str) -> bool {
    let upper: String = statement.chars().take(4096).collect::<String>().to_ascii_uppercase();
    let words: Vec<&str> = upper.split_whitespace().collect();
    matches!(
        words.as_slice(),
        ["GRANT" | "REVOKE", ..]
            | ["ALTER", "DEFAULT", "PRIVILEGES", ..]
            | ["SET", "SESSION", "AUTHORIZATION", ..]
            | ["ALTER", .., "OWNER", "TO", _]
    )
}

/// What is written goes to another thread.
struct Sending(Sender<Vec<u8>>);

impl io::Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| io::Error::other("the reader of the script ended early"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_roles_is_told_from_what_is_about_tables() {
        for (statement, roles) in [
            ("ALTER TABLE public.orders OWNER TO app", true),
            ("ALTER FUNCTION f(integer) OWNER TO \"app\"", true),
            ("GRANT SELECT ON TABLE orders TO reader", true),
            ("REVOKE ALL ON SCHEMA public FROM PUBLIC", true),
            ("ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO reader", true),
            ("ALTER TABLE public.orders ADD CONSTRAINT o_pkey PRIMARY KEY (id)", false),
            ("CREATE TABLE grant_log (owner text)", false),
        ] {
            assert_eq!(is_about_roles(statement), roles, "{statement}");
        }
    }
}
