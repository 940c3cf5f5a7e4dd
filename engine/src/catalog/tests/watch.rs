//! The watch sees what other connections commit, and nothing else.

use std::time::{Duration, Instant};

use keepstone_model::job::{Progress, Step, Verb};

use crate::{
    catalog::{Change, Watch},
    testing::{database, job, open, vault},
};

const LONG: Duration = Duration::from_secs(10);

#[test]
fn a_commit_of_any_process_is_a_change_once() {
    let f = vault();
    let other = open(&f.dir);
    let mut watch = Watch::new(&f.vault).unwrap();
    assert_eq!(watch.next(Duration::ZERO).unwrap(), Change::default());
    for (vault, name) in [(&f.vault, "shop"), (&other, "blog")] {
        database(vault, name);
        assert!(watch.next(LONG).unwrap().catalog);
        assert_eq!(watch.next(Duration::ZERO).unwrap(), Change::default());
    }
}

#[test]
fn progress_that_moved_is_told_and_only_that() {
    let f = vault();
    let other = open(&f.dir);
    let (a, b) = (job(Verb::Create, None).id, job(Verb::Verify, None).id);
    let at = |done_bytes| Progress { step: Step::Snapshot, done_bytes, total_bytes: 10, elapsed_ms: 0 };
    other.live().put(&a, &at(1)).unwrap();
    let mut watch = Watch::new(&f.vault).unwrap();
    other.live().put(&b, &at(2)).unwrap();
    assert_eq!(watch.next(LONG).unwrap(), Change { catalog: false, progress: vec![(b.clone(), at(2))] });
    f.vault.live().put(&a, &at(3)).unwrap();
    assert_eq!(watch.next(LONG).unwrap().progress, [(a, at(3))]);
    other.live().forget(&b).unwrap();
    assert_eq!(watch.next(Duration::ZERO).unwrap(), Change::default(), "an end of progress is told by the job's row");
}

#[test]
fn a_change_ends_the_wait() {
    let f = vault();
    let mut watch = Watch::new(&f.vault).unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| database(&f.vault, "shop"));
        assert!(watch.next(LONG).unwrap().catalog);
    });
    assert!(begun.elapsed() < LONG / 2);
}
