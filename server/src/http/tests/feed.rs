//! The live feed: what comes first, what comes then, and when it ends.

use std::time::Duration;

use axum::http::StatusCode;
use keepstone_app::live_types::LiveState;
use keepstone_model::access::Role;
use tokio_stream::StreamExt;

use super::{Server, header_of};

/// The next message of a stream; none at its end.
async fn next(stream: &mut axum::body::BodyDataStream) -> Option<LiveState> {
    let chunk = tokio::time::timeout(Duration::from_secs(5), stream.next()).await.expect("a message or the end within seconds")?;
    let text = String::from_utf8(chunk.unwrap().to_vec()).unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert!(text.ends_with("\n\n"), "{text:?}");
    Some(serde_json::from_str(data).unwrap())
}

#[tokio::test]
async fn the_state_at_once_then_every_change_until_the_session_ends() {
    let server = Server::new();
    let viewer = server.signed_in(Role::Viewer);
    server.live.send_replace(LiveState { epoch: 7, revision: 41, ..LiveState::default() });
    let response = server.get("/events", &viewer).await;
    assert_eq!((response.status(), header_of(&response, "content-type")), (StatusCode::OK, "text/event-stream"));
    let mut stream = response.into_body().into_data_stream();
    let first = next(&mut stream).await.unwrap();
    assert_eq!((first.epoch, first.revision), (7, 41));

    server.live.send_modify(|state| state.revision = 42);
    assert_eq!(next(&mut stream).await.unwrap().revision, 42);

    // Signing out elsewhere: the change of the catalog is the last thing this stream could have told.
    keepstone_engine::users::remove(&server.vault, "viewer", "test").unwrap();
    server.live.send_modify(|state| state.revision = 43);
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn a_stop_of_the_server_ends_the_stream() {
    let server = Server::new();
    let viewer = server.signed_in(Role::Viewer);
    let mut stream = server.get("/events", &viewer).await.into_body().into_data_stream();
    next(&mut stream).await.unwrap();
    server.stop.send_replace(true);
    assert_eq!(next(&mut stream).await, None);
}
