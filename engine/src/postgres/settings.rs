//! What libpq takes from the environment and from files of the user: read by the caller, who alone knows the environment, and given to the
//! vault. Passwords are looked up here.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::location::Location;
use crate::{Error, Result, keys::Password};

/// The `PG…` variables, and what else of the user's surroundings matters to a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// `PGHOST`, `PGPORT`, `PGUSER`, `PGDATABASE`, `PGSSLMODE`, `PGSSLROOTCERT`, `PGSERVICE`.
    pub host: Option<String>,
    pub port: Option<String>,
    pub user: Option<String>,
    pub database: Option<String>,
    pub ssl_mode: Option<String>,
    pub ssl_root_cert: Option<PathBuf>,
    pub service: Option<String>,
    /// `PGPASSWORD`.
    pub password: Option<Password>,
    /// `PGPASSFILE`, or `~/.pgpass`.
    pub pass_file: Option<PathBuf>,
    /// `PGSERVICEFILE` or `~/.pg_service.conf`, then `PGSYSCONFDIR/pg_service.conf`.
    pub service_files: Vec<PathBuf>,
    /// The user that this process runs as.
    pub os_user: Option<String>,
    pub home: Option<PathBuf>,
    /// Other places with passwords that this process was told, for as long as it runs.
    pub lent: Vec<Location>,
    /// Where client tools are looked for before the usual places: the folders of `PATH`.
    pub tool_dirs: Vec<PathBuf>,
}

impl Environment {
    /// The pairs of a service.
    pub(super) fn service_named(&self, name: &str) -> Result<Vec<(String, String)>> {
        for file in &self.service_files {
            if let Ok(text) = fs::read_to_string(file)
                && let Some(pairs) = service(&text, name)
            {
                return Ok(pairs);
            }
        }
        Err(Error::Invalid { field: "location", message: format!("there is no service \"{name}\" in pg_service.conf") })
    }

    /// The location with a password, if one is known for it: its own, `PGPASSWORD`, or the line of the password file that fits.
    pub(super) fn with_password(&self, location: &Location) -> Location {
        let fits = |lent: &&Location| lent.is_same_server(location) && lent.user == location.user;
        let lent = self.lent.iter().find(fits).and_then(|lent| lent.password.clone());
        let known = location.password.clone().or(lent).or_else(|| self.password.clone()).or_else(|| self.password_on_file(location));
        Location { password: known, ..location.clone() }
    }

    /// A file that others may read is not heeded, as libpq has it.
    fn password_on_file(&self, location: &Location) -> Option<Password> {
        let path = self.pass_file.as_deref()?;
        let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        if found.permissions().mode() & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "the password file is not heeded: others may read it");
            return None;
        }
        password_in(&fs::read_to_string(path).ok()?, location)
    }
}

/// The environment of a vault: told once by whoever opened it.
#[derive(Debug, Default)]
pub struct Surroundings(Mutex<Arc<Environment>>);

