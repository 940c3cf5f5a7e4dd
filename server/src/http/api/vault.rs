//! The vault as a whole, and the token that calls.

use axum::{Json, extract::State};
use keepstone_engine::{
    backups::{self, BackupFilter},
    databases,
    installation::{self, Finding},
    keys, storage,
};
use keepstone_model::{Timestamp, stats::stats, token::Token};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, Api, Caller, List, extract::Query};
use crate::shape::{DatabaseStatus, Info, KeyStatus, StatsOf};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(token))
        .routes(routes!(info))
        .routes(routes!(status))
        .routes(routes!(sums))
        .routes(routes!(doctor))
        .routes(routes!(list_keys))
}

/// The token that calls: what it may do, and until when
#[utoipa::path(get, path = "/token", tag = "vault", operation_id = "show_token", responses((status = 200, description = "The token, without its secret.", body = Token)))]
async fn token(caller: Caller) -> Json<Token> {
    Json(caller.0)
}

/// This program and this vault
#[utoipa::path(get, path = "/info", tag = "vault", operation_id = "show_info", responses((status = 200, description = "Versions, folders and sums.", body = Info)))]
async fn info(State(api): State<Api>) -> Answer<Json<Info>> {
    api.run(|vault| Ok(Json(Info::of(vault, Timestamp::now())?))).await
}

/// Whether everything is safe.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Status {
    /// No database is at risk or failed, and every backup can be opened.
    ok: bool,
    at_risk: u64,
    results: Vec<DatabaseStatus>,
}

/// Is everything safe?
#[utoipa::path(get, path = "/status", tag = "vault", operation_id = "show_status", responses((status = 200, description = "Every database that the token covers, the one at most risk first.", body = Status)))]
async fn status(State(api): State<Api>, caller: Caller) -> Answer<Json<Status>> {
    api.run(move |vault| {
        let all = databases::statuses(vault, Timestamp::now())?;
        let results: Vec<DatabaseStatus> = all.iter().filter(|status| caller.sees(&status.database.id)).map(DatabaseStatus::from).collect();
        let at_risk = results.iter().filter(|one| one.at_risk).count() as u64;
        let lost: u64 = results.iter().map(|one| one.lost_count).sum();
        Ok(Json(Status { ok: at_risk == 0 && lost == 0, at_risk, results }))
    })
    .await
}

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Of {
    /// Only of this database.
    #[param(example = "shop", min_length = 1)]
    database: Option<String>,
}

/// What the backups come to
///
/// Totals, averages, compression, what was verified and what failed, growth, and the time to a full disk: of each database, and of all together.
#[utoipa::path(get, path = "/stats", tag = "vault", operation_id = "show_stats", params(Of), responses((status = 200, description = "The sums; without a database those of all stand last.", body = List<StatsOf>)))]
async fn sums(State(api): State<Api>, caller: Caller, Query(of): Query<Of>) -> Answer<Json<List<StatsOf>>> {
    api.run(move |vault| {
        let now = Timestamp::now();
        let free_bytes = storage::free_bytes(vault);
        let (mut results, mut all) = (Vec::new(), Vec::new());
        for database in caller.databases(vault, of.database.as_deref())? {
            let filter = BackupFilter { database: Some(database.id.clone()), ..BackupFilter::default() };
            let found = backups::list(vault, &filter)?.backups;
            results.push(StatsOf::of(Some(&database.id), &stats(&found, now), free_bytes));
            all.extend(found);
        }
        if of.database.is_none() {
            results.push(StatsOf::of(None, &stats(&all, now), free_bytes));
        }
        Ok(List::of(results))
    })
    .await
}

/// The whole installation, and how to mend each finding
#[utoipa::path(get, path = "/doctor", tag = "vault", operation_id = "examine", responses((status = 200, description = "Everything that was looked at.", body = List<Finding>)))]
async fn doctor(State(api): State<Api>) -> Answer<Json<List<Finding>>> {
    api.run(|vault| Ok(List::of(installation::examine(vault, Timestamp::now())?))).await
}

/// The passwords that the vault knows, without them
#[utoipa::path(get, path = "/keys", tag = "vault", operation_id = "list_keys", responses((status = 200, description = "The keys.", body = List<KeyStatus>)))]
async fn list_keys(State(api): State<Api>) -> Answer<Json<List<KeyStatus>>> {
    api.run(|vault| Ok(List::of(keys::list(vault)?.iter()))).await
}
