//! Downloads of a real backup: whole, in parts, and the plain database out of it.

use axum::http::{Method, StatusCode, header};
use keepstone_engine::{
    Silent,
    create::{self, CreateOptions},
    databases::{self, AddDatabaseOptions},
    delete,
    image::hex,
};
use keepstone_model::{access::Role, backup::Backup};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::{Body, Server, bytes, header_of, request};

fn with_backup() -> (Server, Backup) {
    let server = Server::new();
    let path = server.folder.path().join("shop.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t (a TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t SELECT hex(randomblob(40)) FROM n",
        )
        .unwrap();
    drop(connection);
    let options =
        AddDatabaseOptions { location: path.to_string_lossy().into_owned(), name: None, schedules: None, actor: "test".to_owned() };
    let database = databases::add_database(&server.vault, &options).unwrap();
    let report = create::create(&server.vault, &CreateOptions::new(database.id, "test"), &Silent).unwrap();
    (server, report.backup)
}

#[tokio::test]
async fn the_archive_whole_and_in_parts() {
    let (server, backup) = with_backup();
    let operator = server.signed_in(Role::Operator);
    let path = format!("/backups/{}/download", backup.id);
    let response = server.get(&path, &operator).await;
    assert_eq!(response.status(), StatusCode::OK);
    let tag = header_of(&response, "etag").to_owned();
    assert_eq!(header_of(&response, "content-disposition"), format!("attachment; filename=\"{}.zip\"", backup.id));
    let whole = bytes(response).await;
    assert_eq!(whole.len() as u64, backup.archive_size_bytes);
    assert_eq!(tag, format!("\"{}\"", hex(&Sha256::digest(&whole))));

    let part = async |headers: &[(&str, &str)]| {
        let request = headers.iter().fold(request(Method::GET, &path, &operator), |request, (name, value)| request.header(*name, *value));
        let response = server.send(request.body(Body::empty()).unwrap()).await;
        let (status, range) = (response.status(), header_of(&response, "content-range").to_owned());
        (status, range, bytes(response).await)
    };
    let (size, last) = (whole.len(), whole.len() - 1);
    let (status, range, body) = part(&[("range", "bytes=10-19")]).await;
    assert_eq!((status, range, &body[..]), (StatusCode::PARTIAL_CONTENT, format!("bytes 10-19/{size}"), &whole[10..20]));
    let (status, range, body) = part(&[("range", "bytes=-7"), ("if-range", &tag)]).await;
    assert_eq!((status, range, &body[..]), (StatusCode::PARTIAL_CONTENT, format!("bytes {}-{last}/{size}", size - 7), &whole[size - 7..]));
    let (status, _, body) = part(&[("range", "bytes=-7"), ("if-range", "\"another\"")]).await;
    assert_eq!((status, body.len()), (StatusCode::OK, size), "a part of another file would be pasted to what is there");
    let (status, range, body) = part(&[("range", &format!("bytes={size}-"))]).await;
    assert_eq!((status, range, body.len()), (StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{size}"), 0));
    let (status, _, body) = part(&[(header::IF_NONE_MATCH.as_str(), &tag)]).await;
    assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
}

#[tokio::test]
async fn the_plain_database_opens() {
    let (server, backup) = with_backup();
    let admin = server.signed_in(Role::Admin);
    let response = server.get(&format!("/backups/{}/download/database", backup.id), &admin).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header_of(&response, "content-length"), backup.original_size_bytes.to_string());
    let path = server.folder.path().join("downloaded.sqlite");
    std::fs::write(&path, bytes(response).await).unwrap();
    let rows: u32 = Connection::open(&path).unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 500);
}

#[tokio::test]
async fn a_damaged_archive_never_becomes_a_whole_download() {
    let (server, backup) = with_backup();
    let admin = server.signed_in(Role::Admin);
    let detail = keepstone_engine::backups::detail(&server.vault, &backup.id).unwrap();
    let archive = detail.archive_path.unwrap();
    let mut damaged = std::fs::read(&archive).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x40;
    std::fs::write(&archive, damaged).unwrap();
    let response = server.get(&format!("/backups/{}/download/database", backup.id), &admin).await;
    if response.status().is_success() {
        assert!(axum::body::to_bytes(response.into_body(), usize::MAX).await.is_err(), "the transfer breaks off");
    }
}

#[tokio::test]
async fn another_file_under_the_archive_s_name_is_no_download() {
    let (server, backup) = with_backup();
    let other = create::create(&server.vault, &CreateOptions::new(backup.database.clone(), "test"), &Silent).unwrap().backup;
    let admin = server.signed_in(Role::Admin);
    let archive = |id| keepstone_engine::backups::detail(&server.vault, id).unwrap().archive_path.unwrap();
    std::fs::copy(archive(&other.id), archive(&backup.id)).unwrap();
    for path in [format!("/backups/{}/download", backup.id), format!("/backups/{}/download/database", backup.id)] {
        let response = server.get(&path, &admin).await;
        let (status, body) = (response.status(), bytes(response).await);
        let said = String::from_utf8_lossy(&body);
        assert!(!status.is_success() && said.contains("is not its archive") && !said.contains(".zip"), "{path}: {status} {said}");
    }
}

#[tokio::test]
async fn what_is_being_downloaded_is_not_deleted() {
    let (server, backup) = with_backup();
    // The newest good one stays anyway.
    create::create(&server.vault, &CreateOptions::new(backup.database.clone(), "test"), &Silent).unwrap();
    let operator = server.signed_in(Role::Operator);
    let going_on = server.get(&format!("/backups/{}/download", backup.id), &operator).await;
    assert_eq!(going_on.status(), StatusCode::OK);
    assert_eq!(delete::delete(&server.vault, &backup.id, "alice").unwrap_err().code(), "database_busy");
    drop(going_on);
    delete::delete(&server.vault, &backup.id, "alice").unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Server::new();
    let admin = server.signed_in(Role::Admin);
    for id in ["nonsense", "..%2f..%2fcatalog.sqlite", "shop_daily_20261120T030000Z_k3f9"] {
        for path in [format!("/backups/{id}/download"), format!("/backups/{id}/download/database")] {
            assert_eq!(server.get(&path, &admin).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
