//! Who gets where: the policy over the real routes, other hosts, other sites, and the headers of every answer.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use keepstone_model::{
    Timestamp,
    access::{self, Access, Act, POLICY, Role, Rule},
};

use super::{Body, PASSWORD, Server, header_of, request, text, turned_away};

#[tokio::test]
async fn every_rule_for_everybody() {
    let server = Server::new();
    for role in Role::ALL {
        server.add_user(role);
    }
    for rule in POLICY {
        let path = rule.pattern.replace("{id}", "no-such-thing").replace('*', "main.css");
        let function = path.starts_with("/fn/");
        for role in std::iter::once(None).chain(Role::ALL.map(Some)) {
            // A session of its own for each call: one of them signs out.
            let cookie = role.map(|role| server.with_session(role, Timestamp::now(), Timestamp::now())).unwrap_or_default();
            let response =
                if function || rule.changes() { server.post(&path, &cookie, "").await } else { server.get(&path, &cookie).await };
            let (status, location) = (response.status(), header_of(&response, "location").to_owned());
            let case = format!("{path} as {role:?}: {status} {location}");
            match (access::allows(rule.access, role), role) {
                (true, _) => assert!(!turned_away(&response) && status != StatusCode::METHOD_NOT_ALLOWED, "{case}"),
                (false, Some(_)) => assert_eq!(status, StatusCode::FORBIDDEN, "{case}"),
                (false, None) if function || rule.changes() || path == "/events" => assert_eq!(status, StatusCode::UNAUTHORIZED, "{case}"),
                (false, None) => assert!(status == StatusCode::SEE_OTHER && location.starts_with("/login"), "{case}"),
            }
        }
    }
}

#[tokio::test]
async fn every_server_function_is_in_the_policy_and_closed() {
    let server = Server::new();
    let viewer = server.signed_in(Role::Viewer);
    for (path, method) in server_fn::axum::server_fn_paths() {
        assert!(path.starts_with("/fn/"), "{path}: server functions live under /fn/");
        let rule = access::rule_for(path).unwrap_or_else(|| panic!("{path} is not in the policy"));
        assert!(!rule.changes() || method == Method::POST, "{path} changes something and is not called by POST");
        let send = async |cookie: &str| server.send(request(method.clone(), path, cookie).body(Body::empty()).unwrap()).await.status();
        if rule.access != Access::Open {
            assert_eq!(send("").await, StatusCode::UNAUTHORIZED, "{path}");
        }
        if !access::allows(rule.access, Some(Role::Viewer)) {
            assert_eq!(send(&viewer).await, StatusCode::FORBIDDEN, "{path}");
        }
    }
}

