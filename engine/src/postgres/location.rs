//! What a person writes to name a PostgreSQL database: a URL as libpq and SQLAlchemy have it. Pure; where a server is and what it says is
//! `open`'s business.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>

use std::{fmt::Write as _, path::PathBuf, str::FromStr};

use super::settings::Environment;
use crate::{Error, Result, keys::Password};

/// Where libpq looks for a server's socket if nobody says where; the first that exists.
pub(super) const SOCKET_DIRS: [&str; 2] = ["/var/run/postgresql", "/tmp"];
const DEFAULT_PORT: u16 = 5432;
/// As `connect_timeout` where nobody says one.
const CONNECT_TIMEOUT_SECS: u64 = 10;

/// What is asked of the encryption between here and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    Disable,
    /// Without it, unless the server insists.
    Allow,
    /// With it, unless the server has none.
    #[default]
    Prefer,
    Require,
    /// And a certificate of a known authority.
    VerifyCa,
    /// And of this very host.
    VerifyFull,
}

impl SslMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl FromStr for SslMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];
        let known = all.into_iter().find(|mode| mode.as_str() == text);
        known.ok_or_else(|| invalid("sslmode is none of disable, allow, prefer, require, verify-ca and verify-full"))
    }
}

/// A database on a server, with all that it takes to reach it. Shown without its password, always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// A name, an address, or the folder of a socket (then it begins with `/`).
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Option<Password>,
    pub database: String,
    pub ssl_mode: SslMode,
    /// Certificates of the authorities that are trusted; none: those of `~/.postgresql/root.crt`.
    pub ssl_root_cert: Option<PathBuf>,
    pub connect_timeout_secs: u64,
}

/// A URL as it was written; what it does not say is the environment's to say, then libpq's defaults'.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Url {
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<Password>,
    database: Option<String>,
    ssl_mode: Option<SslMode>,
    ssl_root_cert: Option<PathBuf>,
    connect_timeout_secs: Option<u64>,
    service: Option<String>,
}

/// Whether a text is the URL of a PostgreSQL database.
pub fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

/// `postgresql` or `postgres`, with any `+driver`.
pub(crate) fn is_scheme(scheme: &str) -> bool {
    let dialect = scheme.split_once('+').map_or(scheme, |(dialect, _driver)| dialect);
    matches!(dialect.to_ascii_lowercase().as_str(), "postgres" | "postgresql")
}

impl Location {
    /// Reads a URL, and fills in what it leaves open as libpq does. No fault repeats the URL: it may hold a password.
    pub fn of(url: &str, environment: &Environment) -> Result<Self> {
        let url: Url = url.parse()?;
        let service = url.service.as_deref().or(environment.service.as_deref());
        let service =
            service.map(|name| environment.service_named(name)).transpose()?.map(Url::of_service).transpose()?.unwrap_or_default();
        let user = url.user.or(service.user).or_else(|| environment.user.clone()).or_else(|| environment.os_user.clone());
        let user = user.ok_or_else(|| invalid("it names no user"))?;
        let database = url.database.or(service.database).or_else(|| environment.database.clone()).unwrap_or_else(|| user.clone());
        let environment_port = environment.port.as_deref().map(port).transpose()?;
        let environment_mode = environment.ssl_mode.as_deref().map(str::parse).transpose()?;
        let host = url.host.or(service.host).or_else(|| environment.host.clone()).filter(|host| !host.is_empty());
        if host.as_ref().is_some_and(|host| host.contains(',')) {
            return Err(invalid("it names several hosts: name the one that is to be backed up"));
        }
        let database_bytes = database.len();
        if database_bytes > 63 || database.contains('\0') {
            return Err(invalid("its database has a name that no server takes"));
        }
        Ok(Self {
            host: host.unwrap_or_else(default_host),
            port: url.port.or(service.port).or(environment_port).unwrap_or(DEFAULT_PORT),
            user,
            password: url.password.or(service.password),
            database,
            ssl_mode: url.ssl_mode.or(service.ssl_mode).or(environment_mode).unwrap_or_default(),
            ssl_root_cert: url.ssl_root_cert.or(service.ssl_root_cert).or_else(|| environment.ssl_root_cert.clone()),
            connect_timeout_secs: url.connect_timeout_secs.or(service.connect_timeout_secs).unwrap_or(CONNECT_TIMEOUT_SECS),
        })
    }

