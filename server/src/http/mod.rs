//! The console's server: axum, the gate in front of every path, the pages, the feed of live changes, downloads.

mod activity;
mod api;
mod assets;
mod base;
mod downloads;
mod events;
mod exports;
mod extract;
mod functions;
mod gate;
mod headers;
mod host;
mod live;
mod pages;
mod problem;
pub(crate) mod proxies;
mod query;
pub(crate) mod recovery;
mod router;
mod site;
#[cfg(test)]
mod tests;
mod uploads;

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use axum::{Router, serve::ListenerExt};
use keepstone_engine::{Error, Vault, model::environment::Environment, recheck::RecheckOptions};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    auth, config, demo,
    tls::{Current, TlsListener},
    worker::Workers,
};
use proxies::Proxies;
use site::Site;

/// How often it is looked whether the catalog is still there.
const LOOK_AT_CATALOG: Duration = Duration::from_secs(2);
/// How long open responses may go on once the process was told to stop.
const FAREWELL: Duration = Duration::from_secs(3);

/// What `keepstone serve` is told.
#[derive(Debug, Clone)]
pub(crate) struct ServeOptions {
    pub(crate) vault: Arc<Vault>,
    pub(crate) listen: SocketAddr,
    /// As browsers reach it, where that is not the listen address, e.g. `https://backup.example.org`.
    pub(crate) public_url: Option<String>,
    /// Whose word on where a request came from counts.
    pub(crate) proxies: Proxies,
    /// Its own certificate; none: plain HTTP, as behind a proxy.
    pub(crate) certificate: Option<Arc<Current>>,
    /// What this installation is, for every page to say.
    pub(crate) environment: Option<Environment>,
    /// Also keep a small live shop in the vault and protect it.
    pub(crate) demo: bool,
    /// When backups are checked again by themselves.
    pub(crate) rechecks: RecheckOptions,
    /// Folders that the console may import from by path.
    pub(crate) import_roots: Vec<PathBuf>,
    pub(crate) upload_limit_bytes: u64,
}

/// How serving ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Served {
    /// The process was told to stop.
    Stopped,
    /// Another file lies under the catalog's name, or none: the vault is to be opened anew.
    CatalogReplaced,
    /// The catalog that was open is damaged, as this says.
    CatalogDamaged(String),
}

/// Serves until the process is told to stop, or its vault is not what it was. Makes its own runtime.
pub(crate) fn serve(options: ServeOptions) -> anyhow::Result<Served> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let served = runtime.block_on(run(options));
    // A blocking verb that a page began may still run: it gets this long, then the process ends and its job is mended at the next start.
    runtime.shutdown_timeout(FAREWELL);
    served
}

async fn run(options: ServeOptions) -> anyhow::Result<Served> {
    let ServeOptions {
        vault,
        listen,
        public_url,
        proxies,
        certificate,
        environment: named,
        demo,
        rechecks,
        import_roots,
        upload_limit_bytes,
    } = options;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    // The port that was really taken, where 0 was asked for.
    let site = Site::new(listener.local_addr()?, public_url.as_deref(), certificate.clone())?.behind(proxies);

    // What can refuse the start comes before anything is begun.
    let environment = config::environment()?;
    let firing = environment.firing;
    let prepared = vault.clone();
    tokio::task::spawn_blocking(move || {
        api::remove_left_over(&prepared);
        keepstone_engine::import::sweep_uploads(&prepared);
        environment.protect(&prepared)
    })
    .await??;
    let shop = if demo { Some(demo::start(vault.clone())?) } else { None };
    let live = live::Watcher::start(vault.clone())?;
    // The chain of a long log takes a while: what shows it looks at what is new only, once it was looked at whole.
    let looked_at = vault.clone();
    tokio::task::spawn_blocking(move || drop(keepstone_engine::activity::verify_new_events(&looked_at)));
    let workers = Workers::start(vault.clone(), firing, rechecks)?;

    announce(vault.clone(), &site).await?;
    for doubt in certificate.iter().flat_map(|certificate| certificate.doubts()) {
        say(&format!("Attention: {doubt}"));
    }
    let (bell, stopping) = watch::channel(false);
    let lost = catalog_lost(vault.clone());
    let app = router::router(&router::Parts {
        vault,
        site,
        live: live.receiver(),
        stopping: stopping.clone(),
        environment: named,
        demo,
        firing,
        import_roots,
        upload_limit_bytes,
    });
    let mut server = tokio::spawn(answers(listener, certificate, app, stopped(stopping))?);

    let served = tokio::select! {
        _ = tokio::signal::ctrl_c() => Served::Stopped,
        _ = terminate.recv() => Served::Stopped,
        served = lost => served,
        ended = &mut server => ended?.context("serving").map(|()| Served::Stopped)?,
    };
    tracing::info!("stopping");
    bell.send_replace(true); // ends the live streams too: a graceful stop would wait for them for ever
    if tokio::time::timeout(FAREWELL, server).await.is_err() {
        tracing::info!("some responses were cut off");
    }
    tokio::task::spawn_blocking(move || {
        workers.stop();
        live.stop();
        drop(shop);
    })
    .await?;
    Ok(served)
}

