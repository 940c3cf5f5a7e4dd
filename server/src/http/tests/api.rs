//! `/api/v1`: who may call what, over the real routes; what a call answers; and the document that describes it.

use axum::http::{Method, StatusCode};
use keepstone_engine::{
    create::{self, CreateOptions},
    databases::{self, AddDatabaseOptions},
    jobs,
    tokens::{self, CreateTokenOptions},
};
use keepstone_model::{
    Timestamp,
    access::{API, API_POLICY, Reach, Role},
    token::Scope,
};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{Body, Server, header_of, request, text};

impl Server {
    pub(super) fn protect(&self, name: &str) {
        let path = self.folder.path().join(format!("{name}.db"));
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (a TEXT, password TEXT); INSERT INTO t VALUES ('x', 'secret'), ('y', 'secret')").unwrap();
        let location = path.to_string_lossy().into_owned();
        let options = AddDatabaseOptions { location, name: None, schedules: None, actor: "test".to_owned() };
        databases::add_database(&self.vault, &options).unwrap();
    }

    pub(super) fn token(&self, scopes: &[Scope], only: Option<&str>) -> String {
        let count = tokens::list(&self.vault).unwrap().len();
        let options = CreateTokenOptions {
            name: format!("t{count}"),
            scopes: scopes.to_vec(),
            databases: only.map(|id| vec![id.parse().unwrap()]),
            lifetime_secs: Some(3600),
            actor: "test".to_owned(),
        };
        tokens::create(&self.vault, &options).unwrap().secret
    }

    async fn call(&self, token: &str, method: &str, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut request = request(Method::from_bytes(method.as_bytes()).unwrap(), &format!("{API}{path}"), "");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self.send(request.body(body).unwrap()).await;
        let (status, kind) = (response.status(), header_of(&response, "content-type").to_owned());
        assert_eq!(header_of(&response, "cache-control"), "no-store", "{path}");
        let body = text(response).await;
        let json: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
        if status.is_client_error() || status.is_server_error() {
            assert_eq!(kind, "application/problem+json", "{method} {path}: {json}");
            assert!(json["code"].is_string() && json["detail"].is_string() && json["status"] == status.as_u16(), "{method} {path}: {json}");
        }
        (status, json)
    }

    /// Carries out what is queued.
    async fn work(&self) {
        let vault = self.vault.clone();
        let run = move || while jobs::run_next(&vault, &keepstone_engine::Silent).unwrap().is_some() {};
        tokio::task::spawn_blocking(run).await.unwrap();
    }
}

fn example(pattern: &str) -> String {
    pattern
        .replace("{database}", "shop")
        .replace("{backup}", "shop_daily_20261120T030000Z_k3f9")
        .replace("{job}", "j-01jd3k9v0q7x8")
        .replace("{schedule}", "4711")
}

