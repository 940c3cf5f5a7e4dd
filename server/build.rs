//! Ties the binary to the browser's bundle in `dist/`. rust-embed notices changes of the files it knew, not new ones; and an optimised
//! binary without the bundle would build in silence and serve pages that never wake up.

use std::{env, fs, path::Path};

const BUNDLE: [&str; 3] = ["frontend.js", "frontend_bg.wasm", "main.css"];

fn main() {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("../dist");
    // A path that is missing counts as changed at every build.
    fs::create_dir_all(&dist).expect("the checkout can be written");
    println!("cargo:rerun-if-changed={}", dist.display());
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        for file in BUNDLE.into_iter().flat_map(|file| [file.to_owned(), format!("{file}.br")]) {
            assert!(dist.join(&file).is_file(), "dist/{file} is missing: `make build` makes the bundle first");
        }
    }
}
