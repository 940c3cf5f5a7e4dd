//! Follows a verb while it works, and stops it.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use keepstone_engine::{
    Monitor,
    create::{CreateOptions, create},
    model::job::{Progress, Step},
};

/// Prints each step and stops at a wish. Its methods are called from several threads, often: they must return at once.
#[derive(Default)]
struct Teller {
    bytes: AtomicU64,
    stop: AtomicBool,
}

impl Monitor for Teller {
    fn step(&self, step: Step) {
        println!("{step:?}");
    }

    fn progress(&self, progress: &Progress) {
        self.bytes.store(progress.done_bytes, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn main() -> shop::Outcome {
    let (_folder, _application, vault, shop) = shop::open()?;
    let teller = Teller::default();
    create(&vault, &CreateOptions::new(shop.clone(), "shop"), &teller)?;
    println!("{} bytes in the last step", teller.bytes.load(Ordering::Relaxed));

    teller.stop.store(true, Ordering::Relaxed);
    let stopped = create(&vault, &CreateOptions::new(shop, "shop"), &teller).expect_err("it was stopped");
    assert_eq!(stopped.code(), "cancelled");
    println!("{stopped}: nothing was published");
    Ok(())
}
