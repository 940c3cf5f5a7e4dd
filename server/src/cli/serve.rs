//! `keepstone serve`: the console. Opens the vault and hands over to the server.

use std::{net::SocketAddr, sync::Arc};

use clap::Args;
use keepstone_engine::recheck::RecheckOptions;

use super::{Context, Fault, environment, values};
use crate::{config, http};

/// Serve the console, run the schedules and the queued jobs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone serve
  keepstone serve --listen 0.0.0.0:8181 --public-url https://backup.example.org
  DATABASE_URL=sqlite:////srv/shop/shop.db keepstone serve")]
pub(crate) struct Serve {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8181")]
    listen: SocketAddr,
    /// The address as browsers reach it, where a proxy stands before it
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Also run a small live shop database, and protect it
    #[arg(long)]
    demo: bool,
    /// Check a backup again when its last checks are older than this, or never
    #[arg(long, value_name = "TIME", default_value = "7d")]
    recheck_after: String,
    /// Read back no more than this in a second for it
    #[arg(long, value_name = "SIZE", default_value = "32MB")]
    recheck_rate: String,
}

pub(crate) fn run(args: &Serve, cx: &Context) -> Result<(), Fault> {
    // A setting that cannot be honoured stops the start before a vault is made.
    config::environment().map_err(|error| Fault::usage(format!("{error:#}"), "Change the environment, then start again."))?;
    let rechecks = RecheckOptions {
        older_than_secs: if args.recheck_after == "never" { None } else { Some(values::duration_secs(&args.recheck_after)?) },
        rate_bytes_per_s: Some(values::bytes(&args.recheck_rate)?),
    };
    environment::encryption()?.refuse_unmet(cx.has_keys())?;
    let vault = cx.vault_or_new()?;
    keepstone_engine::keys::refuse_without_password(&vault)?;
    let (listen, public_url, demo) = (args.listen, args.public_url.clone(), args.demo);
    let options = http::ServeOptions { vault: Arc::new(vault), listen, public_url, demo, rechecks };
    http::serve(options).map_err(|error| match error.downcast::<keepstone_engine::Error>() {
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
    })
}
