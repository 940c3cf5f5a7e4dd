//! Sessions, signing in and the set-up link, against the catalog.

use std::{net::IpAddr, time::Duration};

use axum::http::{HeaderValue, StatusCode};
use keepstone_app::{
    error::AppError,
    server::accounts::{Accounts, Caller, LinkFor, SignedIn},
};
use keepstone_engine::{
    activity::EventFilter,
    users::{self, AddUserOptions, Standing},
};
use keepstone_model::{Timestamp, access::Role};

use super::{PASSWORD, Server};
use crate::auth::{self, LocalAccounts};

const HERE: &Caller = &Caller { address: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), agent: String::new() };

/// The `name=value` of a `Set-Cookie`.
fn cookie(set: &HeaderValue) -> String {
    set.to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let server = Server::new();
    server.add_user(Role::Viewer);
    let ago = |hours: u64| Timestamp::now() - Duration::from_secs(hours * 3600);
    let status = async |cookie: String| server.get("/events", &cookie).await.status();
    assert_eq!(status(server.with_session(Role::Viewer, ago(6 * 24), ago(11))).await, StatusCode::OK);
    assert_eq!(status(server.with_session(Role::Viewer, ago(24), ago(13))).await, StatusCode::UNAUTHORIZED, "idle too long");
    assert_eq!(status(server.with_session(Role::Viewer, ago(7 * 24 + 1), ago(0))).await, StatusCode::UNAUTHORIZED, "too old");
    assert_eq!(status(format!("keepstone_session={}", "0".repeat(64))).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status("keepstone_session=' OR 1=1 --".to_owned()).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn signing_in_and_out() {
    let server = Server::new();
    server.add_user(Role::Operator);
    let accounts = LocalAccounts::new(server.vault.clone(), false);
    let set = accounts.sign_in("Operator", PASSWORD, HERE, None).await.unwrap().cookie().unwrap();
    let text = set.to_str().unwrap();
    assert!(text.contains("; HttpOnly; SameSite=Lax") && text.contains("; Path=/;") && !text.contains("Secure"), "{text}");
    assert_eq!(server.get("/events", &cookie(&set)).await.status(), StatusCode::OK);
    let value = cookie(&set).split_once('=').unwrap().1.to_owned();

    // Signing in again ends the session before: its cookie may have been seen.
    let again = accounts.sign_in("operator", PASSWORD, HERE, Some(value)).await.unwrap().cookie().unwrap();
    assert_eq!(server.get("/events", &cookie(&set)).await.status(), StatusCode::UNAUTHORIZED);
    let value = cookie(&again).split_once('=').unwrap().1.to_owned();
    let gone = accounts.sign_out(Some(value)).await.unwrap();
    assert!(gone.to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(server.get("/events", &cookie(&again)).await.status(), StatusCode::UNAUTHORIZED);

    let secure = LocalAccounts::new(server.vault.clone(), true).sign_in("operator", PASSWORD, HERE, None).await.unwrap().cookie().unwrap();
    assert!(secure.to_str().unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn who_came_and_went_is_in_the_log() {
    let server = Server::new();
    server.add_user(Role::Admin);
    let form = format!("name=admin&password={}", PASSWORD.replace(' ', "+"));
    let signed_in = server.post("/fn/session/sign-in", "", &form).await;
    let first = cookie(signed_in.headers().get("set-cookie").unwrap());
    let given = server.post("/fn/session/confirm", &first, &form[11..]).await;
    let second = cookie(given.headers().get("set-cookie").unwrap());
    server.post("/fn/session/confirm", &second, "password=wrong").await;
    server.post("/fn/session/sign-out", &second, "").await;
    let events = keepstone_engine::activity::events(&server.vault, &EventFilter::default()).unwrap();
    let said: Vec<_> = events.iter().rev().map(|event| (event.actor.as_str(), event.action.as_str())).skip(1).collect();
    let by_admin = ["user.signed_in", "user.confirmed", "user.sign_in_failed", "user.signed_out"].map(|action| ("admin", action));
    assert_eq!(said, by_admin);
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_read_the_same() {
    let server = Server::new();
    server.add_user(Role::Admin);
    let accounts = LocalAccounts::new(server.vault.clone(), false);
    let refusal = async |name: &'static str, password: String| accounts.sign_in(name, &password, HERE, None).await.unwrap_err();
    let wrong = refusal("admin", "not the password".to_owned()).await;
    assert_eq!((wrong.status, wrong.code.as_str()), (401, "wrong_password"));
    assert_eq!(refusal("nobody", PASSWORD.to_owned()).await, wrong);
    assert_eq!(refusal("admin", "x".repeat(5000)).await, wrong);
    assert_eq!(refusal("", String::new()).await, wrong);
}

#[tokio::test]
async fn guessing_has_to_wait_even_with_the_right_password() {
    let server = Server::new();
    server.add_user(Role::Admin);
    let accounts = LocalAccounts::new(server.vault.clone(), false);
    let mut refusals: Vec<AppError> = Vec::new();
    for _ in 0..5 {
        refusals.push(accounts.sign_in("admin", "wrong", HERE, None).await.unwrap_err());
    }
    assert!(refusals.iter().all(|refusal| refusal.status == 401));
    let elsewhere = Caller { address: IpAddr::from([10, 0, 0, 1]), agent: String::new() };
    let sixth = accounts.sign_in("ADMIN", PASSWORD, &elsewhere, None).await.unwrap_err();
    assert_eq!((sixth.status, sixth.code.as_str()), (429, "too_many_tries"));
    assert!(sixth.message.starts_with("Too many failed tries. Wait "), "{}", sixth.message);
}

#[tokio::test]
async fn the_set_up_link_is_good_once() {
    let server = Server::new();
    let accounts = LocalAccounts::new(server.vault.clone(), false);
    let first = auth::issue_setup_link(&server.vault, "http://localhost:8181/").unwrap();
    let link = auth::issue_setup_link(&server.vault, "http://localhost:8181/").unwrap();
    let token = |link: &str| link.strip_prefix("http://localhost:8181/setup?token=").unwrap().to_owned();
    let (old, token) = (token(&first), token(&link));
    assert_eq!(accounts.link_is_for(&token).await, Some(LinkFor::FirstAdmin));
    assert_eq!(accounts.link_is_for(&old).await, None, "the newest link counts");
    assert!(accounts.set_up(&old, "alice", PASSWORD, HERE).await.is_err());
    assert!(accounts.set_up(&token, "alice", "short", HERE).await.unwrap_err().field("password").is_some());

    let set = accounts.set_up(&token, "alice", PASSWORD, HERE).await.unwrap().cookie().unwrap();
    assert_eq!(server.get("/events", &cookie(&set)).await.status(), StatusCode::OK);
    assert_eq!(accounts.link_is_for(&token).await, None);
    let again = accounts.set_up(&token, "mallory", PASSWORD, HERE).await.unwrap_err();
    assert_eq!((again.status, again.code.as_str()), (410, "setup_link_used"));
    assert_eq!(server.vault.catalog().users().unwrap().len(), 1);
}

#[tokio::test]
async fn a_link_sets_a_password_and_who_is_disabled_is_told_only_with_the_right_one() {
    let server = Server::new();
    server.add_user(Role::Admin);
    let accounts = LocalAccounts::new(server.vault.clone(), false);
    let options = AddUserOptions { name: "bob".to_owned(), role: Role::Viewer, password_hash: None, actor: "admin".to_owned() };
    users::add(&server.vault, &options).unwrap();
    assert_eq!(accounts.sign_in("bob", "", HERE, None).await.unwrap_err().code, "wrong_password", "no password opens nothing");
    let link = accounts.make_link("bob", "admin").await.unwrap();
    let token = link.strip_prefix("/setup?token=").unwrap();
    assert_eq!(accounts.link_is_for(token).await, Some(LinkFor::Password("bob".to_owned())));
    assert!(accounts.set_up(token, "mallory", "bob-bob-bob-bob", HERE).await.is_err(), "too easy for bob");
    let set = accounts.set_up(token, "mallory", PASSWORD, HERE).await.unwrap().cookie().unwrap();
    assert_eq!(server.get("/events", &cookie(&set)).await.status(), StatusCode::OK);
    assert_eq!(accounts.set_up(token, "bob", PASSWORD, HERE).await.unwrap_err().code, "setup_link_used");
    assert_eq!(server.vault.catalog().users().unwrap().len(), 2, "nobody was added");

    users::set_standing(&server.vault, "bob", Standing::Disabled, "admin").unwrap();
    assert_eq!(server.get("/events", &cookie(&set)).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(accounts.sign_in("bob", "wrong", HERE, None).await.unwrap_err().code, "wrong_password");
    assert_eq!(accounts.sign_in("bob", PASSWORD, HERE, None).await.unwrap_err().code, "account_disabled");
}

#[tokio::test]
async fn changing_the_password_asks_for_the_present_one_and_ends_the_other_sessions() {
    let server = Server::new();
    let (mine, other) = (server.signed_in(Role::Viewer), server.with_session(Role::Viewer, Timestamp::now(), Timestamp::now()));
    let change = |present: &str, password: &str| format!("present={present}&password={}", password.replace(' ', "+"));
    let wrong = server.post("/fn/account/password", &mine, &change("wrong", "another horse battery staple")).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let right = PASSWORD.replace(' ', "+");
    let weak = server.post("/fn/account/password", &mine, &change(&right, "short")).await;
    assert_eq!(weak.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(server.get("/events", &other).await.status(), StatusCode::OK, "nothing has changed yet");
    let done = server.post("/fn/account/password", &mine, &change(&right, "another horse battery staple")).await;
    assert!(done.status().is_success() || done.status().is_redirection(), "{}", done.status());
    assert_eq!(server.get("/events", &mine).await.status(), StatusCode::OK);
    assert_eq!(server.get("/events", &other).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn with_a_second_factor_the_password_is_half_the_way() {
    let server = Server::new();
    server.add_user(Role::Operator);
    let accounts = LocalAccounts::new(server.vault.clone(), false);
    // The app of a person who begins with the secret of the RFC's examples, and the codes that it showed some steps ago.
    users::set_factor(&server.vault, "operator", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 0, vec![RECOVERY_HASH.to_owned()]).unwrap();
    let awaited = async || match accounts.sign_in("operator", PASSWORD, HERE, None).await.unwrap() {
        SignedIn::CodeWanted(handle) => handle,
        SignedIn::Yes(_) => panic!("the password alone let in"),
    };
    let handle = awaited().await;
    let wrong = accounts.second_factor(&handle, "000000", HERE, None).await.unwrap_err();
    assert!(wrong.field("code").is_some(), "{wrong:?}");
    let set = accounts.second_factor(&handle, "ABCDE abcde", HERE, None).await.unwrap();
    assert_eq!(server.get("/events", &cookie(&set)).await.status(), StatusCode::OK);
    assert_eq!(accounts.second_factor(&handle, "abcde-abcde", HERE, None).await.unwrap_err().code, "code_over");
    let handle = awaited().await;
    assert!(accounts.second_factor(&handle, "abcde-abcde", HERE, None).await.is_err(), "a recovery code is good once");
    assert_eq!(accounts.second_factor("no-such-handle", "123456", HERE, None).await.unwrap_err().code, "code_over");
    // A link sets a password, and does not stand for the code.
    let link = accounts.make_link("operator", "admin").await.unwrap();
    let set_up = accounts.set_up(link.strip_prefix("/setup?token=").unwrap(), "", "another horse battery staple", HERE).await;
    assert!(matches!(set_up, Ok(SignedIn::CodeWanted(_))), "{set_up:?}");
    // On the host it is switched off.
    users::remove_factor(&server.vault, "operator", "cli").unwrap();
    assert!(accounts.sign_in("operator", "another horse battery staple", HERE, None).await.unwrap().cookie().is_some());
}

/// SHA-256 of `abcdeabcde`.
const RECOVERY_HASH: &str = "cebc9901cbfa1fefe338c2630921cfd8b93705882cab415c1118711e45c7bbf2";
