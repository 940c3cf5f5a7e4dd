//! The one resource of a page, whatever its type. Leptos compiles a resource anew for each type it holds, some 20 kB for every browser to
//! load; so all pages share one, of a type that is told apart only where it is read.

use std::{
    any::Any,
    hash::{DefaultHasher, Hash, Hasher},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
};

use leptos::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::Error as _};

use crate::error::AppError;

/// What a page shows, loaded again whenever its source changes. It is read by [`super::Loaded`].
pub struct Facts<T> {
    pub(super) resource: Resource<Result<Wire, AppError>>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Facts<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Facts<T> {}

impl<T> std::fmt::Debug for Facts<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").finish_non_exhaustive()
    }
}

type Fetched = Pin<Box<dyn Future<Output = Result<Wire, AppError>> + Send>>;

impl<T: Serialize + Send + Sync + 'static> Facts<T> {
    /// Like [`Resource::new`]: what `source` reads makes `fetch` run again, if its value has changed.
    pub fn new<S: Hash, F: Future<Output = Result<T, AppError>> + Send + 'static>(
        source: impl Fn() -> S + Send + Sync + 'static,
        fetch: impl Fn(S) -> F + Send + Sync + 'static,
    ) -> Self {
        let source = Arc::new(source);
        let asked = source.clone();
        let key = Box::new(move || {
            let mut hasher = DefaultHasher::new();
            asked().hash(&mut hasher);
            hasher.finish()
        });
        let fetch = Box::new(move || {
            let facts = fetch(untrack(|| source()));
            Box::pin(async move { facts.await.and_then(Wire::new) }) as Fetched
        });
        Self { resource: shared(key, fetch), of: PhantomData }
    }
}

fn shared(key: Box<dyn Fn() -> u64 + Send + Sync>, fetch: Box<dyn Fn() -> Fetched + Send + Sync>) -> Resource<Result<Wire, AppError>> {
    Resource::new(key, move |_| fetch())
}

/// The facts of a page on their way: as text from the server to the browser that takes the page over, as they are when the browser asked.
#[derive(Clone)]
pub(super) enum Wire {
    Text(String),
    #[cfg_attr(feature = "ssr", expect(dead_code, reason = "only a browser keeps what it asked for"))]
    Here(Arc<dyn Any + Send + Sync>),
}

impl Wire {
    #[cfg(feature = "ssr")]
    fn new<T: Serialize>(facts: T) -> Result<Self, AppError> {
        serde_json::to_string(&facts).map(Self::Text).map_err(|error| {
            tracing::error!(%error, "the facts of a page have no text");
            AppError::internal()
        })
    }

    #[cfg(not(feature = "ssr"))]
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as the server's")]
    fn new<T: Send + Sync + 'static>(facts: T) -> Result<Self, AppError> {
        Ok(Self::Here(Arc::new(facts)))
    }

    /// None if they are of another type, which is a mistake in the program, or of another version of it.
    pub(super) fn facts<T: Clone + DeserializeOwned + 'static>(&self) -> Option<T> {
        match self {
            // By the same reader as the answers of server functions: another one would be compiled for every type, too.
            Self::Text(text) => serde_json::from_slice(text.as_bytes()).ok(),
            Self::Here(facts) => facts.downcast_ref().cloned(),
        }
    }
}

impl Serialize for Wire {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Here(_) => Err(S::Error::custom("only the server sends facts")),
        }
    }
}

impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::Text)
    }
}
