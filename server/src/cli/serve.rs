//! `keepstone serve`: the console. Opens the vault and hands over to the server.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use keepstone_engine::{Error, Vault, model::environment::Environment, recheck::RecheckOptions};

use super::{Context, Fault, environment, settings::Written, values, variables};
use crate::{
    config,
    http::{self, Served, proxies::Proxies, recovery::Recovered},
    tls::{Current, Files},
};

/// Serve the console, run the schedules and the queued jobs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone serve
  keepstone serve --listen 0.0.0.0:8181 --public-url https://backup.example.org
  keepstone serve --public-url https://tools.example.org/keepstone/ --trusted-proxy 127.0.0.1
  keepstone serve --listen 0.0.0.0:8181 --tls-cert fullchain.pem --tls-key privkey.pem
  DATABASE_URL=sqlite:////srv/shop/shop.db keepstone serve")]
pub(crate) struct Serve {
    #[arg(long, value_name = "ADDRESS", help = "Address and port to listen on [env: KEEPSTONE_LISTEN] [default: 127.0.0.1:8181]")]
    listen: Option<SocketAddr>,
    #[arg(long, value_name = "URL", help = "The address as browsers reach it, where a proxy stands before it [env: KEEPSTONE_PUBLIC_URL]")]
    public_url: Option<String>,
    #[arg(
        long = "trusted-proxy",
        value_name = "ADDRESS|CIDR",
        help = "A proxy whose X-Forwarded-For says where requests come from; may be said several times [env: KEEPSTONE_TRUSTED_PROXY]"
    )]
    trusted_proxies: Vec<String>,
    #[arg(
        long,
        value_name = "FILE",
        help = "Speak https with this certificate and its chain (PEM), read again when it changes [env: KEEPSTONE_TLS_CERT]"
    )]
    tls_cert: Option<PathBuf>,
    #[arg(long, value_name = "FILE", help = "The certificate's private key (PEM, without a password) [env: KEEPSTONE_TLS_KEY]")]
    tls_key: Option<PathBuf>,
    #[arg(
        long = "import-root",
        value_name = "DIR",
        help = "A folder from which the console may import by path; may be said several times [env: KEEPSTONE_IMPORT_ROOT]"
    )]
    import_roots: Vec<PathBuf>,
    #[arg(
        long,
        value_name = "SIZE",
        help = "The largest file that may be uploaded for an import [env: KEEPSTONE_UPLOAD_LIMIT] [default: 4GB]"
    )]
    upload_limit: Option<String>,
    #[arg(
        long,
        value_name = "NAME[:COLOUR]",
        help = "What this installation is, e.g. production or staging:amber; shown on every page (red, amber, green, blue, grey) [env: KEEPSTONE_ENVIRONMENT]"
    )]
    environment: Option<String>,
    /// Also run a small live shop database, and protect it
    #[arg(long)]
    demo: bool,
    /// Check a backup again when its last checks are older than this, or never [default: 7d]
    #[arg(long, value_name = "TIME")]
    recheck_after: Option<String>,
    /// Read back no more than this in a second for it [default: 32MB]
    #[arg(long, value_name = "SIZE")]
    recheck_rate: Option<String>,
}

pub(crate) fn run(args: &Serve, cx: &Context) -> Result<(), Fault> {
    // A setting that cannot be honoured stops the start before a vault is made.
    config::environment().map_err(|error| Fault::usage(format!("{error:#}"), "Change the environment, then start again."))?;
    let file = &cx.settings.file;
    let first = |flag: &Option<String>, name: &str, file: &Option<String>, default: &str| {
        flag.clone().or_else(|| variables::var(name)).or_else(|| file.clone()).unwrap_or_else(|| default.to_owned())
    };
    let after = first(&args.recheck_after, "KEEPSTONE_RECHECK_AFTER", &file.recheck_after, "7d");
    let rate = first(&args.recheck_rate, "KEEPSTONE_RECHECK_RATE", &file.recheck_rate, "32MB");
    let rechecks = RecheckOptions {
        older_than_secs: if after.trim() == "never" { None } else { Some(values::duration_secs(after.trim())?) },
        rate_bytes_per_s: Some(values::bytes(rate.trim())?),
    };
    let upload_limit_bytes = values::bytes(first(&args.upload_limit, "KEEPSTONE_UPLOAD_LIMIT", &file.upload_limit, "4GB").trim())?;
    let import_roots = import_roots(&args.import_roots, file)?;
    let listen = match (args.listen, variables::var("KEEPSTONE_LISTEN")) {
        (Some(listen), _) => listen,
        (None, Some(text)) => text
            .trim()
            .parse()
            .map_err(|_| Fault::usage(format!("KEEPSTONE_LISTEN is \"{text}\""), "Say an address and a port, e.g. 0.0.0.0:8181."))?,
        (None, None) => file.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8181))),
    };
    let public_url = args.public_url.clone().or_else(|| variables::var("KEEPSTONE_PUBLIC_URL")).or_else(|| file.public_url.clone());
    let proxies = proxies(&args.trusted_proxies, file)?;
    let certificate = tls_files(args.tls_cert.as_deref(), args.tls_key.as_deref(), file)?.map(Current::load).transpose()?;
    let environment = args.environment.clone().or_else(|| variables::var("KEEPSTONE_ENVIRONMENT")).or_else(|| file.environment.clone());
    let environment = environment.filter(|text| !text.trim().is_empty()).map(|text| named(&text)).transpose()?;
    environment::encryption()?.refuse_unmet(cx.has_keys())?;
    let mut damage = None;
    // Anew where the catalog was taken away meanwhile, or is damaged.
    while let Some(vault) = vault(damage.take(), listen, public_url.as_deref(), certificate.as_ref(), cx)? {
        keepstone_engine::keys::refuse_without_password(&vault)?;
        let served = http::serve(http::ServeOptions {
            vault: Arc::new(vault),
            listen,
            public_url: public_url.clone(),
            proxies: proxies.clone(),
            certificate: certificate.clone(),
            environment: environment.clone(),
            demo: args.demo,
            rechecks: rechecks.clone(),
            import_roots: import_roots.clone(),
            upload_limit_bytes,
        });
        match served.map_err(not_served)? {
            Served::Stopped => break,
            Served::CatalogReplaced => {}
            Served::CatalogDamaged(fault) => damage = Some(fault),
        }
    }
    Ok(())
}

