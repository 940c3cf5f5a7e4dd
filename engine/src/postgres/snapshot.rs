//! The snapshot: one moment of a database, dumped by `pg_dump` into a sink, with schema and counts that the server gives of the very same
//! moment. The dump is read as it passes: what lacks anything that the server counted is no backup.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use keepstone_model::{
    job::{Progress, Step},
    metadata::{Form, PostgresSource, Source},
};

use super::{
    child::{Child, Tool},
    content::{self, Relation},
    fault::Fault,
    globals,
    inspect::{self, Inspected},
    leave_out,
    location::Location,
    open::{self, Connection},
    rewritten,
    settings::Environment,
    tools::{self, Client},
};
use crate::{
    Error, Monitor, Result,
    driver::{self, ImageOptions},
    image::{ImageFacts, ImageSink},
    proof::differing_counts,
    sqlite::pace::millis,
};

/// How long `pg_dump` waits for a lock that a migration holds.
const LOCK_WAIT_MS: u32 = 30_000;
/// How often the person's wish is looked up while nothing comes.
const LISTEN_EVERY: Duration = Duration::from_millis(100);
const BLOCK_BYTES: usize = 256 << 10;
/// So many tables are named in the log.
const NAMED_TABLES: u64 = 200;

/// How often a dump is begun that finds its tables rewritten.
const TRIES: u32 = 5;

/// Streams a dump into `sink`. The source is as it was afterwards; whatever goes wrong, no child stays.
pub(super) fn snapshot(
    source: &driver::Source<'_>,
    form: Form,
    options: &ImageOptions,
    sink: &mut dyn ImageSink,
    monitor: &dyn Monitor,
) -> Result<ImageFacts> {
    let (location, environment) = open::reach(source.vault, source.database)?;
    let mut connection = Connection::open(&location, &environment)?;
    let version = connection.version()?;
    let client = tools::choose(&tools::clients(&environment), version, "pg_dump")?;
    open::refuse_missing_rights(&mut connection, version)?;
    drop(connection);
    let globals = options.globals.then(|| globals::read(&client, &location, source.staging, &environment, monitor)).transpose()?;
    let dumping = Dumping { source, form, options, client: &client, location: &location, environment: &environment };
    let mut tries = 1;
    loop {
        match dumping.once(sink, monitor) {
            Err(error) if rewritten::is(&error) && tries < TRIES => {
                monitor.log("a table was emptied or rewritten while the dump began: it is begun again");
                tries += 1;
            }
            taken => return taken.map(|facts| ImageFacts { globals, ..facts }),
        }
    }
}

/// What a dump is made of.
struct Dumping<'a> {
    source: &'a driver::Source<'a>,
    form: Form,
    options: &'a ImageOptions,
    client: &'a Client,
    location: &'a Location,
    environment: &'a Environment,
}

impl Dumping<'_> {
    /// Nothing was written into `sink` if a table was rewritten.
    fn once(&self, sink: &mut dyn ImageSink, monitor: &dyn Monitor) -> Result<ImageFacts> {
        let Self { source, form, options, client, location, environment } = *self;
        let mut connection = Connection::open(location, environment)?;
        let held = Instant::now();
        // What pg_dump itself begins, so that both see one moment; and nothing that a role's settings say may end it.
        connection.run(
            "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET row_security = off; \
         SET search_path = ''; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        )?;
        let snapshot: String = connection.row("SELECT pg_export_snapshot()")?.get(0);
        let (mut described, encoding) = content::describe(&mut connection)?;
        described.client_version = client.version.to_string();
        let relations = content::relations(&mut connection)?;
        let plan = leave_out::plan(&mut connection, &options.rows, &relations)?;
        let taken = plan.of(&relations);
        if !options.rows.takes_large_objects() {
            described.large_objects = 0;
        }
        let migration_version = content::migration_version(&mut connection, &relations);
        monitor.log(&format!("pg_dump {} of a server {}, {} tables", client.version, described.server_version, taken.len()));

        let files = Some(rewritten::files(&mut connection, &taken)?);
        let mut sink = rewritten::Unchanged { sink, location, environment, files };
        let tool = Tool { client, name: "pg_dump", location: Some(location), staging: source.staging, home: environment.home.as_deref() };
        let utf8 = (form == Form::Dump && needs_utf8(&encoding, &relations)).then(|| OsString::from("--encoding=UTF8"));
        let arguments: Vec<OsString> = arguments(form, &snapshot).into_iter().chain(utf8).chain(plan.arguments.iter().cloned()).collect();
        let mut child = Child::start(&tool, &arguments, false)?;
        let streamed = stream(&mut child, &mut connection, &taken, form, &mut sink, monitor);
        let ended = match &streamed {
            // It may hang on a server that is gone.
            Err(_) => {
                child.stop();
                child.end()?
            }
            Ok(_) => child.end()?,
        };
        // A connection that is gone does not make a whole dump a worse one.
        drop(connection.run("ROLLBACK"));
        let streamed = match streamed {
            Err(error) if rewritten::is(&error) => return Err(error),
            other => other,
        };
        // One that meets a table in another's place may fail before it has written anything.
        if ended.is_err()
            && let Err(error) = sink.compare()
            && rewritten::is(&error)
        {
            return Err(error);
        }
        let streamed = judge(streamed, ended, &location.server())?;
        let Streamed { inspected, counts, size_bytes } = streamed;
        compare(&inspected, &taken, &counts, &described)?;
        described.roles = inspected.roles.into_iter().collect();
        Ok(ImageFacts {
            size_bytes,
            schema: content::tables(&relations, &plan.of_all(&counts)),
            schema_version: 0,
            migration_version,
            suspect: None,
            left_out: plan.left_out,
            globals: None,
            source: Source {
                location: source.database.location.clone(),
                host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
                encoding,
                method: "pg_dump".to_owned(),
                hold_ms: millis(held.elapsed()),
                postgres: Some(described),
                ..Source::default()
            },
        })
    }
}

