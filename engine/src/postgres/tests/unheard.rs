//! A restore whose server cannot be reached any more at its very commit: it is not known what became of it until it can be asked again.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::Arc,
};

use keepstone_model::{job::JobState, restore::RestorePlan};

use super::*;
use crate::jobs::{self, JobFilter};

/// Which way the network goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The server never hears of the commit.
    ThereTo,
    /// The commit is done, and its answer is lost.
    Back,
}

/// The network between this process and a server: once armed it is cut at the next commit.
#[derive(Debug)]
struct Network {
    port: u16,
    armed: AtomicBool,
    down: AtomicBool,
    cut: Cut,
}

impl Network {
    fn to(server: &Server, cut: Cut) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let network = Arc::new(Self { port, armed: AtomicBool::new(false), down: AtomicBool::new(false), cut });
        let (beyond, of_it) = (server.port, network.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Some(server) = (!of_it.is_down()).then(|| TcpStream::connect(("127.0.0.1", beyond)).ok()).flatten() else { continue };
                for (from, to, is_request) in [(&client, &server, true), (&server, &client, false)] {
                    let (from, to, network) = (from.try_clone().unwrap(), to.try_clone().unwrap(), of_it.clone());
                    std::thread::spawn(move || network.carry(from, to, is_request));
                }
            }
        });
        network
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, is_request: bool) {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            let is_commit = is_request && bytes[..read].ends_with(b"COMMIT\0") && self.armed.swap(false, Ordering::SeqCst);
            if is_commit {
                self.down.store(true, Ordering::SeqCst);
            }
            let goes_on = !self.is_down() || is_commit && self.cut == Cut::Back;
            if !goes_on || to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
    }

    fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }
}

/// Nobody waits until it comes back.
impl Monitor for Network {
    fn step(&self, step: Step) {
        self.armed.store(step == Step::Check, Ordering::SeqCst);
    }

    fn cancelled(&self) -> bool {
        self.is_down()
    }
}

fn plan_of(vault: &Vault, report: &CreateReport, target: Target) -> RestorePlan {
    plan_restore(vault, &PlanOptions { backup: report.backup.id.clone(), target, safety_backup: true }).unwrap()
}

#[test]
fn what_became_of_it_is_found_out_and_the_way_back_is_kept_until_then() {
    let Some(server) = server() else { return };
    let targets = [("unheard_r", Target::Replace), ("unheard_p", Target::InPlace)];
    let cases = targets.into_iter().flat_map(|target| [Cut::Back, Cut::ThereTo].map(|cut| (target.clone(), cut)));
    for ((name, target), cut) in cases {
        let name = format!("{name}_{}", cut as u8);
        let network = Network::to(server, cut);
        let fixture = testing::vault();
        let vault = &fixture.vault;
        let url = server.shop(&name).replace(&format!(":{}/", server.port), &format!(":{}/", network.port));
        let database = add(vault, &url, "shop").unwrap();
        let made = backup(vault, &database);
        server.psql(&name, "DELETE FROM orders WHERE id > 900");
        let plan = plan_of(vault, &made, target.clone());
        let error = restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &*network).unwrap_err();
        assert_eq!(error.code(), "commit_unknown", "{error}");
        let job = jobs::jobs(vault, &JobFilter::default()).unwrap().remove(0).0.id;
        let found = jobs::job(vault, &job).unwrap();
        assert_eq!((found.job.state, found.can_undo), (JobState::Failed, false));
        assert!(plan_undo(vault, &job).unwrap_err().to_string().contains("cannot be found out now"));
        // The server comes back when what it kept would have had its time.
        let kept = server.psql("postgres", &format!("SELECT datname FROM pg_database WHERE datname LIKE '{name}_before%'"));
        assert_eq!(kept.is_empty(), target == Target::InPlace || cut == Cut::ThereTo);
        if !kept.is_empty() {
            let over = format!("keepstone: kept for undo, database {} until 2020-01-01T00:00:00Z", database.uid);
            server.psql("postgres", &format!("COMMENT ON DATABASE \"{kept}\" IS '{over}'"));
        }
        network.down.store(false, Ordering::SeqCst);
        crate::driver::of(database.engine).remove_kept(vault, &database, jiff::Timestamp::now()).unwrap();
        let found = jobs::job(vault, &job).unwrap();
        let told = found.job.error.unwrap();
        let count = || server.psql(&name, "SELECT count(*) FROM orders");
        assert_eq!((found.job.state, found.can_undo), (JobState::Failed, cut == Cut::Back), "{name} {told:?}");
        assert_eq!(told.message.contains("was not committed"), cut == Cut::ThereTo, "{told:?}");
        assert_eq!(count(), if cut == Cut::Back { "1000" } else { "900" });
        if cut == Cut::Back {
            let plan = plan_undo(vault, &job).unwrap();
            undo(vault, &UndoOptions { restore: job, plan, actor: "alice".into() }, &Silent).unwrap();
            assert_eq!(count(), "900");
        }
        assert_eq!(leftovers(server, vault), 0);
    }
}

/// A session of a process that is gone goes on for as long as its statement takes.
#[test]
fn a_name_that_is_about_to_change_is_waited_for() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "renaming");
    let mark = crate::restore::Mark::Named(1);
    let asked = || crate::driver::of(database.engine).was_committed(&fixture.vault, &database, mark);
    assert!(!asked().unwrap());
    let mut session = Command::new(server.bin.join("psql"))
        .args(["-X", "-q", "-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-p", &server.port.to_string()])
        .args(["-c", "SELECT pg_sleep(60) /* ALTER DATABASE \"renaming\" RENAME TO */"])
        .envs([("PGPASSWORD", server::PASSWORD), ("PGAPPNAME", "keepstone")])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let active = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'keepstone' AND query LIKE 'SELECT pg_sleep(60)%'";
    while server.psql("postgres", active) == "0" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(asked().unwrap_err().code(), "database_in_use");
    server.psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60) /*%'");
    session.wait().unwrap();
    assert!(!asked().unwrap());
}