#[tokio::test]
async fn what_changes_something_takes_post_only() {
    let server = Server::new();
    let admin = server.signed_in(Role::Admin);
    for rule in POLICY.iter().filter(|rule| rule.changes()) {
        assert_eq!(server.get(rule.pattern, &admin).await.status(), StatusCode::METHOD_NOT_ALLOWED, "{}", rule.pattern);
    }
    assert_eq!(server.post("/backups", &admin, "").await.status(), StatusCode::METHOD_NOT_ALLOWED);
    let put = request(Method::PUT, "/backups", &admin).body(Body::empty()).unwrap();
    assert_eq!(server.send(put).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_destroys_asks_for_a_fresh_password() {
    let server = Server::new();
    server.add_user(Role::Admin);
    let now = Timestamp::now();
    let (fresh, stale) =
        (server.with_session(Role::Admin, now, now), server.with_session(Role::Admin, now - Duration::from_secs(601), now));
    let asks = async |rule: &Rule, cookie: &str| {
        let response = server.post(rule.pattern, cookie, "").await;
        response.status() == StatusCode::FORBIDDEN && text(response).await.contains("sign_in_again")
    };
    for rule in POLICY.iter().filter(|rule| rule.changes() && rule.pattern != "/fn/session/sign-out") {
        assert_eq!(asks(rule, &stale).await, rule.act == Act::Destroys, "{}", rule.pattern);
        assert!(!asks(rule, &fresh).await, "{}", rule.pattern);
    }
    // A plain form is led to where the password is asked for, and from there back to its page.
    let form = request(Method::POST, "/fn/backups/delete", &stale)
        .header(header::ACCEPT, "text/html")
        .header(header::REFERER, "http://localhost:8181/backups/x?confirm=delete")
        .body(Body::empty());
    let answer = server.send(form.unwrap()).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(header_of(&answer, "location"), "/confirm?next=/backups/x%3Fconfirm%3Ddelete");
    // Giving the password makes another session fresh; the one before is over.
    let given = server.post("/fn/session/confirm", &stale, &format!("password={}", PASSWORD.replace(' ', "+"))).await;
    let cookie = header_of(&given, "set-cookie").split(';').next().unwrap().to_owned();
    let delete = access::rule_for("/fn/backups/delete").unwrap();
    assert!(!asks(delete, &cookie).await && !turned_away(&server.get("/events", &cookie).await));
    assert_eq!(server.get("/events", &stale).await.status(), StatusCode::UNAUTHORIZED);
    let wrong = server.post("/fn/session/confirm", &cookie, "password=wrong").await;
    assert_eq!((wrong.status(), header_of(&wrong, "set-cookie")), (StatusCode::UNAUTHORIZED, ""));
}

#[tokio::test]
async fn every_change_is_refused_to_another_site() {
    let server = Server::new();
    let admin = server.signed_in(Role::Admin);
    let marks: [&[(&str, &str)]; 4] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null"), ("accept", "text/html")],
    ];
    for rule in POLICY.iter().filter(|rule| rule.changes()) {
        for marks in marks {
            let request = request(Method::POST, rule.pattern, &admin).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let request = marks.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let status = server.send(request.body(Body::empty()).unwrap()).await.status();
            assert_eq!(status, StatusCode::FORBIDDEN, "{} {marks:?}", rule.pattern);
        }
    }
    assert_eq!(server.get("/events", &admin).await.status(), StatusCode::OK, "nobody was signed out");
}

#[tokio::test]
async fn the_sign_in_page_leads_back() {
    let server = Server::new();
    let location = async |path: &str| header_of(&server.get(path, "").await, "location").to_owned();
    assert_eq!(location("/backups?db=a&page=2").await, "/login?next=/backups%3Fdb%3Da%26page%3D2");
    assert_eq!(location("/").await, "/login");
    assert_eq!(location("//evil.example/x").await, "/login");
    assert_eq!(location("/no/such/page").await, "/login?next=/no/such/page", "who is not signed in learns nothing");
    // A plain form whose session has ended leads back to its page, not to the function.
    let form = request(Method::POST, "/fn/backups/create", "")
        .header(header::ACCEPT, "text/html")
        .header(header::REFERER, "http://localhost:8181/backups/new")
        .body(Body::empty());
    assert_eq!(header_of(&server.send(form.unwrap()).await, "location"), "/login?next=/backups/new");
}

#[tokio::test]
async fn an_unknown_address_is_not_found_for_who_is_signed_in() {
    let server = Server::new();
    let viewer = server.signed_in(Role::Viewer);
    for path in ["/no/such/page", "/backups/", "/fn/no-such-function", "/pkg/../catalog.sqlite", "/api/x"] {
        assert_eq!(server.get(path, &viewer).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(server.post("/no/such/page", &viewer, "").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(server.get("/pkg/nothing.js", "").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn another_site_cannot_post_nor_listen() {
    let server = Server::at(Some("https://backup.example.org"));
    let admin = server.signed_in(Role::Admin);
    let status = async |method: Method, path: &str, headers: &[(&str, &str)]| {
        let request = headers.iter().fold(request(method, path, &admin), |request, (name, value)| request.header(*name, *value));
        server.send(request.body(Body::empty()).unwrap()).await.status()
    };
    let post = "/fn/backups/create";
    assert_eq!(status(Method::POST, post, &[("sec-fetch-site", "cross-site")]).await, StatusCode::FORBIDDEN);
    assert_eq!(status(Method::POST, post, &[("sec-fetch-site", "same-site")]).await, StatusCode::FORBIDDEN);
    assert_eq!(status(Method::POST, post, &[("origin", "https://evil.example")]).await, StatusCode::FORBIDDEN);
    assert_eq!(status(Method::POST, post, &[("origin", "null")]).await, StatusCode::FORBIDDEN);
    assert_ne!(status(Method::POST, post, &[("sec-fetch-site", "same-origin")]).await, StatusCode::FORBIDDEN);
    assert_ne!(status(Method::POST, post, &[("origin", "https://backup.example.org")]).await, StatusCode::FORBIDDEN);
    assert_eq!(status(Method::GET, "/events", &[("origin", "https://evil.example")]).await, StatusCode::FORBIDDEN);
    assert_eq!(status(Method::GET, "/events", &[("sec-fetch-site", "same-site")]).await, StatusCode::FORBIDDEN);
    assert_eq!(status(Method::GET, "/events", &[("sec-fetch-site", "same-origin")]).await, StatusCode::OK);
    assert_eq!(status(Method::GET, "/events", &[("origin", "http://localhost:8181")]).await, StatusCode::OK);
}

#[tokio::test]
async fn another_host_is_turned_away_everywhere() {
    let server = Server::new();
    for path in ["/", "/login", "/healthz", "/pkg/main.css", "/fn/session/sign-in"] {
        let request = axum::http::Request::get(path).header(header::HOST, "rebound.example:8181").body(Body::empty());
        let response = server.send(request.unwrap()).await;
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert_eq!(header_of(&response, "content-type"), "application/problem+json");
    }
    let none = axum::http::Request::get("/login").body(Body::empty()).unwrap();
    assert_eq!(server.send(none).await.status(), StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let server = Server::new();
    let admin = server.signed_in(Role::Admin);
    let pages = ["/", "/login", "/no/such/page", "/healthz", "/events", "/pkg/nothing.css", "/fn/backups/create", "/backup"];
    for (path, cookie) in pages.iter().flat_map(|path| [(path, ""), (path, admin.as_str())]) {
        let response = server.get(path, cookie).await;
        let policy = header_of(&response, "content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'", "form-action 'self'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(
            policy.starts_with("script-src ") && !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"),
            "{path}: {policy}"
        );
        assert_eq!(header_of(&response, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header_of(&response, "referrer-policy"), "same-origin", "{path}");
        assert_eq!(header_of(&response, "cache-control"), "no-store", "{path}");
        assert_eq!(header_of(&response, "strict-transport-security"), "", "{path}");
    }
    let secure = Server::at(Some("https://b.example"));
    let named = axum::http::Request::get("/login").header(header::HOST, "b.example").body(Body::empty()).unwrap();
    assert_eq!(header_of(&secure.send(named).await, "strict-transport-security"), "max-age=31536000");
    let local = secure.get("/login", "").await;
    assert_eq!(header_of(&local, "strict-transport-security"), "", "it would hold for every server of localhost");
}

#[tokio::test]
async fn the_scripts_of_a_page_carry_the_nonce_of_its_policy() {
    let server = Server::new();
    let nonce = |policy: &str| policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default().to_owned();
    let first = server.get("/login", "").await;
    let first_nonce = nonce(header_of(&first, "content-security-policy"));
    assert!(first_nonce.len() >= 16, "{:?}", first.headers());
    let html = text(first).await;
    for script in html.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(tag.contains(&format!("nonce=\"{first_nonce}\"")), "<script{tag}>");
    }
    assert!(!html.contains(" style=") && !html.contains("<style"), "styles inside the page are forbidden by its policy");
    let second = server.get("/login", "").await;
    assert_ne!(nonce(header_of(&second, "content-security-policy")), first_nonce);
}

#[tokio::test]
async fn a_body_has_its_limit() {
    let server = Server::new();
    let response = server.post("/fn/session/sign-in", "", &"x".repeat(1024 * 1024 + 1)).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_predecessors_addresses_lead_to_the_backups() {
    let server = Server::new();
    let viewer = server.signed_in(Role::Viewer);
    for path in ["/backup", "/web/admin/backups"] {
        assert_eq!(header_of(&server.get(path, &viewer).await, "location"), "/backups");
    }
    assert_eq!(server.get("/healthz", "").await.status(), StatusCode::OK);
    assert_eq!(text(server.get("/readyz", "").await).await, "");
}