    /// What the catalog, people and logs see: the URL without its password. Reading it again gives the same location, but for the password.
    pub fn url(&self) -> String {
        let mut url = format!("postgresql://{}@", encoded(&self.user));
        let mut query = Vec::new();
        if self.is_socket() {
            query.push(format!("host={}", encoded_path(&self.host)));
            if self.port != DEFAULT_PORT {
                query.push(format!("port={}", self.port));
            }
        } else {
            let host = if self.host.contains(':') { format!("[{}]", self.host) } else { encoded(&self.host) };
            let _ = write!(url, "{host}:{}", self.port);
        }
        let _ = write!(url, "/{}", encoded(&self.database));
        if self.ssl_mode != SslMode::default() && !self.is_socket() {
            query.push(format!("sslmode={}", self.ssl_mode.as_str()));
        }
        if let Some(file) = &self.ssl_root_cert {
            query.push(format!("sslrootcert={}", encoded_path(&file.to_string_lossy())));
        }
        if self.connect_timeout_secs != CONNECT_TIMEOUT_SECS {
            query.push(format!("connect_timeout={}", self.connect_timeout_secs));
        }
        if !query.is_empty() {
            let _ = write!(url, "?{}", query.join("&"));
        }
        url
    }

    /// The same with its password, to be sealed.
    pub(crate) fn secret_url(&self) -> Password {
        let url = self.url();
        let Some(password) = &self.password else { return Password::new(url) };
        let head = format!("postgresql://{}", encoded(&self.user));
        let rest = url.strip_prefix(&head).unwrap_or_default();
        Password::new(format!("{head}:{}{rest}", encoded(password.text())))
    }

    /// The URL with its password; never to be shown or written down in clear.
    pub fn url_with_password(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(self.secret_url().text().to_owned())
    }

    /// e.g. `db.example.org:5432`, or the socket's folder.
    pub fn server(&self) -> String {
        if self.is_socket() { format!("{}:{}", self.host, self.port) } else { host_and_port(&self.host, self.port) }
    }

    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Whether both name the same database, by whatever user and with whatever encryption.
    pub fn is_same_database(&self, other: &Self) -> bool {
        self.is_same_server(other) && self.database == other.database
    }

    pub fn is_same_server(&self, other: &Self) -> bool {
        (self.host.as_str(), self.port) == (other.host.as_str(), other.port)
    }

    /// Another database of the same server, reached in the same way.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// libpq's `key='value'` for a child's arguments: never with a password.
    pub(super) fn conninfo(&self) -> String {
        let mut pairs = vec![
            ("host", self.host.clone()),
            ("port", self.port.to_string()),
            ("user", self.user.clone()),
            ("dbname", self.database.clone()),
            ("sslmode", self.ssl_mode.as_str().to_owned()),
            ("connect_timeout", self.connect_timeout_secs.to_string()),
            ("application_name", super::APPLICATION_NAME.to_owned()),
        ];
        if let Some(file) = &self.ssl_root_cert {
            pairs.push(("sslrootcert", file.to_string_lossy().into_owned()));
        }
        let pairs: Vec<String> =
            pairs.into_iter().map(|(key, value)| format!("{key}='{}'", value.replace('\\', r"\\").replace('\'', r"\'"))).collect();
        pairs.join(" ")
    }
}

fn default_host() -> String {
    let found = SOCKET_DIRS.into_iter().find(|dir| std::path::Path::new(dir).is_dir());
    found.unwrap_or("localhost").to_owned()
}

fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl Url {
    /// The lines of a service, which bear the names of a URL's parameters.
    fn of_service(pairs: Vec<(String, String)>) -> Result<Self> {
        let mut url = Self::default();
        for (key, value) in pairs {
            url.set(&key, value)?;
        }
        Ok(url)
    }

    fn set(&mut self, key: &str, value: String) -> Result<()> {
        match key {
            "host" | "hostaddr" => self.host = Some(value),
            "port" => self.port = Some(port(&value)?),
            "user" => self.user = Some(value),
            "password" => self.password = Some(Password::new(value)),
            "dbname" => self.database = Some(value),
            "sslmode" => self.ssl_mode = Some(value.parse()?),
            // As asyncpg and JDBC have it.
            "ssl" => self.ssl_mode = Some(if value == "true" { SslMode::Require } else { value.parse()? }),
            "sslrootcert" => self.ssl_root_cert = Some(PathBuf::from(value)),
            "connect_timeout" => {
                let secs = value.parse().map_err(|_| invalid("connect_timeout is no number of seconds"))?;
                self.connect_timeout_secs = Some(secs).filter(|secs| *secs > 0);
            }
            "service" => self.service = Some(value),
            // Drivers' settings, which say nothing about where the database is.
            _ => {}
        }
        Ok(())
    }
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| invalid("it is no URL"))?;
        if !is_scheme(scheme) {
            return Err(invalid("it is not the URL of a PostgreSQL database"));
        }
        let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, query)| (rest, query));
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        let (authority, database) = rest.split_once('/').map_or((rest, ""), |(authority, database)| (authority, database));
        let mut url = Self::default();
        // The last one: a password that was not encoded may hold one.
        let (login, place) = authority.rsplit_once('@').map_or((None, authority), |(login, place)| (Some(login), place));
        if let Some(login) = login {
            let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
            url.user = Some(decoded(user)?).filter(|user| !user.is_empty());
            url.password = password.map(decoded).transpose()?.filter(|password| !password.is_empty()).map(Password::new);
        }
        if let Some(bracketed) = place.strip_prefix('[') {
            let (host, after) = bracketed.split_once(']').ok_or_else(|| invalid("its address has no ]"))?;
            url.host = Some(host.to_owned());
            url.port = after.strip_prefix(':').filter(|port| !port.is_empty()).map(port).transpose()?;
        } else {
            let (host, number) = place.rsplit_once(':').map_or((place, ""), |(host, number)| (host, number));
            url.host = Some(decoded(host)?).filter(|host| !host.is_empty());
            if !number.is_empty() {
                url.port = Some(port(number)?);
            }
        }
        url.database = Some(decoded(database)?).filter(|database| !database.is_empty());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| invalid("one of its parameters has no value"))?;
            url.set(&decoded(key)?, decoded(value)?)?;
        }
        Ok(url)
    }
}

fn port(text: &str) -> Result<u16> {
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| invalid("its port is no number from 1 to 65535"))
}

fn decoded(text: &str) -> Result<String> {
    let odd = || invalid("it holds a % that is not followed by two hexadecimal digits; a password's own % is written %25");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
            let (high, low) = (digit().ok_or_else(odd)?, digit().ok_or_else(odd)?);
            bytes.push(u8::try_from(high * 16 + low).map_err(|_| odd())?);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| invalid("it holds bytes that are not UTF-8"))?;
    if text.contains('\0') { Err(invalid("it holds a zero byte")) } else { Ok(text) }
}

fn encoded(text: &str) -> String {
    percent(text, "-._~")
}

fn encoded_path(text: &str) -> String {
    percent(text, "-._~/")
}