fn arguments(form: Form, snapshot: &str) -> Vec<OsString> {
    let form = match form {
        // We compress, and hash, and read what passes: it must not be compressed within.
        Form::Dump | Form::Sqlite => ["--format=custom", "--compress=0"].as_slice(),
        Form::Sql => ["--format=plain", "--encoding=UTF8"].as_slice(),
    };
    let common = [format!("--snapshot={snapshot}"), format!("--lock-wait-timeout={LOCK_WAIT_MS}")];
    form.iter().map(OsString::from).chain(common.into_iter().map(OsString::from)).collect()
}

/// Whether a dump has to be in UTF-8 for its names to be the ones that the server gives: where they are ASCII, rows stay in the database's own
/// encoding, to the byte. What is of no encoding is never converted: bytes that are no UTF-8 would be refused when they come back.
fn needs_utf8(encoding: &str, relations: &[Relation]) -> bool {
    let plain = |relation: &Relation| relation.schema.is_ascii() && relation.table.is_ascii();
    !matches!(encoding, "UTF8" | "SQL_ASCII") && !relations.iter().all(plain)
}

struct Streamed {
    inspected: Inspected,
    counts: Vec<u64>,
    size_bytes: u64,
}

/// Carries the dump from the child to the sink and to its reader, while the server counts.
fn stream(
    child: &mut Child,
    connection: &mut Connection,
    relations: &[&Relation],
    form: Form,
    sink: &mut dyn ImageSink,
    monitor: &dyn Monitor,
) -> Result<Streamed> {
    let stdout = child.stdout()?;
    let given_up = Arc::new(AtomicBool::new(false));
    let cancel_count = connection.canceller();
    let about_bytes = relations.iter().map(|relation| relation.size_bytes).sum();
    let (to_sink, from_child) = bounded::<io::Result<Vec<u8>>>(8);
    let (to_reader, dump) = bounded::<Vec<u8>>(8);
    let (begun, tables) = mpsc::channel::<String>();
    let fetching = std::thread::spawn(move || fetch(stdout, &to_sink));
    let result = std::thread::scope(|scope| {
        let counting = scope.spawn({
            let given_up = Arc::clone(&given_up);
            move || content::count(connection, relations, &|| given_up.load(Ordering::Relaxed))
        });
        let reading = scope.spawn(move || {
            let mut dump = Chunks { source: dump, now: Vec::new(), at: 0 };
            let read = inspect::read(form, &mut dump, &mut |table| drop(begun.send(table)));
            // Whatever it found, the child must not wait for it.
            drop(io::copy(&mut dump, &mut io::sink()));
            read
        });
        let mut carried = carry(&from_child, &to_reader, sink, about_bytes, relations.len(), &tables, monitor);
        drop(to_reader);
        let inspected = reading.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
        if carried.is_ok() && inspected.is_ok() {
            // The dump is there; the last of the counts may still be under way.
            while !counting.is_finished() && carried.is_ok() {
                std::thread::sleep(LISTEN_EVERY);
                if monitor.cancelled() {
                    carried = Err(Error::CancelledHere);
                }
            }
        }
        // What is no dump needs no counts.
        if carried.is_err() || inspected.is_err() {
            given_up.store(true, Ordering::Relaxed);
            cancel_count();
        }
        let counts = counting.join().unwrap_or_else(|_| Err(Error::Internal("a thread panicked".to_owned())));
        let size_bytes = carried?;
        Ok::<_, Error>((inspected, counts, size_bytes))
    });
    drop(from_child);
    if result.is_err() {
        child.stop();
    }
    drop(fetching.join());
    let (inspected, counts, size_bytes) = result?;
    // What the dump lacks is said after what the child says of itself: see `judge`.
    let inspected = inspected.map_err(|error| Fault::DumpIncomplete { detail: error.to_string() })?;
    let counts = counts?;
    Ok(Streamed { inspected, counts, size_bytes })
}

