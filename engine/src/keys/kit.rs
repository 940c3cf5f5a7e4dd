//! The recovery kit: one page on paper that says how to get the databases back with the archives and the password alone. It holds no secret.

use std::fmt::Write;

use jiff::Timestamp;
use keepstone_model::{
    human,
    metadata::{CIPHER, FORMAT_VERSION, Kdf},
};

use super::{ENVIRONMENT, KeyInfo, Ring, list};
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
    let (read_at, ring) = (Timestamp::now(), Ring::read(&vault.keys().folder)?);
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
    // After the reading: a key that came meanwhile is not on the page, or on it and told as newer, and never the other way round.
    vault.catalog().set_kit_made_at(read_at)?;
    Ok(page)
}

/// The newest key of archives that is not on the kit which lies on paper. Where none was made here: one that only the environment brought, after others,
/// as a slip of the pen in a variable does.
pub(crate) fn on_no_kit(keys: &[KeyInfo], made_at: Option<Timestamp>) -> Option<&KeyInfo> {
    let used = || keys.iter().filter(|key| key.archives > 0);
    let is_missing = |key: &&KeyInfo| match made_at {
        Some(made_at) => key.added_at > made_at,
        None => key.added_by == ENVIRONMENT && used().any(|other| other.added_at < key.added_at),
    };
    used().filter(is_missing).max_by_key(|key| key.added_at)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_on_no_paper_is_told() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let key = |id: &str, added: i64, by: &str, archives| KeyInfo {
            id: id.to_owned(),
            kdf: Kdf::default(),
            added_at: at(added),
            added_by: by.to_owned(),
            current: false,
            changing_to: false,
            archives,
        };
        let told = |keys: &[KeyInfo], kit: Option<i64>| on_no_kit(keys, kit.map(at)).map(|key| key.id.clone());
        let (first, typo) = (key("a", 10, ENVIRONMENT, 3), key("b", 20, ENVIRONMENT, 1));
        let (unused, persons) = (key("c", 30, ENVIRONMENT, 0), key("d", 30, "cli:ann", 2));
        assert_eq!(told(std::slice::from_ref(&first), None), None, "the first one of a vault");
        assert_eq!(told(&[first.clone(), typo.clone()], None).as_deref(), Some("b"));
        assert_eq!(told(&[first.clone(), persons.clone()], None), None, "a person who adds one is told of the kit then");
        assert_eq!(told(&[first.clone(), typo.clone(), unused], Some(15)).as_deref(), Some("b"));
        assert_eq!(told(&[first.clone(), typo.clone()], Some(20)), None);
        assert_eq!(told(&[first, typo, persons], Some(20)).as_deref(), Some("d"));
    }
}
