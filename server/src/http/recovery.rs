//! Where the catalog is damaged or lost, `serve` starts here: one page that says so and, to who has the link that was printed, offers to make a new
//! catalog. Nobody can sign in, for the users stand in the catalog; so nothing else is served.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::Context;
use axum::{
    Form, Router,
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use keepstone_app::{error::AppError, server::wants_html};
use keepstone_engine::{
    keys::Password,
    vault::{self, RebuildReport, VaultOptions},
};
use keepstone_model::human;
use serde::Deserialize;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::Notify,
};
use tower_http::limit::RequestBodyLimitLayer;

use super::{assets, base, headers, host, problem, say, site::Site};
use crate::{auth, tls::Current};

/// How often it is looked whether somebody mended the catalog by other means.
const LOOK: Duration = Duration::from_secs(2);
/// How long the last answer may take to reach its reader.
const FAREWELL: Duration = Duration::from_secs(3);
/// Who made the new catalog, in its activity log.
const ACTOR: &str = "console:recovery";

/// How recovery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovered {
    /// There is a catalog to try again with.
    Perhaps,
    /// The process was told to stop.
    Stopped,
}

struct Recovery {
    options: VaultOptions,
    /// The environment's, to try on the archives.
    password: Option<Password>,
    /// What is wrong, as a sentence.
    fault: String,
    key_hash: String,
    /// One rebuild at a time, and only one that succeeds.
    made: Mutex<bool>,
    done: Notify,
}

/// What the link and the form carry.
#[derive(Deserialize)]
struct Key {
    #[serde(default)]
    key: String,
}

/// Serves the page until there may be a sound catalog, or the process is told to stop. Makes its own runtime.
pub(crate) fn serve(
    options: VaultOptions,
    password: Option<Password>,
    listen: SocketAddr,
    public_url: Option<&str>,
    certificate: Option<Arc<Current>>,
    fault: String,
) -> anyhow::Result<Recovered> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(run(options, password, listen, public_url, certificate, fault))
}

async fn run(
    options: VaultOptions,
    password: Option<Password>,
    listen: SocketAddr,
    public_url: Option<&str>,
    certificate: Option<Arc<Current>>,
    fault: String,
) -> anyhow::Result<Recovered> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let site = Site::new(listener.local_addr()?, public_url, certificate.clone())?;
    let key = auth::new_key()?;
    let catalog = options.catalog_path();
    let fault = sentence(&fault);
    let recovery = Arc::new(Recovery {
        options,
        password,
        fault: fault.clone(),
        key_hash: auth::key_hash(&key),
        made: Mutex::new(false),
        done: Notify::new(),
    });

    tracing::error!(fault, "the catalog cannot be used: only the page that offers a new one is served");
    say(&fault);
    say("Backups and databases are as they were. Make a new catalog out of them with `keepstone catalog rebuild --yes`, or here:");
    say(&format!("  {}/recovery?key={key}", site.base_url()));

    let app = router(recovery.clone(), &site);
    let end = recovery.clone();
    let (was, watched) = (changed(&catalog), catalog.clone());
    let mended_elsewhere = async move {
        loop {
            tokio::time::sleep(LOOK).await;
            if changed(&watched) != was {
                break;
            }
        }
    };
    let ended = async move {
        tokio::select! {
            () = end.done.notified() => Recovered::Perhaps,
            () = mended_elsewhere => Recovered::Perhaps,
            _ = tokio::signal::ctrl_c() => Recovered::Stopped,
            _ = terminate.recv() => Recovered::Stopped,
        }
    };
    let (tell, told) = tokio::sync::oneshot::channel();
    let told = async move {
        let _ = told.await;
    };
    let server = tokio::spawn(super::answers(listener, certificate, app, told)?);
    let outcome = ended.await;
    let _ = tell.send(());
    let _ = tokio::time::timeout(FAREWELL, server).await;
    Ok(outcome)
}

/// What changes when another file takes the catalog's place.
fn changed(catalog: &Path) -> Option<(u64, SystemTime)> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(catalog).ok()?;
    Some((meta.ino(), meta.modified().ok()?))
}

fn router(recovery: Arc<Recovery>, site: &Site) -> Router {
    let router = Router::new()
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/pkg/{*path}", get(assets::asset))
        .route("/recovery", get(page).post(make))
        .fallback(elsewhere)
        .with_state(recovery)
        .layer(RequestBodyLimitLayer::new(super::router::LARGEST_BODY))
        .layer(middleware::from_fn_with_state(site.clone(), host::check))
        .layer(middleware::from_fn_with_state(site.clone(), headers::add));
    base::below(site.base(), router)
}

async fn elsewhere(State(recovery): State<Arc<Recovery>>, request: Request) -> Response {
    let headers = request.headers();
    if wants_html(headers) {
        let mut response = recovery.page(headers, &closed());
        response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("10"));
        return response;
    }
    let message = format!("{} On the host, `keepstone catalog rebuild` makes a new one.", recovery.fault);
    later(problem::answer(headers, &AppError::new(503, "catalog_damaged", message)))
}

