//! `/events`: the live feed as server-sent events. Every message is the whole state; what it holds stands in the app's `live_types`.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use keepstone_app::{
    error::AppError,
    live_types::LiveState,
    server::{accounts::SESSION_COOKIE, cookie_of},
};
use keepstone_engine::Vault;
use keepstone_model::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::{host::text, problem, site::Site};
use crate::auth;

/// How often the state is sent though nothing changed, so that a browser notices a dead connection.
const AGAIN: Duration = Duration::from_secs(15);

#[derive(Debug, Clone)]
pub(super) struct Feed {
    pub(super) vault: Arc<Vault>,
    pub(super) site: Site,
    pub(super) live: watch::Receiver<LiveState>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// The stream. It ends when the server stops and when the session does.
pub(super) async fn events(State(feed): State<Feed>, request: Request) -> Response {
    let headers = request.headers();
    if !is_of_this_site(&feed.site, headers) {
        let error = AppError::new(403, "cross_site", "Another site may not read this stream.");
        return problem::answer(headers, &error);
    }
    let Some(cookie) = cookie_of(headers, SESSION_COOKIE).map(str::to_owned) else {
        return problem::answer(headers, &AppError::unauthorized());
    };
    // One place: a browser that does not read holds up its own messages only, and gets the newest state when it reads again.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send(feed, cookie, sender));
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // nginx would hold the messages back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

async fn send(mut feed: Feed, cookie: String, sender: mpsc::Sender<Result<String, std::convert::Infallible>>) {
    let mut revision = None;
    loop {
        let state = feed.live.borrow_and_update().clone();
        // Signing out changes the catalog, so it is noticed with the next revision; running out of time is noticed with the repeats.
        if !is_signed_in(feed.vault.clone(), cookie.clone()).await {
            return;
        }
        let retry = if revision.is_none() { "retry: 2000\n" } else { "" };
        revision = Some(state.revision);
        let Ok(json) = serde_json::to_string(&state) else { return };
        if sender.send(Ok(format!("{retry}data: {json}\n\n"))).await.is_err() {
            return; // the browser has gone
        }
        tokio::select! {
            changed = feed.live.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN) => {}
            _ = feed.stopping.wait_for(|&stop| stop) => return,
            () = sender.closed() => return,
        }
    }
}

/// A catalog that cannot be asked does not end the stream: the session was good when it began, and the next look decides.
async fn is_signed_in(vault: Arc<Vault>, cookie: String) -> bool {
    let found = tokio::task::spawn_blocking(move || auth::peek(&vault, &cookie, Timestamp::now())).await;
    !matches!(found, Ok(Ok(None)))
}

/// `EventSource` of another origin sends where it comes from; of the same one it may send nothing.
fn is_of_this_site(site: &Site, headers: &axum::http::HeaderMap) -> bool {
    let fetch_site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let host = text(headers, header::HOST);
    match (text(headers, header::ORIGIN), fetch_site) {
        (Some(origin), _) => site.is_our_origin(&origin, host.as_deref()),
        (None, Some(fetch_site)) => matches!(fetch_site, "same-origin" | "none"),
        (None, None) => true,
    }
}
