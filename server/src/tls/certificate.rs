//! What the two files hold: a certificate that fits its key, for which names, and until when.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use tokio_rustls::rustls::{
    self,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use x509_cert::{
    Certificate,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use super::{Files, provider};

/// A certificate this close to its end should have been renewed: certbot does it 30 days before.
const SOON_DAYS: i64 = 14;

#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsFault {
    #[error("the {what} {} cannot be read: {source}", path.display())]
    Unread { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} holds no private key", .0.display())]
    NoKey(PathBuf),
    #[error("the private key {} is encrypted", .0.display())]
    LockedKey(PathBuf),
    #[error("{} and {} do not belong together", certificate.display(), key.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("{}: {detail}", path.display())]
    Unusable { path: PathBuf, detail: String },
}

impl TlsFault {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unread { source, .. } if source.kind() == ErrorKind::NotFound => "tls_file_missing",
            Self::Unread { .. } => "tls_file_unread",
            Self::Mismatch { .. } => "tls_mismatch",
            _ => "tls_invalid",
        }
    }

    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::Unread { source, .. } if source.kind() == ErrorKind::NotFound => 3,
            Self::Unread { .. } => 1,
            _ => 2,
        }
    }

    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Unread { what, source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                format!("Let the user that runs keepstone read the {what}: a copy in a folder of its own, or its group.")
            }
            Self::Unread { what, .. } => format!("Name the {what} with --tls-cert and --tls-key; paths begin where keepstone is started."),
            Self::NoCertificate(_) => {
                "It begins with -----BEGIN CERTIFICATE-----: the server's own first, then the authorities between (fullchain.pem)."
                    .to_owned()
            }
            Self::NoKey(_) => "It begins with -----BEGIN PRIVATE KEY-----, or RSA or EC PRIVATE KEY (privkey.pem).".to_owned(),
            Self::LockedKey(path) => {
                format!("Write it without a password, readable by this user alone: openssl pkey -in {} -out key.pem", path.display())
            }
            Self::Mismatch { .. } => {
                "Name the key with which this certificate was asked for; the server's own certificate is the first in its file.".to_owned()
            }
            Self::Unusable { .. } => {
                "RSA keys of 2048 to 4096 bits, ECDSA keys (P-256, P-384, P-521) and Ed25519 keys can be used.".to_owned()
            }
        }
    }
}

/// What was found in the files.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) pair: Arc<CertifiedKey>,
    /// DNS names in lower case, perhaps with a `*.` before them, and IP addresses.
    pub(crate) names: Vec<String>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// Whether others on this machine may read the key.
    pub(crate) exposed: Option<u32>,
}

