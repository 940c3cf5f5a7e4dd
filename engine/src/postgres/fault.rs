//! What can go wrong with a server, its tools and its dumps: each with its own code and with what to do about it, SQL and all. No text here
//! ever holds a password.

use postgres::error::SqlState;

use super::{location::Location, names::quoted};
use crate::error::Kind;

/// A fault of PostgreSQL's side.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("no server answers at {server}: {detail}")]
    Unreachable { server: String, detail: String },
    #[error("{server} asks {user} for a password, and none is known")]
    PasswordNeeded { server: String, user: String },
    #[error("{server} does not let {user} in: {detail}")]
    LoginRefused { server: String, user: String, detail: String, by_password: bool },
    #[error("{server} has no database \"{database}\"")]
    NoDatabase { server: String, database: String },
    #[error("no TLS with {server}: {detail}")]
    Tls { server: String, detail: String },
    #[error("{server} takes no more connections just now: {detail}")]
    Full { server: String, detail: String },
    #[error("the connection to {server} was lost: {detail}")]
    Lost { server: String, detail: String },
    #[error("{server} went away while it committed {what}, and does not answer: {detail}")]
    CommitUnknown { server: String, what: String, detail: String },
    #[error("{user} may not {what}")]
    NoRights { user: String, what: String, sql: String },
    #[error("{server} has no role {}, which a policy or something else of the backup is bound to", roles.join(", "))]
    RolesMissing { server: String, roles: Vec<String> },
    /// By the server, of something that was not asked about before.
    #[error("{user} may not do this: {detail}")]
    Denied { user: String, detail: String },
    #[error("{server} runs PostgreSQL {found}, and {needed} is the oldest that is supported")]
    ServerTooOld { server: String, found: String, needed: &'static str },
    #[error("no {tool} on this machine")]
    NoClient { tool: &'static str },
    #[error("the server runs PostgreSQL {server}, and the newest {tool} here is {found}")]
    ClientTooOld { tool: &'static str, found: String, server: String },
    #[error("{tool} {found} has known holes that {needed} mends")]
    ClientUnsafe { tool: &'static str, found: String, needed: String },
    #[error("pg_dump did not finish: {detail}")]
    DumpFailed { detail: String },
    #[error("table {table}{} was emptied, rewritten or put in another's place each time that a dump of it began", others(*more))]
    Rewritten { table: String, more: usize },
    #[error("roles and tablespaces could not be read: {detail}")]
    GlobalsFailed { detail: String },
    #[error("the dump is not whole: {detail}")]
    DumpIncomplete { detail: String },
    #[error("{what} was not restored: {detail}")]
    RestoreFailed { what: String, detail: String },
    #[error("{database} is in use: {detail}")]
    InUse { database: String, detail: String },
    #[error("a database \"{name}\" exists already on {server}")]
    DatabaseExists { server: String, name: String },
    #[error("{detail}")]
    NotReplaceable { detail: String },
    #[error("the dump cannot be given to psql: {reason}")]
    UnsafeScript { reason: String },
    #[error("its rows cannot be read out of the dump: {detail}")]
    NotReadable { detail: String },
    #[error("{server}: {detail}")]
    Sql { server: String, code: String, detail: String },
}

impl Fault {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "server_unreachable",
            Self::PasswordNeeded { .. } => "password_needed",
            Self::LoginRefused { .. } => "login_refused",
            Self::NoDatabase { .. } => "database_missing",
            Self::Tls { .. } => "tls_failed",
            Self::Full { .. } => "server_full",
            Self::Lost { .. } => "server_lost",
            Self::CommitUnknown { .. } => "commit_unknown",
            Self::NoRights { .. } | Self::Denied { .. } => "rights_missing",
            Self::RolesMissing { .. } => "role_missing",
            Self::ServerTooOld { .. } => "server_too_old",
            Self::NoClient { .. } => "client_missing",
            Self::ClientTooOld { .. } => "client_too_old",
            Self::ClientUnsafe { .. } => "client_unsafe",
            Self::DumpFailed { .. } => "dump_failed",
            Self::Rewritten { .. } => "source_busy",
            Self::GlobalsFailed { .. } => "globals_failed",
            Self::DumpIncomplete { .. } => "dump_incomplete",
            Self::RestoreFailed { .. } => "restore_failed",
            Self::InUse { .. } => "database_in_use",
            Self::DatabaseExists { .. } => "target_exists",
            Self::NotReplaceable { .. } => "not_replaceable",
            Self::UnsafeScript { .. } => "unsafe_script",
            Self::NotReadable { .. } => "dump_not_readable",
            Self::Sql { .. } => "server_error",
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::NoDatabase { .. } => Kind::NotFound,
            Self::PasswordNeeded { .. } | Self::LoginRefused { by_password: true, .. } => Kind::WrongPassword,
            Self::Full { .. } | Self::InUse { .. } | Self::Rewritten { .. } => Kind::Busy,
            Self::DumpIncomplete { .. } => Kind::Corrupt,
            Self::NotReadable { .. } | Self::DatabaseExists { .. } | Self::NotReplaceable { .. } | Self::UnsafeScript { .. } => {
                Kind::Refused
            }
            Self::Unreachable { .. }
            | Self::LoginRefused { .. }
            | Self::Tls { .. }
            | Self::Lost { .. }
            | Self::CommitUnknown { .. }
            | Self::NoRights { .. }
            | Self::Denied { .. }
            | Self::RolesMissing { .. }
            | Self::ServerTooOld { .. }
            | Self::NoClient { .. }
            | Self::ClientTooOld { .. }
            | Self::ClientUnsafe { .. }
            | Self::DumpFailed { .. }
            | Self::GlobalsFailed { .. }
            | Self::RestoreFailed { .. }
            | Self::Sql { .. } => Kind::Failed,
        }
    }

    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable { .. } => "Check host and port, and that the server listens there (`listen_addresses`, firewalls).".to_owned(),
            Self::PasswordNeeded { .. } => {
                "Give it in a file with `keepstone db add --url-file F` (or `db edit DB --url-file F`), in ~/.pgpass, or in PGPASSWORD.".to_owned()
            }
            Self::LoginRefused { by_password: true, .. } => {
                "Check user and password; `keepstone db edit DB --url-file F` gives the vault another one.".to_owned()
            }
            Self::LoginRefused { .. } => "The server's pg_hba.conf, or the role itself, does not allow it: ask whoever runs the server.".to_owned(),
            Self::NoDatabase { .. } => "Check the name at the end of the URL; `psql -l` lists the databases.".to_owned(),
            Self::Tls { .. } => {
                "Check sslmode and sslrootcert of the URL: verify-full needs the authority's certificate, require needs a server with TLS.".to_owned()
            }
            Self::Full { .. } => "Try again later, or raise max_connections.".to_owned(),
            Self::Lost { .. } => "Nothing was published, and no live database was changed. Look at the server's log, then try again.".to_owned(),
            Self::CommitUnknown { .. } => {
                "It is as it was before, or as in the backup, and nothing between. Keepstone asks the server when the job is looked at and before the next backup; if it was \
                 committed, it can be undone then."
                    .to_owned()
            }
            Self::NoRights { sql, .. } => format!("A superuser gives the right with: {sql}"),
            Self::Denied { .. } => {
                "A superuser can give that role the right; for restores the vault takes another role, too: `keepstone db edit DB --admin-url-file F`.".to_owned()
            }
            Self::RolesMissing { roles, .. } => {
                let sql: Vec<String> = roles.iter().map(|role| format!("CREATE ROLE {};", quoted(role))).collect();
                format!(
                    "No live database was changed. Make it first, then try again: {} (A backup made with --globals holds the server's roles as they were: `keepstone show ID --globals`.)",
                    sql.join(" ")
                )
            }
            Self::ServerTooOld { .. } => "Back it up with its own pg_dump, or upgrade the server.".to_owned(),
            Self::NoClient { .. } => {
                "Install PostgreSQL's client tools, of the server's version or newer: `apt-get install postgresql-client` or `dnf install postgresql`.".to_owned()
            }
            Self::ClientTooOld { .. } => {
                "Install client tools of the server's version or newer, beside the old ones: all that are in PATH or in /usr/lib/postgresql are looked at.".to_owned()
            }
            Self::ClientUnsafe { .. } => "Update PostgreSQL's client tools: a hostile server or dump could run commands through these.".to_owned(),
            Self::DumpFailed { .. } => "Nothing was published, and the older backups are as they were. Mend what it names, then try again.".to_owned(),
            Self::Rewritten { .. } => {
                "Nothing was published: such a dump would lack the table's rows. Back it up while nothing rebuilds it by TRUNCATE, or rebuild it by DELETE.".to_owned()
            }
            Self::GlobalsFailed { .. } => "Nothing was published. Mend what it names, or make the backup without --globals.".to_owned(),
            Self::DumpIncomplete { .. } => "Nothing was published: what pg_dump wrote does not hold all that the database holds. Try again, and look at the server's log.".to_owned(),
            Self::RestoreFailed { .. } => "What was begun was removed again; the live database is as it was.".to_owned(),
            Self::InUse { .. } => "Nothing was changed. Stop what writes to it or holds its tables, or use --replace, which waits for nobody.".to_owned(),
            Self::DatabaseExists { .. } => "Name one that does not exist; only --replace takes the place of a live database.".to_owned(),
            Self::NotReplaceable { .. } => "Nothing was changed. Restore into a new database instead, or end what it names first.".to_owned(),
            Self::UnsafeScript { .. } => "Nothing was run. Look at the file with an editor: pg_dump writes no such line.".to_owned(),
            Self::NotReadable { .. } => "Restore it into a new database, and export that one.".to_owned(),
            Self::Sql { .. } => return None,
        })
    }
}

