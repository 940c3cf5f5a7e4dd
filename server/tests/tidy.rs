//! Rules of the whole workspace, each with its reason: who may use what, what must not appear, and that the documents speak of what exists.
//! Here and not in a crate of its own, because the server sees all the others.

#![expect(clippy::unwrap_used, reason = "a test may stop at once")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[path = "support/texts.rs"]
mod texts;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file below a folder of the checkout with this ending, by its path from the root.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    found
        .into_iter()
        .filter(|path| path.to_str().is_some_and(|path| path.ends_with(ending)))
        .map(|path| (path.strip_prefix(root()).unwrap().display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect()
}

fn rust() -> Vec<(String, String)> {
    ["model", "engine", "app", "frontend", "server"].into_iter().flat_map(|layer| files(layer, ".rs")).collect()
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/benches/") || path.contains("/examples/")
}

/// The lines that are built into the product: without comments, and up to the file's own tests.
fn product(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.trim()))
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .filter(|(_, line)| !line.starts_with("//"))
}

/// Fails with every place where one of the words stands in the product's code.
fn nowhere(folder: &str, words: &[&str], reason: &str) {
    let places: Vec<String> = files(folder, ".rs")
        .iter()
        .filter(|(path, _)| !is_test(path))
        .flat_map(|(path, text)| {
            product(text)
                .filter(|(_, line)| words.iter().any(|word| line.contains(word)))
                .map(|(number, line)| format!("{path}:{number}: {line}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(places.is_empty(), "{reason}:\n{}", places.join("\n"));
}

#[test]
fn model_only_decides() {
    nowhere(
        "model/src",
        &["std::fs", "std::env", "std::net", "std::time", "std::thread", "tokio", "Timestamp::now", "Zoned::now", "println!"],
        "model has no clock, no files and no runtime: its decisions are tested with made-up facts and run in the browser too",
    );
}

#[test]
fn the_engine_knows_no_web_no_command_line_and_no_environment() {
    nowhere(
        "engine/src",
        &["leptos", "axum", "clap::", "println!", "eprintln!", "std::env", "env::var"],
        "the engine is a library: who calls it reads arguments and the environment, and prints",
    );
    let manifest = fs::read_to_string(root().join("engine/Cargo.toml")).unwrap();
    for dependency in ["leptos", "axum", "clap", "anyhow"] {
        assert!(!manifest.contains(&format!("\n{dependency}")), "the engine depends on {dependency}");
    }
    for (path, text) in files("engine/src", ".rs").into_iter().filter(|(path, _)| path != "engine/src/postgres/tls.rs") {
        assert!(!text.contains("tokio::"), "{path}: verbs block; only TLS with a PostgreSQL server is asynchronous underneath");
    }
}

#[test]
fn the_catalog_is_written_in_one_place() {
    let places: Vec<_> = rust()
        .into_iter()
        .filter(|(path, text)| {
            !is_test(path) && !path.starts_with("engine/src/catalog/") && product(text).any(|(_, line)| line.contains("catalog.sqlite"))
        })
        .map(|(path, _)| path)
        .collect();
    assert!(places.len() <= 1, "only engine/src/catalog/ and the layout of the vault name the catalog's file: {places:?}");
}

#[test]
fn parts_of_pages_have_no_server_functions() {
    nowhere("app/src/ui", &["#[server"], "a part shows what it is given; server functions belong to a feature's api.rs");
}

#[test]
fn features_do_not_use_each_other() {
    for (path, text) in files("app/src/features", ".rs") {
        let own = path.trim_start_matches("app/src/features/").split('/').next().unwrap();
        for (number, line) in product(&text) {
            if let Some(rest) = line.split("features::").nth(1) {
                assert!(rest.starts_with(own), "{path}:{number}: features meet in ui, routes and model only: {line}");
            }
        }
    }
}

#[test]
fn every_server_function_has_a_fixed_address() {
    for (path, text) in files("app/src", ".rs") {
        for (number, line) in product(&text).filter(|(_, line)| line.starts_with("#[server")) {
            if line.starts_with("#[server(default)]") {
                continue;
            }
            let fixed = line.contains("prefix = \"/fn\"") && line.contains("endpoint = \"");
            assert!(fixed, "{path}:{number}: otherwise its address hashes the path of the checkout: {line}");
        }
    }
}

#[test]
fn no_style_stands_in_the_page() {
    nowhere(
        "app/src",
        &[" style=\"", " style=move", " style=format", "style:"],
        "the content security policy forbids it: use a class or SVG",
    );
}

#[test]
fn what_a_person_reads_stands_in_the_catalogue() {
    let places: Vec<String> = files("app/src", ".rs")
        .into_iter()
        .filter(|(path, _)| !path.starts_with("app/src/words/"))
        .flat_map(|(path, text)| texts::human(&text).into_iter().map(move |(line, text)| format!("{path}:{line}: {text:?}")))
        .collect();
    assert!(places.is_empty(), "texts that a person reads belong to app/src/words, where they can be translated:\n{}", places.join("\n"));
}

#[test]
fn nothing_is_left_to_do_or_silenced() {
    for layer in ["model", "engine", "app", "frontend", "server"] {
        nowhere(
            &format!("{layer}/src"),
            &["todo!(", "unimplemented!(", "dbg!(", "#[allow(", "#![allow("],
            "finish it, or say why with #[expect(lint, reason = \"…\")]",
        );
    }
}

#[test]
fn every_file_says_what_lives_in_it() {
    for (path, text) in rust() {
        assert!(text.starts_with("//! "), "{path} does not open with `//! `: what lives here and what does not");
    }
}

#[test]
fn files_stay_small() {
    let mut lengths: Vec<(usize, String)> =
        rust().into_iter().filter(|(path, _)| !is_test(path)).map(|(path, text)| (text.lines().count(), path)).collect();
    lengths.sort();
    let (median, _) = lengths[lengths.len() / 2];
    let (most, path) = &lengths[lengths.len() * 9 / 10];
    assert!(median <= 150, "the median file has {median} lines");
    assert!(*most <= 400, "a tenth of the files has more than 400 lines, {path} among them");
}

#[test]
fn the_documents_name_what_exists() {
    let documents = [
        vec!["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].into_iter().map(str::to_owned).collect::<Vec<_>>(),
        files("docs", ".md").into_iter().map(|(path, _)| path).collect(),
    ]
    .concat();
    let top: Vec<String> = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut missing = Vec::new();
    for document in documents {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        // Paths from the root in back quotes; made ones (target/, dist/) and patterns are not in the checkout.
        let quoted = text.split('`').skip(1).step_by(2).filter(|word| {
            let first = word.split('/').next().unwrap();
            let made = ["target", "dist", "keepstone-data"].contains(&first) || word.starts_with("end2end/screenshots");
            !made && !word.contains(['*', '<', '{', ' ', '\n']) && word.contains('/') && top.iter().any(|name| name == first)
        });
        missing.extend(quoted.filter(|path| !root().join(path).exists()).map(|path| format!("{document}: `{path}`")));
        // Links, from the document's own folder.
        let folder = root().join(&document).parent().unwrap().to_owned();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"));
        let links = links.map(|link| link.split('#').next().unwrap()).filter(|link| !link.is_empty());
        missing.extend(links.filter(|link| !folder.join(link).exists()).map(|link| format!("{document}: ({link})")));
    }
    assert!(missing.is_empty(), "not there:\n{}", missing.join("\n"));
}

#[test]
fn the_container_takes_what_the_build_makes_and_asks_what_the_server_answers() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let (dockerfile, taken, compose) = (read("deploy/Dockerfile"), read("deploy/Dockerfile.dockerignore"), read("deploy/compose.yaml"));
    let made = [read("scripts/build.sh"), read("scripts/server.sh"), read("Makefile")].concat();
    for copy in dockerfile.lines().filter(|line| line.starts_with("COPY ")) {
        let from = copy.split(' ').rev().nth(1).unwrap();
        assert!(taken.lines().any(|line| line.strip_prefix('!') == Some(from)), "{from} does not get into the build");
        let name = from.strip_prefix("target/").unwrap_or_else(|| panic!("{from} is not what a build makes"));
        assert!(made.contains(name), "no script makes {from}");
    }
    for part in ["postgresql-client", "ca-certificates", "tzdata", "\nVOLUME /var/lib/keepstone\n", "\nSTOPSIGNAL SIGTERM\n"] {
        assert!(dockerfile.contains(part), "{part}");
    }
    let user = dockerfile.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    assert!(!user.starts_with("root") && !user.starts_with('0'), "it runs as a user of its own");
    let checked = dockerfile.lines().find_map(|line| line.strip_prefix("HEALTHCHECK ")).unwrap();
    let path = checked.split(":8181").nth(1).unwrap().split('"').next().unwrap();
    let rule = keepstone_model::access::rule_for(path).unwrap_or_else(|| panic!("{path} is not answered"));
    assert_eq!(rule.access, keepstone_model::access::Access::Open, "{path}");
    // Every variable is one that the product reads.
    let product: String = rust().into_iter().filter(|(path, _)| path.starts_with("server/src")).map(|(_, text)| text).collect();
    let set = compose.lines().filter_map(|line| line.trim().split_once(": ").map(|(name, _)| name));
    let set = set.chain(dockerfile.split(['\n', ' ']).filter_map(|word| word.split_once('=').map(|(name, _)| name)));
    let set = set.filter(|name| ["KEEPSTONE_", "BACKUP_", "DATABASE_"].iter().any(|start| name.starts_with(start)));
    let set: Vec<&str> = set.collect();
    assert!(set.len() >= 8, "{set:?}");
    for name in set {
        assert!(product.contains(&format!("\"{name}\"")), "nothing reads {name}");
    }
}

#[test]
fn the_bundle_tools_have_one_version_each() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let lock = read("Cargo.lock");
    let bindgen = lock.split("name = \"wasm-bindgen\"\nversion = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(read("Cargo.toml").contains(&format!("wasm-bindgen = \"={bindgen}\"")), "the crate is pinned to {bindgen}");
    assert!(read("Trunk.toml").contains(&format!("wasm_bindgen = \"{bindgen}\"")), "Trunk wants another than {bindgen}");
    let binaryen = read("end2end/package.json").split("\"binaryen\": \"").nth(1).unwrap().split('.').next().unwrap().to_owned();
    assert!(read("Trunk.toml").contains(&format!("wasm_opt = \"version_{binaryen}\"")), "Trunk wants another wasm-opt than {binaryen}");
}

#[test]
fn what_the_browser_gets_stays_lean() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--target",
            "wasm32-unknown-unknown",
            "-p",
            "keepstone-frontend",
            "-e",
            "normal,no-proc-macro",
        ])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"leptos") && names.contains(&"keepstone-model"));
    for heavy in ["keepstone-engine", "tokio", "axum", "rusqlite", "chrono", "uuid", "tracing", "rand"] {
        assert!(!names.contains(&heavy), "{heavy} would be loaded by every browser");
    }
}
