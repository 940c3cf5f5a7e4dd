//! The recovery kit: one page on paper that says how to get the databases back with the archives and the password alone. It holds no secret.

use std::fmt::Write;

use jiff::Timestamp;
use keepstone_model::{
    human,
    metadata::{CIPHER, FORMAT_VERSION, Kdf},
};

use super::{KeyInfo, Ring, list};
use crate::{Error, Result, Vault};

/// What the kit's script is: it opens every archive without Keepstone.
const SCRIPT: &str = include_str!("open-archive.py");

/// The page, as text. An empty vault of keys gives the page without test strings.
pub fn kit(vault: &Vault, now: Timestamp) -> Result<String> {
    // The environment's password is on the page before its first use, too.
    match super::current(vault) {
        Ok(_) | Err(Error::WeakPassword { .. }) => {}
        Err(fault) => return Err(fault),
    }
    let ring = Ring::read(&vault.keys().folder)?;
    let mut page = String::new();
    let mut line = |text: &str| {
        page.push_str(text);
        page.push('\n');
    };
    line("KEEPSTONE RECOVERY KIT");
    line("======================");
    line(&format!("Made {} of the vault in {}.", now.strftime("%Y-%m-%d %H:%M UTC"), vault.data_dir().display()));
    line(&format!("Archives lie in {}.", vault.backups_dir().display()));
    line("Print this page, write the password on it by hand, and keep it where the backups are not.");
    line("Without the password nobody opens the archives, the makers of Keepstone included.");
    line("");
    line("Password: ____________________________________________________________");
    line("");
    line("TO RESTORE with Keepstone, on any machine, without this vault:");
    line("  keepstone list --dir FOLDER");
    line("  keepstone restore --path ARCHIVE.zip --to NEW.sqlite          (asks for the password)");
    line("TO RESTORE without it: type the script below into open-archive.py, then");
    line("  python3 open-archive.py ARCHIVE.zip NEW.sqlite                (asks for the password)");
    line("It needs python3 with the package \"cryptography\", and the zstd command for .zst archives.");
    line("");
    line(&format!("Archive format {FORMAT_VERSION}, cipher {CIPHER}. Key slots of this vault:"));
    let keys = list(vault)?;
    if keys.is_empty() {
        line("  none: this vault knows no password, and encrypts nothing.");
    }
    for key in &keys {
        let Some(held) = ring.find(&key.id) else { continue };
        line(&describe(key, &held.stretched.salt));
        line(&format!("    test string {}", held.stretched.test_string()));
    }
    line("");
    if let Some(held) = keys.iter().find(|key| key.current).or(keys.last()).and_then(|key| ring.find(&key.id)) {
        line("TO TEST the password (prints the test string above if it is the right one):");
        line(&test_command(held.stretched.kdf, &held.stretched.salt));
        line("");
    }
    line("open-archive.py:");
    page.push_str(SCRIPT);
    Ok(page)
}

fn describe(key: &KeyInfo, salt: &str) -> String {
    let parameters = match key.kdf {
        Kdf::Scrypt { n, r, p } => format!("scrypt n={n} r={r} p={p}"),
        Kdf::Pbkdf2 { iterations } => format!("pbkdf2-hmac-sha256 iterations={iterations}"),
    };
    let mut text = format!("  key {} of {}: {parameters}, salt {salt}", key.id, key.added_at.strftime("%Y-%m-%d"));
    if key.current {
        text.push_str(", for new archives");
    }
    let _ = write!(text, ", opens {}", human::counted(key.archives, "archive"));
    text
}

/// One line for a shell.
fn test_command(kdf: Kdf, salt: &str) -> String {
    let derived = match kdf {
        Kdf::Scrypt { n, r, p } => format!("hashlib.scrypt(p,salt=s,n={n},r={r},p={p},maxmem=2**31-1,dklen=32)"),
        Kdf::Pbkdf2 { iterations } => format!("hashlib.pbkdf2_hmac(\"sha256\",p,s,{iterations},32)"),
    };
    format!(
        "  python3 -c 'import getpass,hashlib,hmac; p=getpass.getpass().encode(); s=bytes.fromhex(\"{salt}\"); \
         print(hmac.digest({derived},b\"keepstone 1 test\",\"sha256\").hex()[:16])'"
    )
}