/// The vault; where its catalog is damaged or lost, once there is a new one. None: told to stop before. `damage` was found while it was open, and
/// need not be met by opening it.
fn vault(
    mut damage: Option<String>,
    listen: SocketAddr,
    public_url: Option<&str>,
    certificate: Option<&Arc<Current>>,
    cx: &Context,
) -> Result<Option<Vault>, Fault> {
    loop {
        let fault = match (cx.vault_or_new(), damage.take()) {
            (Err(Fault::Engine(error @ Error::CatalogDamaged { .. })), _) => error.to_string(),
            (Ok(_), Some(fault)) => fault,
            (found, _) => return found.map(Some),
        };
        let recovered = http::recovery::serve(
            cx.vault_options()?,
            environment::encryption_if_readable(&cx.out).password,
            listen,
            public_url,
            certificate.cloned(),
            fault,
        );
        if recovered.map_err(not_served)? == Recovered::Stopped {
            return Ok(None);
        }
    }
}

fn not_served(error: anyhow::Error) -> Fault {
    match error.downcast::<Error>() {
        Ok(error) => error.into(),
        Err(error) => {
            let in_use = error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::AddrInUse);
            Fault::Here {
                code: if in_use { "address_in_use" } else { "serve_failed" },
                message: format!("{error:#}"),
                hint: in_use.then(|| "Something else listens there already: name another address with --listen.".to_owned()),
                exit: if in_use { 5 } else { 1 },
            }
        }
    }
}

/// The proxies that are believed, as the flags, else the environment, else the file name them.
fn proxies(flags: &[String], file: &Written) -> Result<Proxies, Fault> {
    let named = match (flags, variables::var("KEEPSTONE_TRUSTED_PROXY")) {
        ([], Some(text)) => vec![text],
        ([], None) => file.trusted_proxies.clone(),
        (flags, _) => flags.to_vec(),
    };
    Proxies::of(named.iter().map(String::as_str))
        .map_err(|error| Fault::usage(format!("{error:#}"), "Name the proxy with --trusted-proxy, as this server sees it."))
}

/// The certificate and its key, as the flags, else the environment, else the file name them. One without the other is a mistake.
pub(crate) fn tls_files(certificate: Option<&Path>, key: Option<&Path>, file: &Written) -> Result<Option<Files>, Fault> {
    let first = |flag: Option<&Path>, name: &str, file: &Option<PathBuf>| {
        flag.map(Path::to_owned).or_else(|| variables::var(name).map(|text| PathBuf::from(text.trim()))).or_else(|| file.clone())
    };
    let certificate = first(certificate, "KEEPSTONE_TLS_CERT", &file.tls_cert);
    match (certificate, first(key, "KEEPSTONE_TLS_KEY", &file.tls_key)) {
        (Some(certificate), Some(key)) => Ok(Some(Files { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Fault::usage("a certificate is named and no key", "Name its private key, too: --tls-key.")),
        (None, Some(_)) => Err(Fault::usage("a private key is named and no certificate", "Name its certificate, too: --tls-cert.")),
    }
}

fn named(text: &str) -> Result<Environment, Fault> {
    Environment::parse(text).ok_or_else(|| {
        let message = format!("the environment \"{text}\" is no name, nor a name and a colour");
        Fault::usage(message, "Say up to 24 letters, e.g. production, or with red, amber, green, blue or grey: production:green.")
    })
}

/// The folders that the console may import from by path. One that is not there, or holds everything, is a mistake that is better told now.
fn import_roots(flags: &[PathBuf], file: &Written) -> Result<Vec<PathBuf>, Fault> {
    let named = if !flags.is_empty() {
        flags.to_vec()
    } else if let Some(text) = variables::var("KEEPSTONE_IMPORT_ROOT") {
        text.split(':').map(str::trim).filter(|part| !part.is_empty()).map(PathBuf::from).collect()
    } else {
        file.import_roots.clone()
    };
    named
        .iter()
        .map(|root| {
            let found = root.canonicalize().map_err(|error| Error::io(root, error))?;
            if !found.is_dir() || found == Path::new("/") {
                let message = format!("the import root {} is no folder that holds backups", root.display());
                return Err(Fault::usage(message, "Name the folder of the old backups itself."));
            }
            Ok(found)
        })
        .collect()
}