fn fetch(mut stdout: impl Read, to_sink: &Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = vec![0; BLOCK_BYTES];
        match stdout.read(&mut block) {
            Ok(0) => return,
            Ok(read) => {
                block.truncate(read);
                if to_sink.send(Ok(block)).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                drop(to_sink.send(Err(error)));
                return;
            }
        }
    }
}

fn carry(
    from_child: &Receiver<io::Result<Vec<u8>>>,
    to_reader: &Sender<Vec<u8>>,
    sink: &mut dyn ImageSink,
    about_bytes: u64,
    table_count: usize,
    tables: &mpsc::Receiver<String>,
    monitor: &dyn Monitor,
) -> Result<u64> {
    let began = Instant::now();
    let (mut done_bytes, mut done_tables) = (0_u64, 0_u64);
    let mut tell = |done_bytes: u64| -> Result<()> {
        for table in tables.try_iter() {
            done_tables += 1;
            if done_tables <= NAMED_TABLES {
                monitor.log(&format!("table {done_tables} of {table_count}: {table}"));
            }
        }
        // How large the dump becomes nobody knows before; the tables' pages are near it.
        let total_bytes = about_bytes.max(done_bytes);
        monitor.progress(&Progress { step: Step::Snapshot, done_bytes, total_bytes, elapsed_ms: millis(began.elapsed()) });
        if monitor.cancelled() { Err(Error::CancelledHere) } else { Ok(()) }
    };
    tell(0)?;
    loop {
        match from_child.recv_timeout(LISTEN_EVERY) {
            Ok(block) => {
                let block = block.map_err(|error| Fault::DumpFailed { detail: error.to_string() })?;
                sink.write(&block)?;
                done_bytes += block.len() as u64;
                // A reader that is gone has said why; that is heard at the end.
                drop(to_reader.send(block));
                tell(done_bytes)?;
            }
            Err(RecvTimeoutError::Timeout) => tell(done_bytes)?,
            Err(RecvTimeoutError::Disconnected) => {
                tell(done_bytes)?;
                return Ok(done_bytes);
            }
        }
    }
}

/// What came of it, where several things went wrong: a wish of the person, a fault of ours, what the child says, and only then what its dump
/// lacks.
fn judge(streamed: Result<Streamed>, ended: Result<(), String>, server: &str) -> Result<Streamed> {
    match (streamed, ended) {
        (Ok(streamed), Ok(())) => Ok(streamed),
        (Ok(_) | Err(Error::Postgres(_)), Err(detail)) => Err(of_child(detail, server).into()),
        (Err(error), _) => Err(error),
    }
}

/// The fault that a child's words amount to.
pub(super) fn of_child(detail: String, server: &str) -> Fault {
    // The last two: a tool that connects once more, to a server that is on its way down or up.
    let lost = [
        "server closed the connection",
        "terminating connection",
        "could not receive data",
        "no connection to the server",
        "SSL SYSCALL",
        "the database system is ",
        "Connection refused",
    ];
    if lost.iter().any(|words| detail.contains(words)) {
        Fault::Lost { server: server.to_owned(), detail }
    } else {
        Fault::DumpFailed { detail }
    }
}

/// The dump against what the server counted in the same moment.
fn compare(inspected: &Inspected, relations: &[&Relation], counts: &[u64], described: &PostgresSource) -> Result<()> {
    let counted: BTreeMap<String, u64> = relations.iter().map(|relation| relation.name()).zip(counts.iter().copied()).collect();
    let mut found = inspected.counts.clone().ok_or_else(|| Fault::DumpIncomplete { detail: "its rows cannot be counted".to_owned() })?;
    // Extensions have tables of their own, of which a dump holds what was added.
    found.retain(|table, _| counted.contains_key(table));
    let differing = differing_counts(&found, &counted);
    if let Some(first) = differing.first() {
        let others = if differing.len() > 1 { format!(" and {} others", differing.len() - 1) } else { String::new() };
        return Err(
            Fault::DumpIncomplete { detail: format!("table {}{others}", first.replace("at the backup", "the server counts")) }.into()
        );
    }
    if let Some(found) = inspected.large_objects.filter(|found| *found != described.large_objects) {
        let detail = format!("it holds {found} large objects, the server counts {}", described.large_objects);
        return Err(Fault::DumpIncomplete { detail }.into());
    }
    Ok(())
}

/// What another thread sends, as a stream.
pub(super) struct Chunks {
    pub(super) source: Receiver<Vec<u8>>,
    pub(super) now: Vec<u8>,
    pub(super) at: usize,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.now.len() {
            match self.source.recv() {
                Ok(chunk) => (self.now, self.at) = (chunk, 0),
                Err(_) => return Ok(0),
            }
        }
        let length = buffer.len().min(self.now.len() - self.at);
        buffer[..length].copy_from_slice(&self.now[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