async fn page(State(recovery): State<Arc<Recovery>>, headers: HeaderMap, Query(Key { key }): Query<Key>) -> Response {
    recovery.page(&headers, &if recovery.is_key(&key) { open(&key) } else { closed() })
}

async fn make(State(recovery): State<Arc<Recovery>>, headers: HeaderMap, Form(Key { key }): Form<Key>) -> Response {
    if !recovery.is_key(&key) {
        return recovery.page(&headers, &closed());
    }
    let work = recovery.clone();
    let made = tokio::task::spawn_blocking(move || {
        let mut made = work.made.lock().unwrap_or_else(PoisonError::into_inner);
        if *made {
            return Ok(None);
        }
        let report = vault::rebuild_with(&work.options, work.password.clone(), ACTOR)?;
        *made = true;
        Ok::<_, keepstone_engine::Error>(Some(report))
    });
    match made.await {
        Ok(Ok(report)) => {
            let body = report.as_ref().map(told).unwrap_or_default();
            recovery.done.notify_one();
            Html(problem::shell(
                &headers,
                "The catalog is new",
                &format!("{body}<p><a class=\"button primary\" href=\"/\">Go to the console</a></p>"),
            ))
            .into_response()
        }
        Ok(Err(error)) => {
            let hint = error.hint().map(|hint| format!("<p>{}</p>", problem::escape(&hint))).unwrap_or_default();
            recovery.page(
                &headers,
                &format!("<p role=\"alert\">It could not be made: {}.</p>{hint}{}", problem::escape(&error.to_string()), open(&key)),
            )
        }
        Err(_) => recovery.page(&headers, &format!("<p role=\"alert\">It could not be made; the log says more.</p>{}", open(&key))),
    }
}

impl Recovery {
    fn is_key(&self, key: &str) -> bool {
        // Hashes are compared: how long that takes tells nothing of the key.
        auth::key_hash(key) == self.key_hash
    }

    fn page(&self, headers: &HeaderMap, body: &str) -> Response {
        let body = format!(
            "<p>{}</p><p>The backups and the databases are as they were; only the index of them cannot be read, and nobody can sign in without it.</p>{body}",
            problem::escape(&self.fault)
        );
        later((StatusCode::SERVICE_UNAVAILABLE, Html(problem::shell(headers, "Keepstone needs a new catalog", &body))).into_response())
    }
}

fn later(mut response: Response) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    response
}

/// With a capital letter and a full stop.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

/// For who has not the link.
fn closed() -> String {
    "<p>On its host, <code>keepstone catalog rebuild</code> makes a new one; so does the link that was printed there when Keepstone was started \
     (<code>journalctl -u keepstone</code>). This page leads on by itself once there is one.</p>"
        .to_owned()
}

fn open(key: &str) -> String {
    format!(
        "<h2>What comes back</h2><ul><li>Every database with its settings and schedules, and every backup with its pin, description, checks and the trash: \
         from the folder of backups.</li><li>Users, tokens, finished jobs and the activity log: from the newest copy of the catalog that can be read (one is made daily). \
         Everybody signs in again.</li><li>The damaged catalog is kept beside the new one.</li></ul>\
         <form method=\"post\" action=\"/recovery\"><input type=\"hidden\" name=\"key\" value=\"{}\"><button class=\"button primary\">Make a new catalog</button></form>",
        problem::escape(key)
    )
}

fn told(report: &RebuildReport) -> String {
    let people = match &report.taken_over {
        Some(taken) => format!(
            "{}, {} and {} of the activity log as they were at {:.0}. Look whether everybody who is there should be.",
            human::counted(taken.users, "user"),
            human::counted(taken.tokens, "token"),
            human::counted(taken.events, "event"),
            taken.at
        ),
        None => "There was no copy of the catalog: the link by which the first admin is made is printed on the host.".to_owned(),
    };
    let list = |heading: &str, all: &[String]| {
        let all: Vec<_> = all.iter().map(|why| problem::escape(why)).collect();
        if all.is_empty() { String::new() } else { format!("<h2>{heading}</h2><ul><li>{}</li></ul>", all.join("</li><li>")) }
    };
    let (moved, skipped) = (list("Moved into their place", &report.moved), list("Not taken up", &report.skipped));
    let without: Vec<_> = report.without_settings.iter().map(|id| problem::escape(id.as_str())).collect();
    let without = if without.is_empty() {
        String::new()
    } else {
        let what = "Their settings and schedules are the usual ones, as their files were lost, and their cleanup is paused. Look at them, then let it go on";
        format!("<h2>Without their settings</h2><p>{what}: {}.</p>", without.join(", "))
    };
    let (databases, backups) = (human::counted(report.databases, "database"), human::counted(report.backups, "backup"));
    format!("<ul><li>{databases}, {backups}.</li><li>{people}</li></ul>{without}{moved}{skipped}")
}
