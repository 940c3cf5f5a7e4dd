//! The token that calls. The gate found it good and put it into the request.

use axum::{extract::FromRequestParts, http::request::Parts};
use keepstone_engine::{Vault, databases};
use keepstone_model::{
    database::Database,
    id::DatabaseId,
    token::{Scope, Token},
};

use super::{Answer, problem::Problem};

/// Who calls.
#[derive(Debug, Clone)]
pub(super) struct Caller(pub(super) Token);

impl Caller {
    pub(super) fn actor(&self) -> String {
        self.0.actor()
    }

    /// Where a call asks for more than its route does.
    pub(super) fn needs(&self, scope: Scope, what: &str) -> Answer<()> {
        if self.0.allows(scope) { Ok(()) } else { Err(Problem::forbidden("scope_needed", format!("{what} asks for the scope {scope}."))) }
    }

    /// The database that a list is limited to: the one asked for, if the token covers it. None: every one that [`Caller::sees`] says.
    pub(super) fn filter(&self, vault: &Vault, asked: Option<&str>) -> Answer<Option<DatabaseId>> {
        let Some(asked) = asked else { return Ok(None) };
        let id = super::databases::parsed(asked)?;
        if !self.sees(&id) {
            return Err(outside());
        }
        Ok(Some(databases::database(vault, &id)?.id))
    }

    /// Whether the token covers this database.
    pub(super) fn sees(&self, id: &DatabaseId) -> bool {
        self.0.covers(id)
    }

    /// The databases that the token covers, or the one asked for.
    pub(super) fn databases(&self, vault: &Vault, asked: Option<&str>) -> Answer<Vec<Database>> {
        let only = self.filter(vault, asked)?;
        let all = databases::databases(vault)?;
        Ok(all.into_iter().filter(|database| only.as_ref().map_or_else(|| self.sees(&database.id), |id| *id == database.id)).collect())
    }
}

/// The call is about something that the token is not for.
pub(super) fn outside() -> Problem {
    Problem::forbidden("outside_token", "This token is limited to other databases.")
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        // The gate let nobody through without one; a route that is not behind it must not work.
        parts.extensions.get::<Self>().cloned().ok_or_else(super::gate::no_token)
    }
}
