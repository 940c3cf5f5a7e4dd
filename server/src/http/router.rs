//! Puts the server together: the routes, and around them, from the outside in: base path, headers, host, cross-site, gate, size.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Redirect},
    routing::get,
};
use keepstone_app::{
    live_types::LiveState,
    server::{Certificate, ServerContext},
};
use keepstone_engine::{Vault, scheduler::Firing};
use keepstone_model::{Timestamp, environment::Environment};
use tokio::sync::watch;
use tower_http::{csrf::CsrfLayer, limit::RequestBodyLimitLayer};

use super::{
    activity,
    api::{self, Api},
    assets, base,
    downloads::{self, Downloads},
    events, exports, gate, headers, host, pages,
    site::Site,
    uploads,
};
use crate::auth::LocalAccounts;

/// The largest body of a request: forms and JSON. Uploads have a limit of their own.
pub(super) const LARGEST_BODY: usize = 1024 * 1024;

/// What the routes are made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) vault: Arc<Vault>,
    pub(super) site: Site,
    pub(super) live: watch::Receiver<LiveState>,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) environment: Option<Environment>,
    pub(super) demo: bool,
    pub(super) firing: Firing,
    pub(super) import_roots: Vec<PathBuf>,
    pub(super) upload_limit_bytes: u64,
}

pub(super) fn router(parts: &Parts) -> Router {
    let Parts { vault, site, live, stopping, environment, demo, firing, import_roots, upload_limit_bytes } = parts;
    let context = ServerContext {
        vault: vault.clone(),
        live: live.clone(),
        accounts: Arc::new(LocalAccounts::new(vault.clone(), site.is_https())),
        public_origin: site.public_origin().map(str::to_owned),
        asset: assets::address,
        base: site.base().to_owned(),
        environment: environment.clone(),
        demo: *demo,
        firing: *firing,
        started_at: Timestamp::now(),
        import_roots: import_roots.clone(),
        upload_limit_bytes: *upload_limit_bytes,
        certificate: site.certificate().map(|current| current as Arc<dyn Certificate>),
    };
    let feed = events::Feed { vault: vault.clone(), site: site.clone(), live: live.clone(), stopping: stopping.clone() };
    let downloads = Downloads::new(vault.clone());
    let calls = Api {
        vault: vault.clone(),
        live: live.clone(),
        stopping: stopping.clone(),
        downloads: downloads.clone(),
        upload_limit_bytes: *upload_limit_bytes,
    };
    let ready = vault.clone();
    let mut csrf = CsrfLayer::new();
    if let Some(origin) = site.public_origin() {
        csrf = csrf.add_trusted_origin(origin).expect("an origin when the site was made");
    }
    let router = Router::new()
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/readyz", get(move || readyz(ready.clone())))
        .route("/pkg/{*path}", get(assets::asset))
        .route("/events", get(events::events).with_state(feed))
        .route("/backup", get(|| async { Redirect::permanent("/backups") }))
        .route("/web/admin/backups", get(|| async { Redirect::permanent("/backups") }))
        .merge(downloads::router(downloads.clone()))
        .merge(exports::router(vault.clone()))
        .merge(activity::router(vault.clone()))
        .merge(pages::router(context))
        .layer(RequestBodyLimitLayer::new(LARGEST_BODY))
        // Behind the limit of the others: uploads have one of their own.
        .merge(api::router(calls, site.base()).0)
        .merge(uploads::router(vault.clone(), *upload_limit_bytes))
        .layer(middleware::from_fn_with_state(vault.clone(), gate::check))
        .layer(csrf)
        .layer(middleware::from_fn_with_state(site.clone(), host::check))
        .layer(middleware::from_fn_with_state(site.clone(), headers::add));
    base::below(site.base(), router)
}

/// Ready once the catalog answers. Says nothing else: it is open.
async fn readyz(vault: Arc<Vault>) -> impl IntoResponse {
    let answer = tokio::task::spawn_blocking(move || vault.catalog().users().is_ok() && !vault.is_away());
    if answer.await.unwrap_or(false) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
