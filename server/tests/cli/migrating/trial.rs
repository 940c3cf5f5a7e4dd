//! Tries the rows of one table in one deployment, beside a server of its own. All that fails is told together.

use std::{
    cell::OnceCell,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{
    functions,
    page::{Item, Row, What, root, rows},
};
use crate::{
    serve::send,
    support::{Host, KEEPSTONE, Run, run},
};

const PASSWORD: &str = "correct horse battery";

pub(super) struct Trial {
    table: &'static str,
    database: &'static str,
    host: Host,
    /// The database's, where it is PostgreSQL.
    url: String,
    failures: Vec<String>,
    /// The backup that `ID` is, where nothing takes it away.
    id: OnceCell<String>,
    metadata: OnceCell<Value>,
}

/// The server beside the commands, and the ways to talk to it.
struct Server {
    child: Child,
    address: String,
    token: String,
    cookie: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Trial {
    pub(super) fn of(table: &'static str, database: &'static str, host: Host) -> Self {
        Self { table, database, host, url: String::new(), failures: Vec::new(), id: OnceCell::new(), metadata: OnceCell::new() }
    }

    pub(super) fn with_url(self, url: String) -> Self {
        Self { url, ..self }
    }

    pub(super) fn run(mut self) {
        let server = self.server();
        let rows: Vec<Row> = rows().into_iter().filter(|row| row.system == self.table).collect();
        for row in &rows {
            for item in row.items.iter().filter(|item| item.what != What::Python) {
                let told = format!("docs/migrating.md:{}: `{}`", row.line, item.text);
                if let Err(why) = self.attempt(item, &server) {
                    self.failures.push(format!("{told}: {why}"));
                }
            }
            self.codes_and_tests(row);
        }
        self.python(&rows, &server);
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n\n"));
    }

    fn server(&self) -> Server {
        fs::write(self.host.path("ann.txt"), PASSWORD).unwrap();
        self.host.ok(&["user", "add", "ann", "--role", "admin", "--password-file", "ann.txt"]);
        let token = self.host.ok(&["token", "create", "rows", "--scope", "admin", "-q"]).trim().to_owned();
        let mut child =
            self.host.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address = line.rsplit_once("http://").unwrap().1.to_owned();
        let form = format!("name=ann&password={}", PASSWORD.replace(' ', "+"));
        let request = format!(
            "POST /fn/session/sign-in HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let answer = send(&address, &request);
        let cookie = answer.lines().find_map(|line| line.to_ascii_lowercase().starts_with("set-cookie: ").then(|| &line[12..]));
        let cookie = cookie.unwrap_or_else(|| panic!("{answer}")).split(';').next().unwrap().to_owned();
        Server { child, address, token, cookie }
    }

    fn attempt(&self, item: &Item, server: &Server) -> Result<(), String> {
        let text = self.with_names(&item.text);
        let printed = match item.what {
            What::Command => {
                let done = self.shell(&text);
                if done.exit != item.exit {
                    return Err(format!("{done:?}"));
                }
                done.stdout + &done.stderr
            }
            What::Address => {
                let path = text.strip_prefix("GET ").unwrap();
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}\r\n\r\n",
                    server.address,
                    if path.starts_with("/api/") || path == "/metrics" {
                        format!("Authorization: Bearer {}", server.token)
                    } else {
                        format!("Cookie: {}", server.cookie)
                    }
                );
                let answer = send(&server.address, &request);
                if !["200", "301", "302", "303", "307", "308"].iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status}"))) {
                    return Err(answer.lines().next().unwrap_or("no answer").to_owned());
                }
                answer
            }
            What::Field => {
                let metadata = self.metadata();
                let name = text.strip_prefix("metadata.").unwrap();
                return if metadata.get(name).is_some() { Ok(()) } else { Err(format!("not in {metadata}")) };
            }
            What::Place => {
                let path = self.place(&text);
                return if path.exists() { Ok(()) } else { Err(format!("{} is not there", path.display())) };
            }
            What::Function => {
                functions::call(&text, &self.host.path("keepstone-data"), self.database)?;
                String::new()
            }
            What::Python => return Ok(()),
        };
        match item.printed.iter().find(|word| !printed.contains(word.as_str())) {
            Some(word) => Err(format!("{word} is not in\n{printed}")),
            None => Ok(()),
        }
    }

    fn shell(&self, text: &str) -> Run {
        let mut command = Command::new("bash");
        self.host.furnish(command.args(["-c", text]));
        let path = format!("{}:/usr/bin:/bin", Path::new(KEEPSTONE).parent().unwrap().display());
        command.env("PATH", path).env("PYTHONPATH", root().join("clients/python")).env("PYTHONDONTWRITEBYTECODE", "1");
        if !self.url.is_empty() {
            command.env("URL", &self.url);
        }
        run(&mut command)
    }

    /// `ID` is a backup, `JOB` a restore over the database; one is made where it is named first, and where it will be gone.
    fn with_names(&self, text: &str) -> String {
        let words = |name: &str| text.split([' ', '/']).any(|word| word == name);
        let mut text = text.to_owned();
        let fresh = || self.host.create(&[self.database]);
        if words("ID") && (words("delete") || words("convert")) {
            text = text.replace("ID", &fresh());
        } else if words("ID") {
            text = text.replace("ID", self.id.get_or_init(fresh));
        } else if words("JOB") {
            let done = self.host.results(&["restore", self.id.get_or_init(fresh), "--replace", "--yes"]);
            text = text.replace("JOB", done[0]["job"].as_str().unwrap());
        }
        text
    }

    /// What an archive that is not encrypted says of itself, by the bytes in the zip.
    fn metadata(&self) -> &Value {
        self.metadata.get_or_init(|| {
            let path = self.host.results(&["create", self.database, "--no-encrypt"])[0]["path"].as_str().unwrap().to_owned();
            let text = self.shell(&format!("unzip -p '{path}' metadata.json")).stdout;
            serde_json::from_str(&text).unwrap()
        })
    }

    fn place(&self, text: &str) -> PathBuf {
        let mut text =
            text.replace("<data>", "keepstone-data").replace("<backups>", "keepstone-data/backups").replace("<database>", self.database);
        if text.contains("<id>") {
            text = text.replace("<id>", self.id.get_or_init(|| self.host.create(&[self.database])));
        }
        self.host.path(&text)
    }

    /// A code is what one of the row's commands fails with, or stands in the test that provokes it; that test exists.
    fn codes_and_tests(&mut self, row: &Row) {
        let mut provoked = String::new();
        for test in &row.tests {
            match file_of(test) {
                Some(text) => provoked += &text,
                None => self.failures.push(format!("docs/migrating.md:{}: there is no test {test}", row.line)),
            }
        }
        for item in row.items.iter().filter(|item| item.what == What::Command && item.exit != 0 && !row.codes.is_empty()) {
            provoked += &self.shell(&format!("{} --json", self.with_names(&item.text))).stdout;
        }
        for code in row.codes.iter().filter(|code| !provoked.contains(&format!("\"{code}\""))) {
            self.failures.push(format!("docs/migrating.md:{}: nothing provokes the code {code}", row.line));
        }
    }

    /// All lines of Python in one program, in the page's order.
    fn python(&mut self, rows: &[Row], server: &Server) {
        let items: Vec<(usize, &Item)> =
            rows.iter().flat_map(|row| row.items.iter().filter(|item| item.what == What::Python).map(|item| (row.line, item))).collect();
        if items.is_empty() {
            return;
        }
        let lines: Vec<&str> = items.iter().map(|(_, item)| item.text.as_str()).collect();
        fs::write(self.host.path("lines.json"), serde_json::to_string(&lines).unwrap()).unwrap();
        let program = format!(
            "import json\nfrom keepstone import BackupScheduler, Keepstone\n\
             db = db_backup = api = service = backup_manager = Keepstone('http://{}', '{}', '{}')\nscheduler = BackupScheduler(db)\n\
             for line in json.load(open('lines.json')):\n    try:\n        print(repr(eval(line)))\n    except Exception as error:\n        print('FAILED', repr(error))\n",
            server.address, server.token, self.database
        );
        fs::write(self.host.path("lines.py"), program).unwrap();
        let done = self.shell("python3 lines.py");
        let answers: Vec<&str> = done.stdout.lines().collect();
        assert_eq!((done.exit, answers.len()), (0, lines.len()), "{done:?}");
        for ((line, item), answer) in items.into_iter().zip(answers) {
            let lacks = item.printed.iter().find(|word| !answer.contains(word.as_str()));
            if answer.starts_with("FAILED") || lacks.is_some() {
                self.failures.push(format!("docs/migrating.md:{line}: `{}` gave {answer}, wanted {lacks:?}", item.text));
            }
        }
    }
}

/// The text of the file that holds a test of this name.
fn file_of(test: &str) -> Option<String> {
    fn walk(folder: &Path, wanted: &str) -> Option<String> {
        fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
            let path = entry.path();
            if path.is_dir() { walk(&path, wanted) } else { fs::read_to_string(&path).ok().filter(|text| text.contains(wanted)) }
        })
    }
    let wanted = format!("fn {test}(");
    ["server/tests", "server/src", "engine/src", "engine/tests"].iter().find_map(|folder| walk(&root().join(folder), &wanted))
}
