//! What a process is told from outside: `keepstone.toml`, `--env-file`, the log's form, the unit of systemd.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::support::{Host, run, shop};

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    fs::create_dir(host.path("etc")).unwrap();
    fs::write(host.path("etc/keepstone.toml"), "data = \"../of-file\"\nenv-file = \"app.env\"\nlog-format = \"json\"\n").unwrap();
    fs::write(host.path("etc/app.env"), "export BACKUP_DIR=of-env-file  # where\nBACKUP_COMPRESSION_ENABLED=\"false\"\n").unwrap();
    let config = ["--config", "etc/keepstone.toml"];
    host.ok(&[&config[..], &["db", "add", "shop.db"]].concat());
    let backup = &host.results(&[&config[..], &["create", "shop"]].concat())[0];
    assert!(host.path("of-file/vault.toml").is_file() && host.path("of-env-file/shop").is_dir(), "{backup}");
    let shown = &host.results(&[&config[..], &["show", "latest"]].concat())[0];
    assert_eq!(shown["metadata"]["compression"], "none", "a variable of the file is heeded");
    let log = fs::read_dir(host.path("of-file/logs"))
        .unwrap()
        .flatten()
        .map(|entry| fs::read_to_string(entry.path()).unwrap())
        .collect::<String>();
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{log}");

    let with = |flag: Option<&str>, variable: Option<&str>| {
        let flags = flag.map_or(vec![], |flag| vec!["--data", flag]);
        let mut command = host.command(&[&config[..], &flags, &["list"]].concat());
        run(variable.iter().fold(&mut command, |command, value| command.env("KEEPSTONE_DATA", value))).stderr
    };
    assert!(with(None, Some("of-variable")).contains("of-variable"));
    assert!(with(Some("of-flag"), Some("of-variable")).contains("of-flag"));
    let variable =
        run(host.command(&["create", "shop"]).env("KEEPSTONE_CONFIG", "etc/keepstone.toml").env("BACKUP_COMPRESSION_ENABLED", "true"));
    assert_eq!(variable.exit, 0, "{variable:?}");
    assert_eq!(host.results(&[&config[..], &["show", "latest"]].concat())[0]["metadata"]["compression"], "zstd", "the environment wins");

    fs::write(host.path("keepstone.toml"), "data = \"of-file\"\nlisten-on = \"x\"\n").unwrap();
    host.fails(&["list"], "usage", 2);
    let told = host.run(&["list"]).stderr;
    assert!(told.contains("keepstone.toml, line 2") && told.contains("listen-on"), "{told}");
    host.fails(&["--config", "none.toml", "list"], "source_missing", 3);
    fs::write(host.path("keepstone.toml"), "").unwrap();
    fs::write(host.path("bad.env"), "A=1\nthis is nothing\n").unwrap();
    let told = host.run(&["--env-file", "bad.env", "list"]);
    assert!(told.exit == 2 && told.stderr.contains("bad.env: line 2"), "{told:?}");
}

#[test]
fn serve_takes_its_settings_from_there_too_and_says_how_to_reach_it() {
    let host = Host::new();
    fs::create_dir(host.path("old")).unwrap();
    fs::write(
        host.path("keepstone.toml"),
        "listen = \"127.0.0.1:0\"\nimport-roots = [\"old\"]\nupload-limit = \"1MB\"\nrecheck-after = \"never\"\n",
    )
    .unwrap();
    let mut child = host.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        said += &line.unwrap();
        if said.contains("ssh -L") {
            break;
        }
    }
    assert!(said.contains("http://127.0.0.1:") && said.contains("ssh -L"), "{said}");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    host.fails(&["serve", "--import-root", "/"], "usage", 2);
    host.fails(&["serve", "--import-root", "nowhere"], "io_error", 1);
    host.fails(&["serve", "--upload-limit", "much"], "usage", 2);
    let listen = run(host.command(&["serve"]).env("KEEPSTONE_LISTEN", "everywhere"));
    assert!(listen.exit == 2 && listen.stderr.contains("KEEPSTONE_LISTEN"), "{listen:?}");
}

#[test]
fn a_unit_is_one_that_systemd_takes() {
    let host = Host::new();
    let unit = host.ok(&["service", "print", "--user", "daemon", "--data", "/var/lib/my keepstone", "--with", "--listen=0.0.0.0:8181"]);
    for line in [
        "User=daemon",
        "NoNewPrivileges=yes",
        "\"/var/lib/my keepstone\" serve --listen=0.0.0.0:8181",
        "TimeoutStopSec=90",
        "WantedBy=multi-user.target",
    ] {
        assert!(unit.contains(line), "{line}: {unit}");
    }
    let path = host.path("keepstone.service");
    fs::write(&path, &unit).unwrap();
    match Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!said.contains("keepstone.service"), "{said}");
        }
        Err(error) => crate::skip::skipped(format_args!("systemd-analyze: {error}")),
    }
    let install = |more: &[&str]| host.run(&[&["service", "install", "--into", ".", "--user", "daemon"], more].concat());
    fs::remove_file(&path).unwrap();
    let first = install(&[]);
    assert!(first.exit == 0 && first.stdout.contains("wrote") && first.stderr.contains("systemctl daemon-reload"), "{first:?}");
    assert!(install(&[]).stdout.contains("as it should be"));
    assert_eq!(install(&["--with", "--demo"]).exit, 7, "another unit is not written over unasked");
    assert_eq!(install(&["--with", "--demo", "--yes"]).exit, 0);
    assert!(fs::read_to_string(&path).unwrap().contains("serve --demo"));
    assert_eq!(host.run(&["service", "print", "--user", "a b"]).exit, 2);
}

#[test]
fn a_look_at_what_a_file_would_do_makes_no_vault() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    fs::write(host.path("wanted.toml"), "[databases.shop]\nlocation = \"shop.db\"\npreset = \"standard\"\n").unwrap();
    let plan = &host.results(&["apply", "-f", "wanted.toml", "--dry-run"])[0];
    assert_eq!((plan["applied"].as_bool(), plan["changes"][0]["act"].as_str()), (Some(false), Some("add")), "{plan}");
    assert!(!host.path("keepstone-data").exists(), "a look leaves nothing behind");
    fs::write(host.path("wrong.toml"), "[databases.till]\nlocation = \"till.db\"\n").unwrap();
    host.fails(&["apply", "-f", "wrong.toml", "--dry-run"], "source_missing", 3);
    let done = &host.results(&["apply", "-f", "wanted.toml"])[0];
    assert_eq!(done["changes"], plan["changes"], "what was told is what is done");
}
