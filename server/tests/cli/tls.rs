//! `serve` with a certificate of its own: browsers reach it by https, a renewed certificate is taken up, and files that will not do are told.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::serve::send;
use crate::support::{Host, shop};

const NAME: &str = "backup.example.org";

/// Writes a new certificate with its key; gives back the certificate.
fn certify(host: &Host) -> String {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![NAME.to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    // As a deploy hook does it: each file is there at once.
    for (name, text) in [("key.pem", key.serialize_pem()), ("cert.pem", certificate.clone())] {
        fs::write(host.path("new"), text).unwrap();
        fs::set_permissions(host.path("new"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(host.path("new"), host.path(name)).unwrap();
    }
    certificate
}

/// A running server and the address behind its name.
fn serve(host: &Host) -> (Child, String) {
    let args = ["serve", "--listen", "127.0.0.1:0", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let mut child = host.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines.next().unwrap().unwrap();
    let port = said.rsplit_once(&format!("https://{NAME}:")).unwrap_or_else(|| panic!("{said}")).1.to_owned();
    lines.find(|line| line.as_ref().unwrap().contains(&format!("https://{NAME}:{port}/setup?"))).unwrap().unwrap();
    (child, format!("127.0.0.1:{port}"))
}

/// What a browser that trusts only this certificate gets: the protocol that was agreed on, and the answer over HTTP/1.1 if `alpn` wants that.
fn get(address: &str, trusted: &str, path: &str, alpn: &[u8]) -> Result<(Option<Vec<u8>>, String), std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tcp = TcpStream::connect(address).await?;
        let mut stream = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(NAME).unwrap(), tcp).await?;
        let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        if alpn != b"http/1.1" {
            return Ok((agreed, String::new()));
        }
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok((agreed, answer))
    })
}

#[test]
fn browsers_come_by_https_and_a_renewed_certificate_is_taken_up() {
    let host = Host::new();
    let first = certify(&host);
    let (child, address) = serve(&host);
    let (_, login) = get(&address, &first, "/login", b"http/1.1").unwrap();
    assert!(login.starts_with("HTTP/1.1 200") && login.contains("strict-transport-security: max-age=31536000"), "{login}");
    let (agreed, _) = get(&address, &first, "/login", b"h2").unwrap();
    assert_eq!(agreed.as_deref(), Some(&b"h2"[..]));
    let plain = send(&address, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(plain.starts_with("HTTP/1.1 400") && plain.contains("https://"), "{plain}");

    // A key that does not fit leaves what there is; SIGHUP has it looked at now.
    let hang_up = || assert!(Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success());
    let good = fs::read(host.path("key.pem")).unwrap();
    fs::write(host.path("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    hang_up();
    let log = || {
        fs::read_dir(host.path("keepstone-data/logs"))
            .unwrap()
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .collect::<String>()
    };
    wait_for(|| log().contains("do not belong together"));
    get(&address, &first, "/healthz", b"http/1.1").unwrap();
    fs::write(host.path("key.pem"), good).unwrap();

    let second = certify(&host);
    hang_up();
    wait_for(|| get(&address, &second, "/healthz", b"http/1.1").is_ok());
    assert!(get(&address, &first, "/healthz", b"http/1.1").is_err(), "the first one is not shown any more");

    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

fn wait_for(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn files_that_will_not_do_stop_the_start_and_make_no_vault() {
    let host = Host::new();
    let fails = |args: &[&str]| {
        let (exit, document) = host.json(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        assert!(document["error"]["hint"].is_string(), "{document}");
        (exit, document["error"]["code"].as_str().unwrap().to_owned())
    };
    let both = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    assert_eq!(fails(&both), (3, "tls_file_missing".to_owned()));
    assert_eq!(fails(&both[..2]), (2, "usage".to_owned()), "one without the other");
    certify(&host);
    fs::write(host.path("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert_eq!(fails(&both), (2, "tls_mismatch".to_owned()));
    assert!(!host.path("keepstone-data").exists());
}

#[test]
fn doctor_looks_at_the_certificate_that_the_file_names() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 1));
    host.ok(&["db", "add", "shop.db"]);
    fs::write(host.path("keepstone.toml"), "tls-cert = 'cert.pem'\ntls-key = 'key.pem'\n").unwrap();
    let found = || {
        let (exit, document) = host.json(&["doctor"]);
        let of = document["results"].as_array().unwrap().iter().find(|finding| finding["area"] == "certificate").unwrap().clone();
        (exit, of["severity"].as_str().unwrap().to_owned(), of["message"].as_str().unwrap().to_owned())
    };
    let missing = found();
    assert!(missing.0 != 0 && missing.1 == "failed" && missing.2.contains("cert.pem"), "{missing:?}");
    certify(&host);
    assert_eq!(found().1, "ok");
    let key = KeyPair::generate().unwrap();
    let mut over = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    over.not_after = rcgen::date_time_ymd(2020, 1, 1);
    over.not_before = rcgen::date_time_ymd(2019, 1, 1);
    fs::write(host.path("cert.pem"), over.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(host.path("key.pem"), key.serialize_pem()).unwrap();
    let expired = found();
    assert!(expired.1 == "failed" && expired.2.contains("expired at 2020-01-01"), "{expired:?}");
}
