//! Tokens by their contract: known by their secret alone, until they expire or are revoked; and keys that are used once.

use keepstone_model::id::Kind;

use super::*;
use crate::{
    activity::{EventFilter, events},
    create::CreateOptions,
    jobs::{self, JobRequest},
    testing::{database, open, vault},
};

fn options(name: &str) -> CreateTokenOptions {
    CreateTokenOptions {
        name: name.to_owned(),
        scopes: vec![Scope::Create, Scope::Read, Scope::Create],
        databases: None,
        lifetime_secs: Some(3600),
        actor: "alice".to_owned(),
    }
}

#[test]
fn a_secret_is_known_until_it_expires_or_is_revoked() {
    let f = vault();
    let made = create(&f.vault, &options("nightly")).unwrap();
    assert_eq!(made.token.scopes, [Scope::Read, Scope::Create]);
    assert!(made.secret.starts_with(SECRET_PREFIX) && made.secret.len() == 68);
    let now = Timestamp::now();
    let known = authenticate(&f.vault, &made.secret, now).unwrap().unwrap();
    assert_eq!((known.number, known.last_used_at), (made.token.number, Some(rounded(now))));
    let soon = now.checked_add(SignedDuration::from_secs(59)).unwrap();
    assert_eq!(authenticate(&f.vault, &made.secret, soon).unwrap().unwrap().last_used_at, Some(rounded(now)), "to the minute");
    let later = now.checked_add(SignedDuration::from_secs(3601)).unwrap();
    assert_eq!(authenticate(&f.vault, &made.secret, later).unwrap(), None);
    assert_eq!(list(&f.vault).unwrap()[0].last_used_at, Some(rounded(now)), "an expired one is not used");
    for other in ["", "kst_", &made.secret[4..], &format!("{}0", made.secret), &made.secret.replace("kst_", "KST_")] {
        assert_eq!(authenticate(&f.vault, other, now).unwrap(), None, "{other}");
    }
    assert_eq!(revoke(&f.vault, "NIGHTLY", "bob").unwrap().number, made.token.number);
    assert_eq!(authenticate(&f.vault, &made.secret, now).unwrap(), None);
    assert!(matches!(revoke(&f.vault, "nightly", "bob"), Err(Error::UnknownToken { .. })));
    let again = create(&f.vault, &options("nightly")).unwrap();
    assert!(again.token.number > made.token.number, "a number is never used again");
    let told: Vec<_> = events(&f.vault, &EventFilter::default()).unwrap();
    assert_eq!(told.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(), ["token.created", "token.revoked", "token.created"]);
    assert!(told.iter().all(|event| !event.message.contains(&made.secret)));
}

#[test]
fn the_secret_is_nowhere_in_the_catalog() {
    let f = vault();
    let made = create(&f.vault, &options("nightly")).unwrap();
    let needle = made.secret.as_bytes();
    for name in ["catalog.sqlite", "catalog.sqlite-wal"] {
        let bytes = std::fs::read(f.vault.data_dir().join(name)).unwrap_or_default();
        assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{name}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let f = vault();
    database(&f.vault, "shop");
    let refused = |options: CreateTokenOptions| create(&f.vault, &options).unwrap_err().code();
    assert_eq!(refused(CreateTokenOptions { name: "a b".to_owned(), ..options("x") }), "invalid");
    assert_eq!(refused(CreateTokenOptions { name: String::new(), ..options("x") }), "invalid");
    assert_eq!(refused(CreateTokenOptions { scopes: Vec::new(), ..options("x") }), "invalid");
    assert_eq!(refused(CreateTokenOptions { databases: Some(Vec::new()), ..options("x") }), "invalid");
    assert_eq!(refused(CreateTokenOptions { databases: Some(vec!["wiki".parse().unwrap()]), ..options("x") }), "unknown_database");
    assert_eq!(refused(CreateTokenOptions { lifetime_secs: Some(0), ..options("x") }), "invalid");
    assert_eq!(refused(CreateTokenOptions { lifetime_secs: Some(u64::MAX), ..options("x") }), "invalid");
    create(&f.vault, &CreateTokenOptions { databases: Some(vec!["shop".parse().unwrap()]), ..options("x") }).unwrap();
    assert_eq!(refused(options("X")), "already_exists");
}

#[test]
fn a_key_is_for_one_request_also_after_a_restart() {
    let f = vault();
    let shop = database(&f.vault, "shop");
    let (one, two) = (create(&f.vault, &options("one")).unwrap().token, create(&f.vault, &options("two")).unwrap().token);
    let key = claim_key(&f.vault, &one, "k1", b"create shop").unwrap();
    assert_eq!(job_of_key(&f.vault, &key).unwrap(), None, "a process that died before the job left the key open");
    let request = JobRequest::Create(CreateOptions { kind: Kind::Daily, ..CreateOptions::new(shop.id, "token:one") });
    let job = jobs::submit(&f.vault, &request, Some(&key)).unwrap();
    let vault = open(&f.dir);
    assert_eq!(claim_key(&vault, &one, "k1", b"create shop").unwrap(), key);
    assert_eq!(job_of_key(&vault, &key).unwrap(), Some(job.clone()));
    assert_eq!(jobs::submit(&vault, &request, Some(&key)).unwrap(), job);
    assert!(matches!(claim_key(&vault, &one, "k1", b"create wiki"), Err(Error::KeyReused { .. })));
    assert_ne!(claim_key(&vault, &two, "k1", b"create wiki").unwrap(), key, "another token's keys are its own");
    for wrong in ["", "a b", "ä", &"x".repeat(201)] {
        assert!(matches!(claim_key(&vault, &one, wrong, b""), Err(Error::Invalid { .. })), "{wrong}");
    }
}
