//! The search, and the pages for what is not there or not allowed: what a person gets without JavaScript.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use keepstone_engine::{
    Silent,
    backups::{self, EditBackupOptions},
    create::{self, CreateOptions},
};
use keepstone_model::access::Role;

use super::{Server, request, text};

/// A page as a browser asks for it.
async fn page(server: &Server, path: &str, cookie: &str) -> (StatusCode, String) {
    let request = request(Method::GET, path, cookie).header(header::ACCEPT, "text/html").body(Body::empty()).unwrap();
    let response = server.send(request).await;
    (response.status(), text(response).await)
}

#[tokio::test]
async fn whatever_has_a_name_is_found_by_who_may_see_it() {
    let server = Server::new();
    server.protect("shop");
    server.protect("wiki");
    let made = create::create(&server.vault, &CreateOptions::new("shop".parse().unwrap(), "test"), &Silent).unwrap().backup;
    let job = made.job.clone().unwrap();
    let hostile = "\"><script>alert(1)</script>&amp;";
    let description = Some(format!("before {hostile}"));
    backups::edit(
        &server.vault,
        &made.id,
        &EditBackupOptions { description, tags: Some(vec!["release".into()]), pinned: None, actor: "test".into() },
    )
    .unwrap();
    let (viewer, admin) = (server.signed_in(Role::Viewer), server.signed_in(Role::Admin));
    let found = async |query: &str, cookie: &str, href: &str| {
        let (status, html) = page(&server, &format!("/search?q={query}"), cookie).await;
        assert_eq!(status, StatusCode::OK, "{query}");
        assert!(!html.contains("<script>alert"), "{query}");
        html.split("id=\"main\"").nth(1).unwrap().contains(&format!("href=\"{href}\""))
    };
    let backup = format!("/backups/{}", made.id);
    assert!(found("SHO", &viewer, "/databases/shop").await && !found("SHO", &viewer, "/databases/wiki").await);
    for query in ["release", "before", made.id.as_str(), "%22%3E%3Cscript%3E"] {
        assert!(found(query, &viewer, &backup).await, "{query}");
    }
    assert!(
        found(job.as_str(), &viewer, &format!("/jobs/{job}")).await && found(&job.as_str()[..6], &viewer, &format!("/jobs/{job}")).await
    );
    assert!(found("trash", &viewer, "/trash").await);
    assert!(found("admin", &admin, "/settings/people/admin").await && !found("admin", &viewer, "/settings/people/admin").await);
    assert!(found("tokens", &admin, "/settings").await && !found("tokens", &viewer, "/settings").await);
    for (query, said) in [("", "What are you looking for?"), ("%20", "What are you looking for?"), ("%00%F0%9F%92%A9", "Nothing was found")]
    {
        assert!(page(&server, &format!("/search?q={query}"), &viewer).await.1.contains(said), "{query}");
    }
    assert!(page(&server, &format!("/search?q={}", "x".repeat(5000)), &viewer).await.1.contains("Nothing was found"));
    // The field in the top bar stands on every page.
    assert!(page(&server, "/backups", &viewer).await.1.contains("id=\"search\""));
}

#[tokio::test]
async fn what_is_not_allowed_says_which_role_it_needs_and_who_gives_it() {
    let server = Server::new();
    let (viewer, _admin) = (server.signed_in(Role::Viewer), server.signed_in(Role::Admin));
    for (path, role) in [("/settings", "admin"), ("/backups/new", "operator"), ("/databases/new", "admin")] {
        let (status, html) = page(&server, path, &viewer).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert!(html.contains(&format!("needs the role {role}, and yours is viewer")), "{path}: {html}");
        assert!(html.contains("<strong>admin</strong>") && html.contains("action=\"/search\""), "{path}: {html}");
    }
    let refused = text(server.post("/fn/backups/create", &viewer, "").await).await;
    assert!(refused.contains("needs the role operator") && !refused.contains("strong"), "{refused}");
}

#[tokio::test]
async fn what_is_not_there_offers_the_search_for_its_name() {
    let server = Server::new();
    let viewer = server.signed_in(Role::Viewer);
    for path in [
        "/no/such/page",
        "/backups/shop_daily_20261120T030000Z_k3f9",
        "/jobs/j-01jd3k9v0q7x8",
        "/databases/page",
        "/databases/%3Cscript%3E",
    ] {
        let (status, html) = page(&server, path, &viewer).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        let main = html.split("id=\"main\"").nth(1).unwrap();
        assert!(main.contains("action=\"/search\"") && main.contains("href=\"/backups\""), "{path}: {main}");
        assert!(!html.contains("<script>\"") && !main.contains("value=\"<script"), "{path}");
    }
    assert!(page(&server, "/no/such/page", &viewer).await.1.contains("value=\"page\""));
}
