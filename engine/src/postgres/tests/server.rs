//! A PostgreSQL server for tests: one for each test process, started when it is first asked for, on a free port, in a folder of its own. It is
//! stopped and removed when the process ends, however that ends. Where there is no PostgreSQL on the machine, there is none, and that is said.

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// With what a URL and a password file have to escape.
pub(crate) const PASSWORD: &str = "s3cret/p:w\\%";
const ENCODED: &str = "s3cret%2Fp%3Aw%5C%25";

/// One more server, which may be ended; none where the machine has no PostgreSQL.
pub(crate) fn mortal() -> Option<Server> {
    server()?;
    start()
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) bin: PathBuf,
    /// Its folder, which is its user's.
    pub(crate) dir: PathBuf,
    pub(crate) port: u16,
    /// Stops the server when this process is gone: its end of the pipe closes with it.
    _keeper: Child,
}

/// The server of this process; none where the machine has no PostgreSQL.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(start).as_ref();
    if server.is_none() {
        // Not a failure: everything else must work without it.
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: there is no PostgreSQL on this machine (scripts/setup-postgres.sh installs it)");
    }
    server
}

fn bin() -> Option<PathBuf> {
    let whole = |dir: &Path| ["initdb", "pg_ctl", "postgres", "pg_dump", "pg_restore", "psql"].iter().all(|tool| dir.join(tool).is_file());
    let mut dirs: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin")).collect();
    dirs.sort();
    dirs.reverse();
    dirs.extend(std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default());
    dirs.into_iter().find(|dir| whole(dir))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout == b"0\n")
}

/// A server refuses to run as root.
pub(super) fn command(program: &str) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", program]).current_dir("/tmp");
        command
    } else {
        Command::new(program)
    }
}

fn options(dir: &Path, port: u16) -> String {
    format!("-p {port} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60", dir.display())
}

fn start() -> Option<Server> {
    let bin = bin()?;
    let tool = |name: &str| bin.join(name).display().to_string();
    let made = command("mktemp").args(["-d", "/tmp/keepstone-pg-XXXXXX"]).output().ok().filter(|said| said.status.success())?;
    let dir = PathBuf::from(String::from_utf8_lossy(&made.stdout).trim());
    let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
    // A file that the other user can read: the folder is theirs alone.
    let script = "umask 077; cat > \"$1/pw\" && \"$2\" -D \"$1/data\" -U postgres -A scram-sha-256 --pwfile=\"$1/pw\" --no-sync -E UTF8 --locale=C >\"$1/initdb.log\" 2>&1 && \
        \"$3\" -D \"$1/data\" -l \"$1/log\" -w -o \"$4\" start >/dev/null";
    let mut child = command("sh")
        .args(["-c", script, "sh", dir.to_str()?, &tool("initdb"), &tool("pg_ctl"), &options(&dir, port)])
        .stdin(Stdio::piped())
        .spawn()
        .ok()?;
    writeln!(child.stdin.take()?, "{PASSWORD}").ok()?;
    if !child.wait().ok()?.success() {
        let log = std::fs::read_to_string(dir.join("log")).or_else(|_| std::fs::read_to_string(dir.join("initdb.log")));
        panic!("a PostgreSQL server is installed and does not start: {}", log.unwrap_or_default());
    }
    let keep = "cat >/dev/null; \"$2\" -D \"$1/data\" -m immediate stop >/dev/null 2>&1; rm -rf \"$1\"";
    let keeper = command("sh")
        .args(["-c", keep, "sh", dir.to_str()?, &tool("pg_ctl")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    Some(Server { bin, dir, port, _keeper: keeper })
}

impl Server {
    /// Ends it as a loss of power does: nobody is asked, nothing is written.
    pub(crate) fn crash(&self) {
        self.control(&["-m", "immediate", "stop"]);
    }

    pub(crate) fn up(&self) {
        self.control(&["-w", "-l", &self.dir.join("log").display().to_string(), "-o", &options(&self.dir, self.port), "start"]);
    }

    fn control(&self, arguments: &[&str]) {
        let (tool, data) = (self.bin.join("pg_ctl").display().to_string(), self.dir.join("data").display().to_string());
        let done = command(&tool).args(["-D", &data]).args(arguments).stdout(Stdio::null()).status();
        assert!(done.is_ok_and(|status| status.success()), "pg_ctl {arguments:?}");
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.url_of("postgres", ENCODED, database)
    }

    pub(crate) fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgresql://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// What psql prints, without frames.
    pub(crate) fn psql(&self, database: &str, sql: &str) -> String {
        let said = self.client(database).args(["-c", sql]).output().expect("psql runs");
        assert!(said.status.success(), "{sql}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    fn client(&self, database: &str) -> Command {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-p",
            &self.port.to_string(),
            "-d",
            database,
        ]);
        psql.env("PGPASSWORD", PASSWORD);
        psql
    }

    /// Runs a script, as a person would: each fault ends it. What psql prints.
    pub(crate) fn load(&self, database: &str, script: &str) -> String {
        let mut psql =
            self.client(database).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("psql runs");
        psql.stdin.take().expect("it is piped").write_all(script.as_bytes()).expect("psql reads");
        let said = psql.wait_with_output().expect("psql ends");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).into_owned()
    }

    /// A new database with a small shop in it.
    pub(crate) fn shop(&self, database: &str) -> String {
        self.psql("postgres", &format!("CREATE DATABASE \"{database}\""));
        self.psql(
            database,
            "CREATE TABLE orders (id integer PRIMARY KEY, item text, note text); \
             INSERT INTO orders SELECT n, 'item ' || n, E'a\\tb\\nc\\\\' FROM generate_series(1, 1000) n; \
             CREATE SCHEMA audit; CREATE TABLE audit.\"Log\" (at timestamptz DEFAULT now(), \"what?\" text); \
             INSERT INTO audit.\"Log\" (\"what?\") VALUES ('ünï'), (NULL), ('')",
        );
        self.url(database)
    }
}