impl Surroundings {
    pub fn set(&self, environment: Environment) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(environment);
    }

    pub fn get(&self) -> Arc<Environment> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The password of the first line that fits: `host:port:database:user:password`, where `*` fits anything, and `\` takes the meaning from what
/// follows it. <https://www.postgresql.org/docs/current/libpq-pgpass.html>
fn password_in(text: &str, location: &Location) -> Option<Password> {
    let sockets = super::location::SOCKET_DIRS;
    let host = if sockets.contains(&location.host.as_str()) { "localhost" } else { &location.host };
    let wanted = [host, &location.port.to_string(), &location.database, &location.user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line)?;
        let fits = wanted.iter().zip(&fields).all(|(wanted, (field, any))| *any || field == wanted);
        fits.then(|| Password::new(fields[4].0.clone()))
    })
}

/// The five fields of a line, each with whether it is a `*`. The last one goes to the end of the line.
fn fields(line: &str) -> Option<Vec<(String, bool)>> {
    let mut fields = vec![(String::new(), false)];
    let mut rest = line.chars();
    while let Some(char) = rest.next() {
        let last = fields.len() == 5;
        let (field, any) = fields.last_mut()?;
        match char {
            '\\' => field.extend(rest.next()),
            ':' if !last => {
                *any = field == "*";
                fields.push((String::new(), false));
            }
            char => field.push(char),
        }
    }
    (fields.len() == 5).then_some(fields)
}

/// The pairs under `[name]` in a `pg_service.conf`.
fn service(text: &str, name: &str) -> Option<Vec<(String, String)>> {
    let mut lines =
        text.lines().map(str::trim).skip_while(|line| line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) != Some(name));
    lines.next()?;
    let own = lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Some(own.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
}

/// Writes libpq's password file for a child: only this user may read it, and it fits any connection.
pub(super) fn write_pass_file(path: &Path, password: &Password) -> Result<()> {
    use std::io::Write;
    let escaped = password.text().replace('\\', r"\\").replace(':', r"\:");
    if escaped.contains(['\n', '\r']) {
        return Err(Error::Invalid {
            field: "password",
            message: "a password with a line break cannot be given to PostgreSQL's tools".to_owned(),
        });
    }
    let line = zeroize::Zeroizing::new(format!("*:*:*:*:{escaped}\n"));
    crate::proof::create_private(path)?.write_all(line.as_bytes()).map_err(|error| Error::io(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> Location {
        Location::of(url, &Environment::default()).unwrap()
    }

    #[test]
    fn the_first_line_that_fits_gives_the_password() {
        let text =
            "# comment\nother:5432:shop:app:no\ndb:*:shop:app:fi:rst\\:\\\\\n*:*:*:app:any\nlocalhost:5432:*:me:so:ck\nbroken:line\n";
        let of = |url: &str| password_in(text, &location(url)).map(|password| password.text().to_owned());
        assert_eq!(of("postgresql://app@db:6000/shop").as_deref(), Some("fi:rst:\\"));
        assert_eq!(of("postgresql://app@elsewhere/shop").as_deref(), Some("any"));
        assert_eq!(of("postgresql://me@/x?host=/tmp").as_deref(), Some("so:ck"));
        assert_eq!(of("postgresql://nobody@db/shop"), None);
    }

    #[test]
    fn a_password_file_that_others_may_read_is_not_heeded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        fs::write(&path, "*:*:*:*:secret\n").unwrap();
        let environment = Environment { pass_file: Some(path.clone()), ..Environment::default() };
        let asked = location("postgresql://app@db/shop");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(environment.with_password(&asked).password, None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(environment.with_password(&asked).password.unwrap().text(), "secret");
        let own = location("postgresql://app:own@db/shop");
        assert_eq!(environment.with_password(&own).password.unwrap().text(), "own");
    }

    #[test]
    fn a_service_names_what_the_url_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pg_service.conf");
        fs::write(
            &file,
            "[other]\nhost=no\n[shop]\n# the shop\nhost = db\nport=6000\ndbname=shop\nuser=app\npassword=pw\n[last]\nhost=no\n",
        )
        .unwrap();
        let environment = Environment { service_files: vec![file], ..Environment::default() };
        let found = Location::of("postgresql://?service=shop", &environment).unwrap();
        assert_eq!(found.url(), "postgresql://app@db:6000/shop");
        assert_eq!(found.password.unwrap().text(), "pw");
        assert_eq!(Location::of("postgresql://?service=nothing", &environment).unwrap_err().code(), "invalid");
    }

    #[test]
    fn what_a_child_reads_is_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        write_pass_file(&path, &Password::new(r"a:b\c *")).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = password_in(&fs::read_to_string(&path).unwrap(), &location("postgresql://app@db/shop"));
        assert_eq!(read.unwrap().text(), r"a:b\c *");
        assert!(write_pass_file(&folder.path().join("other"), &Password::new("a\nb")).is_err());
    }
}
