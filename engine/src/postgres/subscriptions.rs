//! Subscriptions: what a copy of a database must never do is replicate, or touch the slot that the original has at its publisher. A scratch copy is made
//! without them; a restored database has them disabled and without a slot; and before a database of ours is dropped they are taken out of it, for a
//! server drops none that has one.
//! <https://www.postgresql.org/docs/15/logical-replication-subscription.html>

use super::{
    fault::Fault,
    location::Location,
    names::{literal, quoted},
    open::Connection,
    plain,
    settings::Environment,
    toc::Entry,
};
use crate::{Monitor, Result};

/// What becomes of them in a new database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subscriptions {
    /// Not made: the database is there to be looked at, and dropped.
    LeftOut,
    /// Made disabled, and without a slot.
    Detached,
}

/// A subscription, and the slot that it follows.
#[derive(Debug)]
struct Found {
    name: String,
    slot: Option<String>,
}

/// Those of a database, asked of any database of its server.
fn of(connection: &mut Connection, database: &str) -> Result<Vec<Found>> {
    let rows = connection.rows(&format!(
        "SELECT s.subname::text, s.subslotname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = {} ORDER BY 1",
        literal(database)
    ))?;
    Ok(rows.iter().map(|row| Found { name: row.get(0), slot: row.get(1) }).collect())
}

/// Leaves the publisher alone from now on; each is named in the log with what joins it again.
pub(super) fn detach(maintenance: &mut Connection, environment: &Environment, database: &Location, monitor: &dyn Monitor) -> Result<()> {
    let found = of(maintenance, &database.database)?;
    if found.is_empty() {
        return Ok(());
    }
    let mut connection = Connection::open(database, environment)?;
    for Found { name, slot } in found {
        let name = quoted(&name);
        connection.run(&format!("ALTER SUBSCRIPTION {name} DISABLE"))?;
        connection.run(&format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"))?;
        monitor.log(&format!("subscription {name} is disabled and has no slot; {}", joins_again(&name, slot.as_deref())));
    }
    Ok(())
}

fn joins_again(name: &str, slot: Option<&str>) -> String {
    let slot = slot.map(|slot| format!("ALTER SUBSCRIPTION {name} SET (slot_name = {}); ", literal(slot))).unwrap_or_default();
    format!("to join it again: {slot}ALTER SUBSCRIPTION {name} ENABLE; ALTER SUBSCRIPTION {name} REFRESH PUBLICATION;")
}

/// Takes them out of a database that is about to be dropped. The slots stay with their publishers: they are the original's.
pub(super) fn remove(maintenance: &mut Connection, environment: &Environment, database: &str) -> Result<()> {
    let found = of(maintenance, database)?;
    if found.is_empty() {
        return Ok(());
    }
    let mut connection = Connection::open(&maintenance.location.with_database(database), environment)?;
    for name in found.iter().map(|found| quoted(&found.name)) {
        connection.run(&format!("ALTER SUBSCRIPTION {name} DISABLE"))?;
        connection.run(&format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"))?;
        connection.run(&format!("DROP SUBSCRIPTION {name}"))?;
    }
    Ok(())
}

/// Whether an entry of a dump makes one, or says something of it.
pub(super) fn is_one(entry: &Entry) -> bool {
    entry.kind == "SUBSCRIPTION" || (matches!(entry.kind.as_str(), "COMMENT" | "SECURITY LABEL") && entry.name.starts_with("SUBSCRIPTION "))
}

/// What a plan says of those in a dump.
pub(super) fn told(entries: &[Entry]) -> Option<String> {
    let names: Vec<&str> = entries.iter().filter(|entry| entry.kind == "SUBSCRIPTION").map(|entry| entry.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "It gets its subscriptions ({}) disabled and without their slots, so that the publisher is left alone; the job's log says what joins them again.",
            names.join(", ")
        )
    })
}

/// No transaction can make one anew.
pub(super) fn refuse_in_place(entries: &[Entry]) -> Result<()> {
    match entries.iter().find(|entry| entry.kind == "SUBSCRIPTION") {
        Some(entry) => {
            let detail = format!("the backup holds the subscription {}, which cannot be made anew in place: use --replace", entry.name);
            Err(Fault::NotReplaceable { detail }.into())
        }
        None => Ok(()),
    }
}

/// A statement of a script about one, which is passed over: what of it may stand in a log, for it holds how the publisher is reached.
pub(super) fn passed_over(statement: &str, how: Subscriptions) -> Option<String> {
    let mut rest = statement.trim_start();
    let mut word = || {
        let (word, after) = plain::identifier(rest)?;
        rest = after.trim_start();
        Some(word)
    };
    let (verb, second) = (word()?, word()?);
    let name = match (verb.as_str(), second.as_str()) {
        ("create" | "alter" | "drop", "subscription") => word()?,
        ("comment", "on") if word()? == "subscription" => word()?,
        _ => return None,
    };
    // As pg_dump writes it: it asks nothing of the publisher.
    let is_quiet = verb == "create" && statement.contains("connect = false");
    let made = how == Subscriptions::Detached && (is_quiet || verb == "comment" || statement.contains(" OWNER TO "));
    (!made).then(|| format!("{} of subscription {name}", verb.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_that_asks_nothing_of_its_publisher_is_made_of_a_script() {
        let quiet = "CREATE SUBSCRIPTION su CONNECTION 'password=x' PUBLICATION p WITH (connect = false, slot_name = 'sl')";
        let loud = "create subscription \"S u\" CONNECTION 'password=x' PUBLICATION p";
        for (statement, left_out, detached) in [
            (quiet, Some("CREATE of subscription su"), None),
            (loud, Some("CREATE of subscription S u"), Some("CREATE of subscription S u")),
            ("ALTER SUBSCRIPTION su OWNER TO app", Some("ALTER of subscription su"), None),
            ("ALTER SUBSCRIPTION su ENABLE", Some("ALTER of subscription su"), Some("ALTER of subscription su")),
            ("COMMENT ON SUBSCRIPTION su IS 'x'", Some("COMMENT of subscription su"), None),
            ("COMMENT ON TABLE subscription IS 'x'", None, None),
            ("CREATE TABLE subscription (a int)", None, None),
            ("SELECT 1", None, None),
        ] {
            assert_eq!(passed_over(statement, Subscriptions::LeftOut).as_deref(), left_out, "{statement}");
            assert_eq!(passed_over(statement, Subscriptions::Detached).as_deref(), detached, "{statement}");
        }
    }
}