#[tokio::test]
async fn every_call_for_every_scope_and_for_tokens_of_one_database() {
    let server = Server::new();
    server.protect("shop");
    server.protect("wiki");
    let (all, shop, wiki): (Vec<_>, Vec<_>, Vec<_>) = (
        Scope::ALL.map(|scope| (scope, server.token(&[scope], None))).into(),
        Scope::ALL.map(|scope| (scope, server.token(&[scope], Some("shop")))).into(),
        Scope::ALL.map(|scope| (scope, server.token(&[scope], Some("wiki")))).into(),
    );
    let admin_session = server.signed_in(Role::Admin);
    for rule in API_POLICY {
        let path = example(rule.pattern);
        // What would be carried out is refused for its query or its body, after the gate: this is about the gate.
        let probe = format!("{path}?no-such-thing=1");
        let case = format!("{} {}", rule.method, rule.pattern);
        let code = async |token: &str, cookie: &[(&str, &str)]| {
            let body = json!({ "no such thing": 1 });
            let (status, answer) = server.call(token, rule.method, &probe, Some(&body), cookie).await;
            (status, answer["code"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(code("", &[]).await, (StatusCode::UNAUTHORIZED, "no_token".to_owned()), "{case}");
        assert_eq!(code("kst_wrong", &[]).await, (StatusCode::UNAUTHORIZED, "bad_token".to_owned()), "{case}");
        let session = [("cookie", admin_session.as_str())];
        assert_eq!(code("", &session).await, (StatusCode::UNAUTHORIZED, "no_token".to_owned()), "{case}: a session opens nothing");
        let acts = ["/trash/empty", "/databases/{database}"].contains(&rule.pattern) && rule.method != "GET" && rule.method != "PATCH";
        for (scope, token) in &all {
            let allowed = scope.includes(rule.scope);
            if allowed && acts {
                continue;
            }
            let (status, code) = code(token, &[]).await;
            let refused = status == StatusCode::FORBIDDEN && code == "scope_needed";
            assert_eq!(refused, !allowed, "{case} with {scope}: {status} {code}");
            assert!(
                status != StatusCode::UNAUTHORIZED && status != StatusCode::METHOD_NOT_ALLOWED && code != "not_found",
                "{case}: {status}"
            );
        }
        for (own, tokens) in [(true, &shop), (false, &wiki)] {
            for (scope, token) in tokens.iter().filter(|(scope, _)| scope.includes(rule.scope)) {
                let inside = match rule.reach {
                    Reach::Vault => false,
                    Reach::Filtered | Reach::Nothing => true,
                    // Of a job and a schedule that are not there nobody knows whose they are: not this token's.
                    Reach::One => own && !rule.pattern.starts_with("/jobs/") && !rule.pattern.starts_with("/schedules/{"),
                };
                if inside && acts {
                    continue;
                }
                let (status, code) = code(token, &[]).await;
                assert_eq!(
                    code == "outside_token",
                    !inside,
                    "{case} with {scope} of {}: {status} {code}",
                    if own { "shop" } else { "wiki" }
                );
            }
        }
    }
}

#[tokio::test]
async fn a_token_of_one_database_sees_nothing_of_another() {
    let server = Server::new();
    server.protect("shop");
    server.protect("wiki");
    for id in ["shop", "wiki"] {
        let options = CreateOptions::new(id.parse().unwrap(), "test");
        create::create(&server.vault, &options, &keepstone_engine::Silent).unwrap();
    }
    let wiki = server.token(&[Scope::Admin], Some("wiki"));
    for path in
        ["/databases", "/status", "/stats", "/backups", "/backups?limit=1", "/trash", "/jobs", "/schedules", "/schedules/next", "/activity"]
    {
        let (status, answer) = server.call(&wiki, "GET", path, None, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        assert!(!answer.to_string().contains("shop"), "{path}: {answer}");
    }
    // However the address is written.
    for path in ["/databases/shop", "/databases/%73hop", "/databases/SHOP", "/databases/sho%70/retention", "/backups?database=shop"] {
        let (status, answer) = server.call(&wiki, "GET", path, None, &[]).await;
        assert_eq!((status, answer["code"].as_str()), (StatusCode::FORBIDDEN, Some("outside_token")), "{path}");
    }
    let job = jobs::jobs(&server.vault, &jobs::JobFilter::default()).unwrap();
    let of_shop = job.iter().find(|(job, _)| job.database.as_ref().is_some_and(|id| id.as_str() == "shop")).unwrap();
    let (status, _) = server.call(&wiki, "GET", &format!("/jobs/{}", of_shop.0.id), None, &[]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_backup_is_made_once_under_a_key_and_restored_by_its_plan() {
    let server = Server::new();
    server.protect("shop");
    let token = server.token(&[Scope::Create, Scope::Restore, Scope::Delete], Some("shop"));
    let once = [("idempotency-key", "deploy-42")];
    let body = json!({ "description": "before 42", "tags": ["deploy"] });
    let create = async |body: &Value| server.call(&token, "POST", "/databases/shop/backups", Some(body), &once).await;
    let (status, first) = create(&body).await;
    assert_eq!((status, first["state"].as_str()), (StatusCode::ACCEPTED, Some("queued")), "{first}");
    server.work().await;
    let (status, again) = create(&body).await;
    assert_eq!((status, &again["id"], again["state"].as_str()), (StatusCode::ACCEPTED, &first["id"], Some("done")));
    let (status, other) = create(&json!({ "description": "before 43" })).await;
    assert_eq!((status, other["code"].as_str()), (StatusCode::CONFLICT, Some("idempotency_key_reused")));
    let id = again["backup"].as_str().unwrap().to_owned();
    let (_, listed) = server.call(&token, "GET", "/backups?database=shop&q=before", None, &[]).await;
    assert_eq!((listed["total"].as_u64(), listed["results"][0]["id"].as_str(), &listed["next"]), (Some(1), Some(&*id), &Value::Null));
    assert_eq!(listed["results"][0]["created_by"], "token:t0");

    // The plan, the confirmation, the act; and the plan is used up.
    let live = server.folder.path().join("shop.db");
    Connection::open(&live).unwrap().execute("DELETE FROM t", []).unwrap();
    let rows = || Connection::open(&live).unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get::<_, u32>(0)).unwrap();
    let (_, planned) = server.call(&token, "POST", &format!("/backups/{id}/restore/plan"), Some(&json!({ "into": "replace" })), &[]).await;
    assert_eq!(planned["plan"]["tables"][0]["backup_rows"], 2, "{planned}");
    let restore = async |body: Value, headers: &[(&str, &str)]| {
        server.call(&token, "POST", &format!("/backups/{id}/restore"), Some(&body), headers).await
    };
    let (status, refused) = restore(json!({ "plan": planned["id"] }), &[]).await;
    assert_eq!((status, refused["code"].as_str()), (StatusCode::CONFLICT, Some("not_confirmed")));
    let confirmed = json!({ "plan": planned["id"], "confirm": "shop" });
    let (status, job) = restore(confirmed.clone(), &[("idempotency-key", "r1")]).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    server.work().await;
    assert_eq!(rows(), 2);
    let (status, same) = restore(confirmed.clone(), &[("idempotency-key", "r1")]).await;
    assert_eq!((status, &same["id"]), (StatusCode::ACCEPTED, &job["id"]), "also though the plan is used up");
    let (status, stale) = restore(confirmed, &[]).await;
    assert_eq!((status, stale["code"].as_str()), (StatusCode::CONFLICT, Some("stale_plan")));
    let undo = format!("/jobs/{}/undo", job["id"].as_str().unwrap());
    let (_, planned) = server.call(&token, "POST", &format!("{undo}/plan"), None, &[]).await;
    let body = json!({ "plan": planned["id"], "confirm": "shop" });
    let (status, _) = server.call(&token, "POST", &undo, Some(&body), &[]).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    server.work().await;
    assert_eq!(rows(), 0);
    let (_, shown) = server.call(&token, "GET", &format!("/jobs/{}", job["id"].as_str().unwrap()), None, &[]).await;
    assert_eq!(shown["can_undo"], false, "{shown}");

    // Another's plan is nobody's.
    let (_, planned) = server.call(&token, "POST", &format!("/backups/{id}/restore/plan"), None, &[]).await;
    let other = server.token(&[Scope::Restore], None);
    let body = json!({ "plan": planned["id"] });
    let (status, _) = server.call(&other, "POST", &format!("/backups/{id}/restore"), Some(&body), &[]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    // Nor does a path lead anywhere.
    let outside = json!({ "into": "new_file", "path": "/etc/keepstone.db" });
    let (status, refused) = server.call(&token, "POST", &format!("/backups/{id}/restore/plan"), Some(&outside), &[]).await;
    assert_eq!((status, refused["code"].as_str()), (StatusCode::CONFLICT, Some("target_unusable")));

    let (status, refused) = server.call(&token, "DELETE", &format!("/backups/{id}"), None, &[]).await;
    assert_eq!((status, refused["code"].as_str()), (StatusCode::CONFLICT, Some("delete_refused")), "the newest good one stays");
    create::create(&server.vault, &CreateOptions::new("shop".parse().unwrap(), "test"), &keepstone_engine::Silent).unwrap();
    let (_, gone) = server.call(&token, "DELETE", &format!("/backups/{id}"), None, &[]).await;
    assert_eq!(gone["deleted"], true, "{gone}");
    let (status, back) = server.call(&token, "POST", &format!("/backups/{id}/put-back"), None, &[]).await;
    assert_eq!((status, back["state"].as_str()), (StatusCode::OK, Some("complete")));
}

#[tokio::test]
async fn schedules_and_retention_are_changed_and_what_does_not_fit_is_told() {
    let server = Server::new();
    server.protect("shop");
    let token = server.token(&[Scope::Admin], None);
    let wish = json!({ "cron": "30 2 * * *", "time_zone": "Europe/Berlin", "jitter_secs": 60.0 });
    let (status, added) = server.call(&token, "POST", "/databases/shop/schedules", Some(&wish), &[]).await;
    assert_eq!(
        (status, added["kind"].as_str(), added["next_runs"].as_array().unwrap().len()),
        (StatusCode::CREATED, Some("daily"), 5),
        "{added}"
    );
    let path = format!("/schedules/{}", added["number"]);
    let (_, edited) = server.call(&token, "PATCH", &path, Some(&json!({ "every_secs": 3600, "if_missed": "skip" })), &[]).await;
    assert_eq!(
        (edited["on"].as_str(), edited["every_secs"].as_u64(), edited["if_missed"].as_str()),
        (Some("interval"), Some(3600), Some("skip"))
    );
    let (_, paused) = server.call(&token, "POST", &format!("{path}/pause"), None, &[]).await;
    assert_eq!((&paused["paused"], &paused["next_run_at"]), (&json!(true), &Value::Null));
    let (status, _) = server.call(&token, "POST", &format!("{path}/trigger"), None, &[]).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (_, resumed) = server.call(&token, "POST", &format!("{path}/resume"), None, &[]).await;
    assert_eq!(resumed["paused"], false);
    let (status, _) = server.call(&token, "DELETE", &path, None, &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(server.call(&token, "GET", &path, None, &[]).await.0, StatusCode::NOT_FOUND);

    let (_, tried) = server.call(&token, "POST", "/databases/shop/retention/preview", Some(&json!({ "daily": 3 })), &[]).await;
    assert_eq!((tried["policy_words"].as_str(), &tried["cleanup"]), (Some("3 daily"), &Value::Null), "{tried}");
    let (_, set) = server.call(&token, "PUT", "/databases/shop/retention", Some(&json!({ "policy": { "daily": 3 } })), &[]).await;
    assert_eq!((&set["set"], set["before"]["daily"].as_u64(), set["policy"]["daily"].as_u64()), (&json!(true), Some(7), Some(3)), "{set}");

    let rhythm = async |wish: Value| server.call(&token, "PUT", "/databases/shop/cleanup/schedule", Some(&wish), &[]).await;
    let (_, set) = rhythm(json!({ "cron": "30 4 * * *", "time_zone": "Europe/Berlin" })).await;
    assert_eq!((set["schedule"]["cron"].as_str(), &set["schedule"]["after_backups"]), (Some("30 4 * * *"), &json!(true)), "{set}");
    let (_, moved) = rhythm(json!({ "time_zone": "UTC", "paused": true })).await;
    assert_eq!((moved["schedule"]["time_zone"].as_str(), &moved["cleanup"]["next_at"]), (Some("UTC"), &Value::Null), "{moved}");
    let (_, every) = rhythm(json!({ "every_secs": 7200, "paused": false, "after_backups": false })).await;
    assert_eq!(every["cleanup"]["rhythm"], "every 2 h", "{every}");
    assert_eq!(server.call(&token, "GET", "/databases/shop/cleanup/schedule", None, &[]).await.1["schedule"], every["schedule"]);
    for refused in [
        json!({ "time_zone": "UTC" }),
        json!({ "every_secs": 60 }),
        json!({ "cron": "0 4 31 2 *" }),
        json!({ "cron": "0 4 * * *", "every_secs": 7200 }),
    ] {
        assert_eq!(rhythm(refused.clone()).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
    }
    let limits = async |wish: Value| server.call(&token, "PUT", "/limits", Some(&wish), &[]).await;
    let (_, set) = limits(json!({ "max_running": 3 })).await;
    assert_eq!(set, json!({ "max_running": 3, "hung_after_secs": 900, "stop_within_secs": 30 }));
    assert_eq!(server.call(&token, "GET", "/limits", None, &[]).await.1, set);
    assert_eq!(limits(json!({ "max_running": 0 })).await.0, StatusCode::UNPROCESSABLE_ENTITY);

    let post = async |body: Value| {
        let (status, problem) = server.call(&token, "POST", "/databases/shop/schedules", Some(&body), &[]).await;
        (status.as_u16(), problem["code"].as_str().unwrap_or_default().to_owned(), problem["field"].as_str().map(str::to_owned))
    };
    assert_eq!(post(json!({ "cron": "0 2 * *" })).await.0, 422);
    assert_eq!(post(json!({})).await, (422, "invalid".to_owned(), Some("cron".to_owned())));
    assert_eq!(post(json!({ "crn": "0 2 * * *" })).await, (400, "malformed".to_owned(), None));
    assert_eq!(post(json!({ "cron": "0 2 * * *", "every_secs": 60 })).await.0, 422);
    let sent = async |kind: &str, body: &str| {
        let request = request(Method::POST, &format!("{API}/databases/shop/schedules"), "")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", kind);
        server.send(request.body(Body::from(body.to_owned())).unwrap()).await.status().as_u16()
    };
    assert_eq!(sent("application/json", "{").await, 400);
    assert_eq!(sent("application/json", "").await, 400);
    assert_eq!(sent("text/plain", "{}").await, 415);
    assert_eq!(sent("application/json", &format!("{{\"cron\": \"{}\"}}", "x".repeat(2 << 20))).await, 413);
    for query in ["/backups?limit=0", "/backups?limit=501", "/jobs?limit=0", "/schedules/next?count=0"] {
        assert_eq!(server.call(&token, "GET", query, None, &[]).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    for query in ["/backups?stat=good", "/backups?state=", "/backups?from=yesterday", "/jobs?open=perhaps", "/activity?before=0"] {
        assert_eq!(server.call(&token, "GET", query, None, &[]).await.0, StatusCode::BAD_REQUEST, "{query}");
    }
    let (status, _) = server.call(&token, "PUT", "/backups", None, &[]).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(server.call(&token, "GET", "/no-such-noun", None, &[]).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.call("", "GET", "/no-such-noun", None, &[]).await.0, StatusCode::UNAUTHORIZED, "who has no token learns nothing");
}

#[tokio::test]
async fn content_goes_out_and_comes_in() {
    let server = Server::new();
    server.protect("shop");
    let made = create::create(&server.vault, &CreateOptions::new("shop".parse().unwrap(), "test"), &keepstone_engine::Silent).unwrap();
    let (restore, admin) = (server.token(&[Scope::Restore], None), server.token(&[Scope::Admin], None));
    let raw = async |token: &str, method: Method, path: &str, body: Vec<u8>| {
        let request = request(method, &format!("{API}{path}"), "").header("authorization", format!("Bearer {token}"));
        server.send(request.body(Body::from(body)).unwrap()).await
    };
    let export = text(raw(&restore, Method::GET, "/databases/shop/export?format=sql", Vec::new()).await).await;
    assert!(export.contains("CREATE TABLE") && !export.contains("secret"), "{export}");
    let (status, refused) = server.call(&restore, "GET", "/databases/shop/export?include_sensitive=true", None, &[]).await;
    assert_eq!((status, refused["code"].as_str()), (StatusCode::FORBIDDEN, Some("scope_needed")));
    let all = text(raw(&admin, Method::GET, "/databases/shop/export?format=sql&include_sensitive=true", Vec::new()).await).await;
    assert!(all.contains("secret"));
    let (status, none) = server.call(&restore, "GET", &format!("/backups/{}/export?table=nope", made.backup.id), None, &[]).await;
    assert_eq!((status, none["code"].as_str()), (StatusCode::NOT_FOUND, Some("unknown_table")), "no broken download");

    let plain = super::bytes(raw(&admin, Method::GET, &format!("/backups/{}/database", made.backup.id), Vec::new()).await).await;
    let import = "/databases/shop/import?timezone=UTC&filename=shop_backup_daily_20250627_020000.db";
    let answer = async || serde_json::from_str::<Value>(&text(raw(&admin, Method::POST, import, plain.clone()).await).await).unwrap();
    let first = answer().await;
    assert_eq!((&first["ok"], first["results"][0]["result"].as_str()), (&json!(true), Some("imported")), "{first}");
    assert_eq!(answer().await["results"][0]["result"], "present", "a second time adds nothing");
    let junk = raw(&admin, Method::POST, "/databases/shop/import?filename=junk.db", b"junk".to_vec()).await;
    assert_eq!(serde_json::from_str::<Value>(&text(junk).await).unwrap()["ok"], false);
    // The fixture's limit is 100 kB; other bodies end much earlier.
    let large = raw(&admin, Method::POST, "/databases/shop/import?filename=large.db", vec![0; 100_001]).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(text(large).await.contains(r#""code":"too_large""#));
    let left = std::fs::read_dir(server.folder.path().join("data/uploads")).unwrap().count();
    assert_eq!(left, 0, "nothing of an upload stays");
    let actions: Vec<String> = keepstone_engine::activity::events(&server.vault, &keepstone_engine::activity::EventFilter::default())
        .unwrap()
        .into_iter()
        .map(|event| event.action)
        .collect();
    assert!(
        ["backup.downloaded", "data.exported", "import.done"].iter().all(|action| actions.contains(&(*action).to_owned())),
        "{actions:?}"
    );
}

#[tokio::test]
async fn a_job_is_followed_to_its_end() {
    let server = Server::new();
    server.protect("shop");
    let token = server.token(&[Scope::Create], None);
    let (_, job) = server.call(&token, "POST", "/databases/shop/backups", None, &[]).await;
    let request = request(Method::GET, &format!("{API}/jobs/{}/events", job["id"].as_str().unwrap()), "");
    let response = server.send(request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()).await;
    assert_eq!(header_of(&response, "content-type"), "text/event-stream");
    let whole = tokio::spawn(text(response));
    server.work().await;
    server.live.send_modify(|state| state.revision += 1);
    let whole = whole.await.unwrap();
    let last = whole.lines().rfind(|line| line.starts_with("data: ")).unwrap();
    let last: Value = serde_json::from_str(&last[6..]).unwrap();
    assert!(whole.contains("\"state\":\"queued\"") && last["state"] == "done", "{whole}");
    // An expired token is told like an unknown one.
    let options = CreateTokenOptions {
        name: "old".to_owned(),
        scopes: vec![Scope::Read],
        databases: None,
        lifetime_secs: Some(1),
        actor: "test".to_owned(),
    };
    let old = tokens::create(&server.vault, &options).unwrap();
    let later = old.token.expires_at.unwrap();
    assert_eq!(tokens::authenticate(&server.vault, &old.secret, later).unwrap(), None);
    assert!(tokens::authenticate(&server.vault, &old.secret, Timestamp::now()).unwrap().is_some() || Timestamp::now() >= later);
}

#[tokio::test]
async fn prometheus_is_answered_with_a_token_only() {
    let server = Server::new();
    server.protect("shop");
    server.protect("wiki");
    create::create(&server.vault, &CreateOptions::new("shop".parse().unwrap(), "test"), &keepstone_engine::Silent).unwrap();
    let get = async |token: &str| {
        let request = request(Method::GET, "/metrics", "").header("authorization", format!("Bearer {token}"));
        let response = server.send(request.body(Body::empty()).unwrap()).await;
        (response.status(), text(response).await)
    };
    assert_eq!(get("").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(server.get("/metrics", &server.signed_in(Role::Admin)).await.status(), StatusCode::UNAUTHORIZED);
    let (_, told) = get(&server.token(&[Scope::Read], None)).await;
    for line in [
        "keepstone_database_state{database=\"shop\",state=\"protected\"} 1",
        "keepstone_backups{database=\"shop\"} 1",
        "keepstone_backups{database=\"wiki\"} 0",
    ] {
        assert!(told.lines().any(|other| other == line), "{line}: {told}");
    }
    assert!(told.lines().all(|line| line.starts_with("# ") || line.starts_with("keepstone_")), "{told}");
    assert!(!get(&server.token(&[Scope::Read], Some("wiki"))).await.1.contains("shop"));
}

#[test]
fn the_document_in_the_repository_is_the_one_that_is_served() {
    let server = Server::new();
    let document = super::super::api::document_of(&server.vault);
    let (path, text) = (concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json"), document.to_pretty_json().unwrap() + "\n");
    if std::env::var_os("KEEPSTONE_WRITE_OPENAPI").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == text,
        "docs/openapi.json is not what the code says: run the tests with KEEPSTONE_WRITE_OPENAPI=1 and look at the difference"
    );
    // Every call of the policy is in it, and nothing else.
    let mut described: Vec<String> = Vec::new();
    for (path, item) in &document.paths.paths {
        for (method, there) in [
            ("GET", item.get.is_some()),
            ("POST", item.post.is_some()),
            ("PUT", item.put.is_some()),
            ("PATCH", item.patch.is_some()),
            ("DELETE", item.delete.is_some()),
        ] {
            if there {
                described.push(format!("{method} {path}"));
            }
        }
    }
    described.push(format!("GET {API}/openapi.json"));
    let mut ruled: Vec<String> = API_POLICY.iter().map(|rule| format!("{} {API}{}", rule.method, rule.pattern)).collect();
    described.sort();
    ruled.sort();
    assert_eq!(described, ruled);
}
