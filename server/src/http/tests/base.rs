//! The console below a path of its host: every address that leaves it lies below that path.

use axum::http::{StatusCode, header};
use keepstone_model::access::Role;

use super::{Server, header_of, request, text};

#[tokio::test]
async fn pages_redirects_cookies_and_the_api_stay_below_the_path() {
    let server = Server::at(Some("https://host.example/tools/keepstone/"));
    let admin = server.signed_in(Role::Admin);
    for path in ["/tools/keepstone/databases", "/databases"] {
        // A proxy passes the path on as it is, or takes it off.
        let page = server.get(path, &admin).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        let page = text(page).await;
        assert!(page.contains("href=\"/tools/keepstone/backups\"") && page.contains("href=\"/tools/keepstone/pkg/main.css"), "{page}");
        assert!(page.contains("import(\"/tools/keepstone/pkg/frontend.js") && page.contains("path=/tools/keepstone/;"), "{page}");
        for outside in ["href=\"/backups", "href=\"/pkg", "action=\"/fn", "\"/pkg/"] {
            assert!(!page.contains(outside), "{outside} in {page}");
        }
    }
    let to = |response: &axum::http::Response<axum::body::Body>| header_of(response, "location").to_owned();
    assert_eq!(to(&server.get("/tools/keepstone", &admin).await), "/tools/keepstone/");
    assert_eq!(to(&server.get("/tools/keepstone/backup", &admin).await), "/tools/keepstone/backups");
    assert_eq!(to(&server.get("/tools/keepstone/jobs?a=1", "").await), "/tools/keepstone/login?next=/jobs%3Fa%3D1");
    let fault = request(axum::http::Method::GET, "/tools/keepstone/backups/x/download", &admin).header(header::ACCEPT, "text/html");
    let fault = text(server.send(fault.body(axum::body::Body::empty()).unwrap()).await).await;
    assert!(fault.contains("href=\"/tools/keepstone/pkg/main.css\"") || fault.contains("href=\"/tools/keepstone/\""), "{fault}");
    let out = server.post("/tools/keepstone/fn/session/sign-out", &admin, "").await;
    assert!(header_of(&out, "set-cookie").contains("; Path=/tools/keepstone;"), "{out:?}");
    let elsewhere = server.get("/tools/keepstones/databases", &admin).await;
    assert_ne!(elsewhere.status(), StatusCode::OK);
}