/// Done when the catalog that is open is not the one that lies there, or is damaged.
async fn catalog_lost(vault: Arc<Vault>) -> Served {
    loop {
        tokio::time::sleep(LOOK_AT_CATALOG).await;
        let looked_at = vault.clone();
        // The look through a large one takes a while.
        let look = move || looked_at.catalog().refuse_replaced().and_then(|()| looked_at.catalog().refuse_damaged());
        match tokio::task::spawn_blocking(look).await {
            Ok(Err(error @ Error::CatalogReplaced { .. })) => {
                tracing::error!(%error, "the vault is opened anew");
                return Served::CatalogReplaced;
            }
            Ok(Err(error @ Error::CatalogDamaged { .. })) => {
                tracing::error!(%error, "the catalog cannot be used any more");
                return Served::CatalogDamaged(error.to_string());
            }
            _ => {}
        }
    }
}

/// Answers whoever connects, encrypted where there is a certificate, until `stop` is done and what is open has ended.
fn answers(
    listener: TcpListener,
    certificate: Option<Arc<Current>>,
    app: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>> {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let Some(certificate) = certificate else {
        return Ok(Box::pin(axum::serve(listener, app).with_graceful_shutdown(stop).into_future()));
    };
    certificate.clone().follow().context("listening for SIGHUP")?;
    // The tap does nothing: with it axum knows the address of the other side, as of a plain listener.
    let listener = TlsListener::new(listener, certificate)?.tap_io(|_| {});
    Ok(Box::pin(axum::serve(listener, app).with_graceful_shutdown(stop).into_future()))
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop too.
    let _ = stopping.wait_for(|&stop| stop).await;
}

/// Prints where the console is and, as long as nobody can sign in, the link that makes the first admin.
async fn announce(vault: Arc<Vault>, site: &Site) -> anyhow::Result<()> {
    let base = site.base_url();
    let link = {
        let base = base.clone();
        tokio::task::spawn_blocking(move || {
            if vault.catalog().users()?.is_empty() { auth::issue_setup_link(&vault, &base).map(Some) } else { Ok(None) }
        })
        .await??
    };
    say(&format!("Keepstone is listening on {base}"));
    if let Some(link) = link {
        say("Nobody can sign in yet. Make the first admin here, within 30 minutes:");
        say(&format!("  {link}"));
    }
    if site.is_behind_unnamed_proxy() {
        say("If a proxy stands before it, name it (--trusted-proxy 127.0.0.1, say): until then all sign-ins count as the proxy's own");
    }
    if let Some(port) = site.loopback_port() {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = match host.trim() {
            "" => "THIS-MACHINE",
            host => host,
        };
        say(&format!(
            "Only this machine reaches it. From another one: ssh -L {port}:127.0.0.1:{port} {host}, then open the address above there"
        ));
    }
    Ok(())
}

/// For the person at the terminal; the log goes elsewhere. A terminal that has gone away (`serve | head -1`) does not stop the server.
fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}
