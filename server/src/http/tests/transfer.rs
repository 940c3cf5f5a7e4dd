//! Exports as downloads, and uploads that are to be imported.

use axum::http::{Method, StatusCode, header};
use keepstone_engine::{
    Silent,
    create::{CreateOptions, create},
    databases::{AddDatabaseOptions, add_database},
};
use keepstone_model::access::Role;
use rusqlite::Connection;

use super::{Body, Server, bytes, header_of, request, text};

fn shop(server: &Server) -> String {
    let path = server.folder.path().join("shop.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE users (id INTEGER PRIMARY KEY, name, password); INSERT INTO users VALUES (1, 'Ann', 'hunter2'); CREATE TABLE \"a&b\" (x)")
        .unwrap();
    let options =
        AddDatabaseOptions { location: path.to_str().unwrap().to_owned(), name: None, schedules: None, actor: "alice".to_owned() };
    let id = add_database(&server.vault, &options).unwrap().id;
    create(&server.vault, &CreateOptions::new(id, "alice"), &Silent).unwrap().backup.id.to_string()
}

#[tokio::test]
async fn rows_are_downloaded_and_what_is_sensitive_only_by_an_admin() {
    let server = Server::new();
    let backup = shop(&server);
    let (operator, admin) = (server.signed_in(Role::Operator), server.signed_in(Role::Admin));
    for home in ["/databases/shop".to_owned(), format!("/backups/{backup}")] {
        let page = text(server.get(&format!("{home}/export"), &operator).await).await;
        assert!(page.contains("1 column looks sensitive") && page.contains("An admin may") && page.contains(">password<"), "{page}");
        let address = format!("{home}/export/download");
        let sql = server.get(&format!("{address}?format=sql&table=users&table=a%26b"), &operator).await;
        assert_eq!(sql.status(), StatusCode::OK);
        assert!(header_of(&sql, "content-disposition").ends_with(".sql\""), "{:?}", sql.headers());
        let sql = text(sql).await;
        assert!(sql.contains("Ann") && !sql.contains("hunter2") && sql.contains("a&b"), "{sql}");
        let sensitive = format!("{address}?format=sql&include_sensitive=on");
        assert_eq!(server.get(&sensitive, &operator).await.status(), StatusCode::FORBIDDEN);
        assert!(text(server.get(&sensitive, &admin).await).await.contains("hunter2"));
        let zip = bytes(server.get(&format!("{address}?format=csv"), &operator).await).await;
        assert!(zip.starts_with(b"PK"));
        assert_eq!(server.get(&format!("{address}?format=xml"), &operator).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(server.get("/databases/nothing/export/download", &operator).await.status(), StatusCode::NOT_FOUND);
    let exported = keepstone_engine::activity::events(&server.vault, &keepstone_engine::activity::EventFilter::default()).unwrap();
    assert_eq!(exported.iter().filter(|event| event.action == "data.exported" && event.actor == "operator").count(), 4);
}

/// A form with files, as a browser sends it.
fn upload(cookie: &str, files: &[(&str, &[u8])]) -> axum::http::Request<Body> {
    let mut body = Vec::new();
    let mut part = |head: String, content: &[u8]| {
        body.extend_from_slice(format!("--XX\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    };
    part("name=\"db\"".to_owned(), b"shop");
    part("name=\"zone\"".to_owned(), b"Europe/Berlin");
    for (name, content) in files {
        part(format!("name=\"files\"; filename=\"{name}\""), content);
    }
    body.extend_from_slice(b"--XX--\r\n");
    request(Method::POST, "/import/upload", cookie)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=XX")
        .body(Body::from(body))
        .unwrap()
}

#[tokio::test]
async fn files_are_uploaded_looked_at_and_imported() {
    let server = Server::new();
    shop(&server);
    let operator = server.signed_in(Role::Operator);
    let image = std::fs::read(server.folder.path().join("shop.db")).unwrap();
    let sent = server.send(upload(&operator, &[("../shop_backup_daily_20250627_020000.db", &image)])).await;
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    let address = header_of(&sent, "location").to_owned();
    assert!(address.starts_with("/import?db=shop&zone=Europe/Berlin&upload="), "{address}");
    let page = text(server.get(&address, &operator).await).await;
    assert!(page.contains("1 to import") && page.contains("daily of") && page.contains("Import into shop"), "{page}");
    let token = address.rsplit_once('=').unwrap().1;
    let started = server.post("/fn/import/start", &operator, &format!("db=shop&upload={token}&zone=Europe%2FBerlin&key=k")).await;
    assert!(started.status().is_redirection() || started.status().is_success(), "{started:?}");
    keepstone_engine::jobs::run_next(&server.vault, &Silent).unwrap();
    let filter = keepstone_engine::backups::BackupFilter::default();
    let all = keepstone_engine::backups::list(&server.vault, &filter).unwrap().backups;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(std::fs::read_dir(server.vault.data_dir().join("incoming")).unwrap().count(), 0, "what was imported is not kept twice");
    assert!(text(server.get(&address, &operator).await).await.contains("not there any more"));
}

#[tokio::test]
async fn an_upload_has_its_limit_and_a_path_its_roots() {
    let server = Server::new();
    shop(&server);
    let operator = server.signed_in(Role::Operator);
    let large = server.send(upload(&operator, &[("a.db", &vec![1; 200_000])])).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    for files in [&[][..], &[("", b"x" as &[u8])], &[("..", b"x")]] {
        assert_eq!(server.send(upload(&operator, files)).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "{files:?}");
    }
    assert_eq!(std::fs::read_dir(server.vault.data_dir().join("incoming")).unwrap().count(), 0);
    let viewer = server.signed_in(Role::Viewer);
    assert_eq!(server.send(upload(&viewer, &[("a.db", b"x")])).await.status(), StatusCode::FORBIDDEN);
    // Only what lies in a folder that was allowed; the tests' server allows one.
    let old = server.folder.path().join("old");
    std::fs::create_dir(&old).unwrap();
    std::fs::copy(server.folder.path().join("shop.db"), old.join("data_backup_AUTO_20251031_120000.db")).unwrap();
    let look = async |path: &str| text(server.get(&format!("/import?db=shop&path={path}"), &operator).await).await;
    assert!(look(old.to_str().unwrap()).await.contains("interval of"));
    std::os::unix::fs::symlink(server.folder.path(), old.join("way-out")).unwrap();
    for path in ["/etc", server.folder.path().to_str().unwrap(), &format!("{}/way-out", old.display()), &format!("{}/..", old.display())] {
        let page = look(path).await;
        assert!(page.contains("The console imports from") && !page.contains("Import into"), "{path}");
        let start = server.post("/fn/import/start", &operator, &format!("db=shop&path={path}")).await;
        assert_eq!(start.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
}
