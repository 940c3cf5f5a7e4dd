//! Tokens of the HTTP API: shown once, listed without their secrets, revoked.

use crate::support::{Host, shop};

#[test]
fn tokens_come_and_go() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 1));
    host.ok(&["db", "add", "shop.db"]);
    host.fails(&["token", "create", "nightly"], "usage", 2);
    host.fails(&["token", "create", "nightly", "--scope", "root"], "usage", 2);
    host.fails(&["token", "create", "no spaces", "--scope", "read"], "invalid", 2);
    host.fails(&["token", "create", "nightly", "--scope", "read", "--expires", "soon"], "usage", 2);
    host.fails(&["token", "create", "nightly", "--scope", "read", "--db", "wiki"], "unknown_database", 3);
    let made = host.results(&["token", "create", "nightly", "--scope", "create,restore", "--db", "shop", "--expires", "90d"]).remove(0);
    let secret = made["token"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("kst_"), "{made}");
    assert_eq!(
        (made["scopes"].to_string(), made["databases"].to_string()),
        (r#"["create","restore"]"#.to_owned(), r#"["shop"]"#.to_owned())
    );
    host.fails(&["token", "create", "Nightly", "--scope", "read"], "already_exists", 7);
    let quiet = host.ok(&["token", "create", "grafana", "--scope", "read", "--expires", "never", "-q"]);
    assert!(quiet.trim().starts_with("kst_") && quiet.lines().count() == 1, "{quiet}");

    let listed = host.json(&["token", "list"]).1;
    assert!(!listed.to_string().contains(&secret) && !listed.to_string().contains("secret_hash"), "{listed}");
    assert_eq!(listed["results"][1]["expires_at"], serde_json::Value::Null);
    assert!(!host.ok(&["activity"]).contains(&secret));
    host.fails(&["token", "revoke", "nightly"], "not_confirmed", 7);
    host.ok(&["token", "revoke", "nightly", "--yes"]);
    host.fails(&["token", "revoke", "nightly", "--yes"], "unknown_token", 3);
    assert_eq!(host.ok(&["token", "list", "-q"]).trim(), "grafana");
    let log = host.results(&["activity"]);
    assert!(log.iter().any(|event| event["action"] == "token.revoked"), "{log:?}");
}
