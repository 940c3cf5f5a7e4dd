//! What the real binary needs of memory does not grow with the database: the largest resident set of each verb, for a small and a large one.

use std::{fs, process::Stdio, thread, time::Duration};

use crate::support::{Host, shop};

/// What may differ: caches of SQLite and of the allocator, and the noise of threads.
const GROWTH_BYTES: u64 = 24 << 20;
/// In a build without optimisation, whose program alone is large.
const MOST_BYTES: u64 = 128 << 20;

/// The high-water mark of a run that must succeed, as the kernel keeps it.
fn most_memory(host: &Host, args: &[&str]) -> u64 {
    let mut child = host.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (status, mut most) = (format!("/proc/{}/status", child.id()), 0);
    let ended = loop {
        // It only ever rises, so the last look before the end is enough.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        most = most.max(mark.unwrap_or(0) * 1024);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        thread::sleep(Duration::from_millis(2));
    };
    assert!(ended.success(), "keepstone {args:?}: {ended}");
    most
}

#[test]
fn memory_is_flat() {
    let runs = |orders: u32| {
        let host = Host::new();
        // About 2 kB each, which no compressor makes smaller.
        drop(shop(&host.path("shop.db"), orders));
        host.ok(&["db", "add", "shop.db"]);
        let create = most_memory(&host, &["create", "shop"]);
        let back = host.path("back.db");
        let verify = most_memory(&host, &["verify", "latest"]);
        let restore = most_memory(&host, &["restore", "latest", "--to", back.to_str().unwrap()]);
        let replace = most_memory(&host, &["restore", "latest", "--replace", "--yes"]);
        let export =
            most_memory(&host, &["export", "shop", "--format", "sql", "--include-sensitive", "-o", host.path("out.sql").to_str().unwrap()]);
        [("create", create), ("verify", verify), ("restore", restore), ("restore --replace", replace), ("export", export)]
    };
    let (small, large) = (runs(5_000), runs(40_000));
    for ((verb, small), (_, large)) in small.into_iter().zip(large) {
        assert!(small > 1 << 20, "{verb}: nothing was measured");
        assert!(large < small + GROWTH_BYTES && large < MOST_BYTES, "{verb}: {small} bytes for 10 MB, {large} for 80 MB");
    }
}