fn others(more: usize) -> String {
    if more > 0 { format!(" (and {more} more)") } else { String::new() }
}

/// Makes a fault of what the client says, about this location.
pub(super) fn at(location: &Location) -> impl Fn(postgres::Error) -> crate::Error + '_ {
    move |error| of(location, &error).into()
}

fn of(location: &Location, error: &postgres::Error) -> Fault {
    let (server, user) = (location.server(), location.user.clone());
    let Some(said) = error.as_db_error() else {
        let detail = detail(error);
        return if detail.contains("password missing") {
            Fault::PasswordNeeded { server, user }
        } else if detail.contains("TLS") || detail.contains("certificate") {
            Fault::Tls { server, detail }
        } else if error.is_closed() || detail.starts_with("error communicating") {
            Fault::Lost { server, detail }
        } else {
            Fault::Unreachable { server, detail }
        };
    };
    let detail = said.message().to_owned();
    match said.code() {
        &SqlState::INVALID_CATALOG_NAME => Fault::NoDatabase { server, database: location.database.clone() },
        &SqlState::INVALID_PASSWORD => Fault::LoginRefused { server, user, detail, by_password: true },
        &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Fault::LoginRefused { server, user, detail, by_password: false },
        &SqlState::TOO_MANY_CONNECTIONS | &SqlState::CANNOT_CONNECT_NOW => Fault::Full { server, detail },
        &SqlState::INSUFFICIENT_PRIVILEGE if detail.starts_with("permission denied for database ") => {
            let sql = format!("GRANT CONNECT ON DATABASE {} TO {};", quoted(&location.database), quoted(&user));
            Fault::NoRights { user, what: format!("connect to {}", location.database), sql }
        }
        &SqlState::INSUFFICIENT_PRIVILEGE => Fault::Denied { user, detail },
        &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN => Fault::Lost { server, detail },
        // Locks, as a rule, and which setting bounds them stands in its hint only.
        code @ &SqlState::OUT_OF_MEMORY => {
            let detail = said.hint().map_or_else(|| detail.clone(), |hint| format!("{detail}: {}", hint.trim_end_matches('.')));
            Fault::Sql { server, code: code.code().to_owned(), detail }
        }
        code => Fault::Sql { server, code: code.code().to_owned(), detail },
    }
}

/// The client's sentence with that of its cause.
fn detail(error: &postgres::Error) -> String {
    let mut detail = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let said = cause.to_string();
        if !detail.contains(&said) {
            detail = format!("{detail}: {said}");
        }
        source = cause.source();
    }
    detail
}
