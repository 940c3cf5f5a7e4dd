//! Connecting to a server, and each refusal with its own fault; what a first look tells, and which rights a backup lacks. Not what is read
//! afterwards.

use std::{path::Path, sync::Arc, time::Duration};

use keepstone_model::database::Database;
use postgres::{Client, Config, NoTls, config};

use super::{
    APPLICATION_NAME, deadline,
    fault::{self, Fault},
    location::{Location, SslMode},
    names::quoted,
    settings::Environment,
    tls::Tls,
    tools::{self, Version},
};
use crate::{Error, Result, Vault};

/// The oldest server that is supported.
const OLDEST: (u32, &str) = (100_000, "10");

/// A connection, and how it was made.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) location: Location,
    tls: Option<Tls>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("location", &self.location).finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens it. `environment` gives the password where the location has none.
    pub(super) fn open(location: &Location, environment: &Environment) -> Result<Self> {
        let location = environment.with_password(location);
        match connect(&location, location.ssl_mode, environment.home.as_deref()) {
            // As libpq: what is only preferred is done without.
            Err(Error::Postgres(fault))
                if matches!(*fault, Fault::Tls { .. }) && matches!(location.ssl_mode, SslMode::Prefer | SslMode::Allow) =>
            {
                connect(&location, SslMode::Disable, None)
            }
            other => other,
        }
    }

    pub(super) fn fault(&self) -> impl Fn(postgres::Error) -> Error + use<> {
        let location = self.location.clone();
        move |error| fault::at(&location)(error)
    }

    pub(super) fn run(&mut self, sql: &str) -> Result<()> {
        let fault = self.fault();
        self.client.batch_execute(sql).map_err(fault)
    }

    pub(super) fn rows(&mut self, sql: &str) -> Result<Vec<postgres::Row>> {
        let fault = self.fault();
        self.client.query(sql, &[]).map_err(fault)
    }

    pub(super) fn row(&mut self, sql: &str) -> Result<postgres::Row> {
        let fault = self.fault();
        self.client.query_one(sql, &[]).map_err(fault)
    }

    /// Stops what the connection is at, from another thread.
    pub(super) fn canceller(&self) -> impl Fn() + Send + Sync + 'static + use<> {
        let (token, tls) = (self.client.cancel_token(), self.tls.clone());
        move || {
            // It may be over already, which is as well.
            match &tls {
                Some(tls) => drop(token.cancel_query(tls.clone())),
                None => drop(token.cancel_query(NoTls)),
            }
        }
    }

    pub(super) fn version(&mut self) -> Result<Version> {
        let number: i32 = self.row("SELECT current_setting('server_version_num')::int")?.get(0);
        let words: String = self.row("SELECT current_setting('server_version')")?.get(0);
        if number < i32::try_from(OLDEST.0).unwrap_or(i32::MAX) {
            return Err(Fault::ServerTooOld { server: self.location.server(), found: words, needed: OLDEST.1 }.into());
        }
        Ok(Version::of_number(number.unsigned_abs()))
    }
}

fn connect(location: &Location, mode: SslMode, home: Option<&Path>) -> Result<Connection> {
    let mut config = Config::new();
    let wait = Duration::from_secs(location.connect_timeout_secs);
    config
        .port(location.port)
        .user(&location.user)
        .dbname(&location.database)
        .application_name(APPLICATION_NAME)
        .connect_timeout(wait)
        .tcp_user_timeout(Duration::from_secs(60))
        .keepalives_idle(Duration::from_secs(60));
    if let Some(password) = &location.password {
        config.password(password.text());
    }
    if location.is_socket() {
        config.host_path(&location.host)
    } else {
        config.host(&location.host)
    };
    let encrypted = !location.is_socket() && mode != SslMode::Disable;
    config.ssl_mode(match mode {
        _ if !encrypted => config::SslMode::Disable,
        SslMode::Disable | SslMode::Allow | SslMode::Prefer => config::SslMode::Prefer,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => config::SslMode::Require,
    });
    let tls = if encrypted { Some(Tls::of(location, home)?) } else { None };
    let with = tls.clone();
    let client = deadline::within(location, wait * 2, move || match with {
        Some(tls) => config.connect(tls),
        None => config.connect(NoTls),
    })?;
    Ok(Connection { client: client.map_err(fault::at(location))?, location: location.clone(), tls })
}

