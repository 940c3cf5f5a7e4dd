//! Databases that are reached by another name than their application's.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use super::*;
use crate::sqlite::{
    live::live_state,
    open::{Access, Live, probe},
};

const WAIT: Duration = Duration::from_millis(150);

#[test]
fn a_hard_link_is_refused_by_each_of_its_names_until_it_is_gone() {
    for mode in ["WAL", "DELETE"] {
        let place = Place::new();
        let _application = place.sql(&format!("PRAGMA journal_mode={mode}; CREATE TABLE t(x); INSERT INTO t VALUES (1)"));
        let link = place.folder.path().join("link.db");
        fs::hard_link(place.db(), &link).unwrap();
        let error = probe(&link, WAIT).unwrap_err();
        assert_eq!((error.code(), error.kind()), ("source_second_name", crate::error::Kind::Refused));
        assert!(error.to_string().contains("one of 2 hard links") && error.hint().unwrap().contains("mount the folder"), "{error}");
        assert_eq!(code(place.take()), "source_second_name", "whose log lies beside this name is not known");
        assert_eq!(code(live_state(&link, WAIT)), "source_second_name");
        assert_eq!(code(Live::open(&link, Access::Write).map(drop)), "source_second_name");
        let beside = fs::read_dir(place.folder.path()).unwrap().count();
        assert_eq!(beside, 3, "nothing was made beside the link");
        fs::remove_file(&link).unwrap();
        assert_eq!(place.take().unwrap().1.schema["t"].row_count, 1);
    }
    let place = Place::new();
    fs::write(place.db(), vec![b'x'; 9000]).unwrap();
    fs::hard_link(place.db(), place.folder.path().join("link.db")).unwrap();
    assert_eq!(code(probe(&place.db(), WAIT)), "not_a_database", "what is none has no log");
}

#[test]
#[ignore = "the next test runs it in a process of its own"]
fn an_application() {
    let mut path = String::new();
    std::io::stdin().read_line(&mut path).unwrap();
    let connection = Connection::open(path.trim()).unwrap();
    connection.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
    writeln!(std::io::stdout(), "\nready").unwrap();
    std::io::stdin().read_line(&mut path).unwrap();
}

#[test]
fn a_log_beside_another_name_is_noticed_by_the_lock_of_who_writes_it() {
    let place = Place::new();
    let name = "sqlite::tests::names::an_application";
    let mut application = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = application.stdin.take().unwrap();
    writeln!(to, "{}", place.db().display()).unwrap();
    let mut said = BufReader::new(application.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap() == "ready"));
    assert_eq!(place.take().unwrap().1.schema["t"].row_count, 1);
    // As a container sees it that was given the file alone.
    let other = place.folder.path().join("other.db");
    fs::rename(place.db(), &other).unwrap();
    let error = probe(&other, WAIT).unwrap_err();
    assert_eq!(error.code(), "source_second_name");
    assert!(error.to_string().contains("has it open in WAL mode, and its -wal is not beside this name"), "{error}");
    fs::rename(&other, place.db()).unwrap();
    assert_eq!(code(probe(&place.db(), WAIT)), "ok");
    drop(to);
    application.wait().unwrap();
    assert_eq!(code(probe(&place.db(), WAIT)), "ok", "nobody is at it");
}
