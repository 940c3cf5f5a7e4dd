//! Tests of the whole router over a real vault: every request passes every layer.

mod activity;
mod api;
mod base;
mod downloads;
mod feed;
mod gate;
mod perf;
mod search;
mod session;
mod transfer;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, Response, StatusCode, header},
};
use keepstone_app::live_types::LiveState;
use keepstone_engine::{
    Vault,
    catalog::Session,
    scheduler::Firing,
    users::{self, AddUserOptions},
    vault::{OpenMode, VaultOptions},
};
use keepstone_model::{Timestamp, access::Role};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

use super::{router, site::Site};
use crate::auth::{ABSOLUTE, hash_password, store_session};

/// A server without a socket, over a vault of its own.
struct Server {
    folder: TempDir,
    vault: Arc<Vault>,
    router: Router,
    live: watch::Sender<LiveState>,
    stop: watch::Sender<bool>,
}

const PASSWORD: &str = "correct horse battery staple";

impl Server {
    fn new() -> Self {
        Self::at(None)
    }

    fn at(public_url: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = VaultOptions { data: folder.path().join("data"), backups: None, mode: OpenMode::Create };
        let vault = Arc::new(Vault::open(&options).unwrap());
        let (live, receiver) = watch::channel(LiveState::default());
        let (stop, stopping) = watch::channel(false);
        let site = Site::new("127.0.0.1:8181".parse().unwrap(), public_url, None).unwrap();
        let router = router::router(&router::Parts {
            vault: vault.clone(),
            site,
            live: receiver,
            stopping,
            environment: None,
            demo: false,
            firing: Firing::On,
            import_roots: vec![folder.path().join("old")],
            upload_limit_bytes: 100_000,
        });
        Self { folder, vault, router, live, stop }
    }

    /// Adds a user called as the role, and gives back the cookie of a new session.
    fn signed_in(&self, role: Role) -> String {
        self.add_user(role);
        let now = Timestamp::now();
        self.with_session(role, now, now)
    }

    fn add_user(&self, role: Role) {
        let (name, actor) = (role.as_str().to_owned(), "test".to_owned());
        let options = AddUserOptions { name, role, password_hash: Some(hash_password(PASSWORD).unwrap()), actor };
        users::add(&self.vault, &options).unwrap();
    }

    fn with_session(&self, role: Role, begun: Timestamp, seen: Timestamp) -> String {
        let session = Session {
            preferences: keepstone_model::preferences::Preferences::default(),
            user: role.as_str().to_owned(),
            role,
            created_at: begun,
            authenticated_at: begun,
            last_seen_at: seen,
            expires_at: begun + ABSOLUTE,
            address: "127.0.0.1".to_owned(),
            agent: String::new(),
        };
        format!("keepstone_session={}", store_session(&self.vault, &session).unwrap())
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let answer = tokio::time::timeout(Duration::from_secs(30), self.router.clone().oneshot(request)).await;
        answer.unwrap_or_else(|_| panic!("{path} does not answer")).unwrap()
    }

    async fn get(&self, path: &str, cookie: &str) -> Response<Body> {
        self.send(request(Method::GET, path, cookie).body(Body::empty()).unwrap()).await
    }

    /// Posts a form as the page's own script does.
    async fn post(&self, path: &str, cookie: &str, form: &str) -> Response<Body> {
        let request = request(Method::POST, path, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::CONTENT_LENGTH, form.len());
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }
}

/// A request as a program on this machine sends it. An empty cookie is none.
fn request(method: Method, path: &str, cookie: &str) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost:8181");
    if cookie.is_empty() { request } else { request.header(header::COOKIE, cookie) }
}

fn header_of<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(bytes(response).await).unwrap()
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
}

/// Whether the gate turned the request away.
fn turned_away(response: &Response<Body>) -> bool {
    let status = response.status();
    status == StatusCode::UNAUTHORIZED
        || status == StatusCode::FORBIDDEN
        || (status == StatusCode::SEE_OTHER && header_of(response, "location").starts_with("/login"))
}
