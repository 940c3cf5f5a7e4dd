//! The polling fallback: the same state as the stream's newest message.
#![cfg_attr(feature = "ssr", expect(clippy::unused_async, reason = "a server function is async by its form"))]

use leptos::prelude::*;

use crate::{error::AppError, live_types::LiveState};

#[server(prefix = "/fn", endpoint = "live/poll")]
pub async fn poll() -> Result<LiveState, AppError> {
    crate::server::person()?;
    Ok(crate::server::live())
}