fn percent(text: &str, plain: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn invalid(message: &str) -> Error {
    Error::Invalid { field: "location", message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn environment() -> Environment {
        Environment { os_user: Some("root".into()), ..Environment::default() }
    }

    fn of(url: &str) -> Location {
        Location::of(url, &environment()).unwrap()
    }

    #[test]
    fn every_way_of_writing_a_url() {
        let cases = [
            (
                "postgresql://app:pw@db.example.org:6000/shop?sslmode=verify-full",
                "postgresql://app@db.example.org:6000/shop?sslmode=verify-full",
            ),
            ("postgres://app@db/shop", "postgresql://app@db:5432/shop"),
            ("postgresql+asyncpg://app:p%40ss%2Fw%25rd@db/shop?ssl=require", "postgresql://app@db:5432/shop?sslmode=require"),
            ("postgresql+psycopg://app:p@ss@db/shop?pool_size=5", "postgresql://app@db:5432/shop"),
            ("postgresql://db", "postgresql://root@db:5432/root"),
            ("postgresql://app@[::1]:5433/shop", "postgresql://app@[::1]:5433/shop"),
            ("postgresql://app@%2Fvar%2Frun%2Fpg/shop", "postgresql://app@/shop?host=/var/run/pg"),
            ("postgresql:///shop?host=/run/my%20pg&port=6000&user=app", "postgresql://app@/shop?host=/run/my%20pg&port=6000"),
            ("POSTGRESQL://app@db/%C3%BCn%C3%AF%20code%3F", "postgresql://app@db:5432/%C3%BCn%C3%AF%20code%3F"),
            (
                "postgresql://app@db/shop?sslmode=require&sslrootcert=/etc/ca.pem&connect_timeout=3#x",
                "postgresql://app@db:5432/shop?sslmode=require&sslrootcert=/etc/ca.pem&connect_timeout=3",
            ),
        ];
        for (url, shown) in cases {
            assert_eq!(of(url).url(), shown, "{url}");
            assert_eq!(of(shown).url(), shown, "{url}");
        }
        assert_eq!(of("postgresql+asyncpg://app:p%40ss%2Fw%25rd@db/shop").password.unwrap().text(), "p@ss/w%rd");
        assert_eq!(of("postgresql://app:p@ss@db/shop").password.unwrap().text(), "p@ss");
        assert!(of("postgresql:///shop").is_socket() || of("postgresql:///shop").host == "localhost");
    }

    #[test]
    fn the_environment_fills_in_what_the_url_leaves_open() {
        let environment = Environment {
            host: Some("db".into()),
            port: Some("6000".into()),
            user: Some("env".into()),
            database: Some("other".into()),
            ssl_mode: Some("require".into()),
            ..environment()
        };
        assert_eq!(Location::of("postgresql://", &environment).unwrap().url(), "postgresql://env@db:6000/other?sslmode=require");
        assert_eq!(
            Location::of("postgresql://me@here:1/mine?sslmode=disable", &environment).unwrap().url(),
            "postgresql://me@here:1/mine?sslmode=disable"
        );
    }

    #[test]
    fn what_is_no_location_is_refused_without_repeating_it() {
        for url in [
            "mysql://app:hunter2@db/shop",
            "postgresql://app:hunter2%zz@db/shop",
            "postgresql://app:hunter2@db:99999/shop",
            "postgresql://app:hunter2@db/shop?sslmode=maybe",
            "postgresql://app:hunter2@a,b/shop",
            "postgresql://app:hunter2@[::1/shop",
            "postgresql://app:hunter2%00@db/shop",
        ] {
            let error = Location::of(url, &environment()).unwrap_err();
            assert_eq!(error.code(), "invalid", "{url}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_same_database_whoever_asks() {
        assert!(of("postgresql://a:x@db/shop").is_same_database(&of("postgres://b@db:5432/shop?sslmode=require")));
        assert!(!of("postgresql://a@db/shop").is_same_database(&of("postgresql://a@db/shop2")));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(user in "\\PC{1,12}", password in "\\PC{1,12}", database in "[^\0]{1,15}", port in 1_u16..) {
            prop_assume!(!user.contains('\0') && !password.contains('\0'));
            let location = Location {
                host: "db".into(), port, user, password: Some(Password::new(password)), database,
                ssl_mode: SslMode::Require, ssl_root_cert: None, connect_timeout_secs: 10,
            };
            let read = of(location.secret_url().text());
            prop_assert_eq!(&read, &location);
            prop_assert_eq!(of(&location.url()), Location { password: None, ..location });
        }
    }
}