/// How the database of a vault is reached: by what was sealed of it, else by what the catalog says.
pub(super) fn reach(vault: &Vault, database: &Database) -> Result<(Location, Arc<Environment>)> {
    let environment = vault.surroundings().get();
    let sealed = super::sealed::read(vault, &database.uid)?;
    let url = sealed.as_ref().map_or(database.location.as_str(), |sealed| sealed.url.as_str());
    let location = Location::of(url, &environment)?;
    Ok((environment.with_password(&location), environment))
}

/// Who makes and renames databases on its server: a role of its own if one was given, else the one that backs it up.
pub(super) fn reach_for_restore(vault: &Vault, database: &Database) -> Result<(Location, Arc<Environment>)> {
    let (location, environment) = reach(vault, database)?;
    let admin = super::sealed::read(vault, &database.uid)?.and_then(|sealed| sealed.admin_url.clone());
    let Some(admin) = admin else { return Ok((location, environment)) };
    let admin = Location::of(&admin, &environment)?;
    // Only who it is: the server is that of the database, wherever it was moved to.
    let location = Location { user: admin.user.clone(), password: admin.password.clone(), ..location };
    let location = environment.with_password(&location);
    Ok((location, environment))
}

/// What a first look tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probed {
    pub(super) version: Version,
    pub(super) size_bytes: u64,
    pub(super) encoding: String,
}

/// Connects, looks whether a backup could be made, and leaves everything as it was: the server's version, the tools for it, and the rights.
pub(super) fn probe(location: &Location, environment: &Environment) -> Result<Probed> {
    let mut connection = Connection::open(location, environment)?;
    let version = connection.version()?;
    tools::choose(&tools::clients(environment), version, "pg_dump")?;
    refuse_missing_rights(&mut connection, version)?;
    let row = connection
        .row("SELECT pg_database_size(oid), pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")?;
    let size: i64 = row.get(0);
    Ok(Probed { version, size_bytes: size.unsigned_abs(), encoding: row.get(1) })
}

/// What of the database this role may not read. `pg_dump` would say it only of the first thing that it meets, and without the way out.
pub(super) fn refuse_missing_rights(connection: &mut Connection, version: Version) -> Result<()> {
    let user: String = connection.row("SELECT current_user::text")?.get(0);
    let role = quoted(&user);
    let unread = connection.rows(&format!(
        "SELECT n.nspname::text, c.relname::text, \
                CASE WHEN has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') THEN row_security_active(c.oid) END \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'S') AND {} \
           AND (NOT has_schema_privilege(n.oid, 'USAGE') OR NOT has_table_privilege(c.oid, 'SELECT') OR row_security_active(c.oid)) \
         ORDER BY 3 NULLS FIRST, 1, 2",
        super::content::OWN_RELATIONS
    ))?;
    if let Some(first) = unread.first() {
        let (schema, table, by_row): (String, String, Option<bool>) = (first.get(0), first.get(1), first.get(2));
        let name = super::names::shown(&schema, &table);
        let others = if unread.len() > 1 { format!(" and {} others", unread.len() - 1) } else { String::new() };
        let (what, sql) = match by_row {
            Some(true) => {
                (format!("read every row of {name}{others}: row-level security hides some"), format!("ALTER ROLE {role} BYPASSRLS;"))
            }
            _ if version.major >= 14 => (format!("read {name}{others}"), format!("GRANT pg_read_all_data TO {role};")),
            _ => {
                let schema = quoted(&schema);
                let sql = format!(
                    "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}; \
                     GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};"
                );
                (format!("read {name}{others}"), sql)
            }
        };
        return Err(Fault::NoRights { user, what, sql }.into());
    }
    let objects: i64 = connection
        .row(
            "SELECT count(*) FROM pg_largeobject_metadata m WHERE NOT pg_has_role(m.lomowner, 'USAGE') AND NOT EXISTS \
               (SELECT 1 FROM aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))",
        )?
        .get(0);
    if objects > 0 {
        let sql = format!(
            "DO $$ DECLARE lo oid; BEGIN FOR lo IN SELECT oid FROM pg_largeobject_metadata LOOP \
             EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO %I', lo, {}); END LOOP; END $$;",
            super::names::literal(&user)
        );
        return Err(Fault::NoRights { user, what: format!("read {objects} large objects"), sql }.into());
    }
    Ok(())
}