/// Reads both. What browsers may still refuse (a date, an authority) is no fault here: see [`Loaded::doubts`].
pub(crate) fn load(files: &Files) -> Result<Loaded, TlsFault> {
    let pem = read("certificate", &files.certificate)?;
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| TlsFault::NoCertificate(files.certificate.clone()))?;
    let own = chain.first().ok_or_else(|| TlsFault::NoCertificate(files.certificate.clone()))?;
    let unusable = |path: &Path, detail: String| TlsFault::Unusable { path: path.to_owned(), detail };
    let parsed = Certificate::from_der(own).map_err(|error| unusable(&files.certificate, format!("not a certificate: {error}")))?;
    let pem = read("private key", &files.key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let locked = String::from_utf8_lossy(&pem).contains("ENCRYPTED");
        if locked { TlsFault::LockedKey(files.key.clone()) } else { TlsFault::NoKey(files.key.clone()) }
    })?;
    let mismatch = || TlsFault::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() };
    let pair = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => mismatch(),
        error => unusable(&files.key, format!("this key cannot be used: {error}")),
    })?;
    let validity = parsed.tbs_certificate().validity();
    let at = |time: x509_cert::time::Time| {
        Timestamp::from_second(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
    };
    let mode = fs::metadata(&files.key).map(|meta| meta.permissions().mode() & 0o7777).unwrap_or_default();
    Ok(Loaded {
        pair: Arc::new(pair),
        names: names(&parsed),
        not_before: at(validity.not_before),
        not_after: at(validity.not_after),
        exposed: (mode & 0o007 != 0).then_some(mode),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsFault> {
    fs::read(path).map_err(|source| TlsFault::Unread { what, path: path.to_owned(), source })
}

fn names(certificate: &Certificate) -> Vec<String> {
    let found = certificate.tbs_certificate().get_extension::<SubjectAltName>();
    let Ok(Some((_, SubjectAltName(names)))) = found else { return Vec::new() };
    let text = |name: &GeneralName| match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        GeneralName::IpAddress(bytes) => match *bytes.as_bytes() {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
            ref bytes => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    };
    names.iter().filter_map(text).collect()
}

/// Something about the files that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// Browsers are kept out by it now.
    pub(crate) shuts_out: bool,
    /// One sentence without its full stop.
    pub(crate) message: String,
    pub(crate) remedy: String,
}

impl Loaded {
    /// What browsers will refuse, or soon, and what should be otherwise.
    pub(crate) fn doubts(&self, files: &Files, now: Timestamp) -> Vec<Doubt> {
        const RENEW: &str = "Renew it; the new files are taken up within seconds.";
        let (certificate, key) = (files.certificate.display(), files.key.display());
        let day = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        let mut doubts = Vec::new();
        let mut add = |shuts_out, message, remedy: String| doubts.push(Doubt { shuts_out, message, remedy });
        if now < self.not_before {
            add(
                true,
                format!("the certificate {certificate} holds from {} only", day(self.not_before)),
                "Look at this machine's clock.".to_owned(),
            );
        }
        if now > self.not_after {
            add(true, format!("the certificate {certificate} expired at {}: browsers refuse it", day(self.not_after)), RENEW.to_owned());
        } else if self.not_after.duration_since(now).as_hours() < 24 * SOON_DAYS {
            add(false, format!("the certificate {certificate} expires at {}", day(self.not_after)), RENEW.to_owned());
        }
        if self.names.is_empty() {
            let remedy = "Ask for one with subject alternative names.".to_owned();
            add(true, format!("the certificate {certificate} names no host: browsers refuse it"), remedy);
        }
        if let Some(mode) = self.exposed {
            add(false, format!("the private key {key} can be read by everyone on this machine (mode {mode:o})"), format!("chmod o= {key}"));
        }
        doubts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    struct Place {
        dir: tempfile::TempDir,
        files: Files,
    }

    fn place() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let files = Files { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
        Place { dir, files }
    }

    fn write(place: &Place, names: &[&str]) -> KeyPair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 12, 31);
        fs::write(&place.files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(&place.files.key, key.serialize_pem()).unwrap();
        fs::set_permissions(&place.files.key, fs::Permissions::from_mode(0o600)).unwrap();
        key
    }

    #[test]
    fn a_pair_is_read_with_its_names_and_its_end() {
        let place = place();
        write(&place, &["Backup.example.org", "*.example.net", "192.168.1.7", "::1"]);
        let loaded = load(&place.files).unwrap();
        assert_eq!(loaded.names, ["backup.example.org", "*.example.net", "192.168.1.7", "::1"]);
        assert_eq!(loaded.not_after.to_string(), "2026-12-31T00:00:00Z");
        let said =
            |now: &str| loaded.doubts(&place.files, now.parse().unwrap()).into_iter().map(|d| (d.shuts_out, d.message)).collect::<Vec<_>>();
        assert!(said("2026-11-20T00:00:00Z").is_empty());
        for (now, shuts_out, words) in [
            ("2026-12-20T00:00:00Z", false, "expires at"),
            ("2027-01-01T00:00:00Z", true, "expired at"),
            ("2025-01-01T00:00:00Z", true, "holds from"),
        ] {
            let said = said(now);
            assert!(said.len() == 1 && said[0].0 == shuts_out && said[0].1.contains(words), "{now}: {said:?}");
        }
        fs::set_permissions(&place.files.key, fs::Permissions::from_mode(0o644)).unwrap();
        let open = load(&place.files).unwrap().doubts(&place.files, loaded.not_before + Duration::from_secs(60));
        assert!(open[0].message.contains("mode 644"), "{open:?}");
    }

    #[test]
    fn what_cannot_be_served_says_which_file_and_why() {
        let place = place();
        let code = |files: &Files| {
            let fault = load(files).unwrap_err();
            assert!(!fault.hint().is_empty() && fault.to_string().contains(place.dir.path().to_str().unwrap()), "{fault}");
            (fault.code(), fault.exit())
        };
        assert_eq!(code(&place.files), ("tls_file_missing", 3));
        write(&place, &["a.example"]);
        let key = fs::read(&place.files.key).unwrap();
        fs::write(&place.files.key, "").unwrap();
        assert_eq!(code(&place.files), ("tls_invalid", 2));
        fs::write(&place.files.key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n").unwrap();
        assert!(matches!(load(&place.files), Err(TlsFault::LockedKey(_))));
        fs::write(&place.files.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert_eq!(code(&place.files), ("tls_mismatch", 2));
        fs::write(&place.files.key, key).unwrap();
        fs::write(&place.files.certificate, "no certificate").unwrap();
        assert!(matches!(load(&place.files), Err(TlsFault::NoCertificate(_))));
        // A file that holds both in one is fine, whichever comes first.
        let both = write(&place, &["a.example"]).serialize_pem() + &fs::read_to_string(&place.files.certificate).unwrap();
        fs::write(&place.files.certificate, both).unwrap();
        load(&Files { key: place.files.certificate.clone(), ..place.files.clone() }).unwrap();
    }
}
