//! Passwords of archives: from a file or a terminal, never from the command line, where every user of the machine would see them.

use std::{
    fs::File,
    io::{self, ErrorKind, IsTerminal, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use keepstone_engine::{
    Error, Vault,
    archive::Archive,
    keys::{self, Password, Passwords},
    model::{backup::Backup, human},
};

use super::{Context, Fault, environment};

/// What is longer than this is no password.
const LONGEST_BYTES: u64 = 64 << 10;
/// How often a person may mistype.
const TRIES: usize = 3;

/// The password of an encrypted archive that is opened.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PasswordArg {
    /// Read the archive's password from this file, - for standard input; one line feed at its end is not part of it
    #[arg(long, value_name = "F")]
    pub(crate) password_file: Option<PathBuf>,
}

impl PasswordArg {
    pub(crate) fn read(&self) -> Result<Option<Password>, Fault> {
        self.password_file.as_deref().map(of_file).transpose()
    }
}

/// A file holds a password and nothing else.
pub(crate) fn of_file(file: &Path) -> Result<Password, Fault> {
    let password = Password::of_text(text_of(file)?);
    if password.is_empty() {
        return Err(Fault::usage(format!("{} holds no password", file.display()), "Write the password into it, as its only line."));
    }
    Ok(password)
}

/// The text of a password file. What has no end (a device) is no password.
pub(crate) fn text_of(file: &Path) -> Result<String, Fault> {
    let source: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(file).map_err(|error| Error::io(file, error))?) };
    let mut text = String::new();
    source.take(LONGEST_BYTES + 1).read_to_string(&mut text).map_err(|error| Error::io(file, error))?;
    if text.len() as u64 > LONGEST_BYTES {
        let message = format!("{} holds more than a password: it is longer than {}", file.display(), human::bytes(LONGEST_BYTES));
        return Err(Fault::usage(message, "Name a file with the password as its only line."));
    }
    Ok(text)
}

/// A new password for archives, asked for twice.
pub(crate) fn ask_new(prompt: &str) -> Result<Password, Fault> {
    let password = ask(prompt)?;
    password.refuse_if_weak()?;
    if ask("Once more: ")? != password {
        return Err(Fault::usage("the two passwords differ", "Try again."));
    }
    Ok(password)
}

pub(crate) fn ask(prompt: &str) -> Result<Password, Fault> {
    let hint = "Say --password-file FILE (- for standard input).";
    rpassword::prompt_password(prompt).map(Password::new).map_err(|error| match error.kind() {
        // Ctrl-D.
        ErrorKind::UnexpectedEof => Fault::usage("no password was given", "Type it and press Enter, or say --password-file FILE."),
        _ => Fault::usage("there is no terminal to ask for the password on", hint),
    })
}

/// Tells of a password that came with what was just made: a slip of the pen in a variable is one, too.
pub(crate) fn tell_new(vault: &Vault, before: &[String], cx: &Context) {
    for id in keys::ids(vault).unwrap_or_default().iter().filter(|id| !before.contains(id)) {
        if before.is_empty() {
            cx.out.note(format_args!("The vault knows its password as key {id} now. Without it nobody opens these archives."));
        } else {
            cx.out.note(format_args!(
                "This password is another one than before: key {id}. Earlier archives still open with theirs. Is it the right one?"
            ));
        }
        cx.out.note("`keepstone key kit` makes a page to print and keep elsewhere.");
    }
}

/// Whether there is somebody to ask.
pub(crate) fn can_ask(cx: &Context) -> bool {
    !cx.out.json && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The passwords for an archive file anywhere: the file's, the environment's, or a person's.
pub(crate) fn for_file(path: &Path, arg: &PasswordArg, cx: &Context) -> Result<Passwords, Fault> {
    let given = arg.read()?;
    let told = given.clone().into_iter().chain(environment::encryption_if_readable(&cx.out).password);
    let passwords = Passwords::of(told);
    // What is missing or damaged the verb itself says, and with more words.
    let Ok(mut archive) = Archive::open(path) else { return Ok(passwords) };
    if !matches!(archive.unlock(&passwords), Err(Error::WrongPassword { .. })) || given.is_some() || !can_ask(cx) {
        return Ok(passwords);
    }
    for _ in 0..TRIES {
        let asked = Passwords::of([ask(&format!("Password of {}: ", path.display()))?]);
        match archive.unlock(&asked) {
            Err(Error::WrongPassword { .. }) => cx.out.note("That does not open it."),
            _ => return Ok(asked),
        }
    }
    Ok(passwords)
}

/// The passwords for the archives of a folder: those that are known, and a person's where they leave some locked.
pub(crate) fn for_folder(folder: &Path, files: &[PathBuf], told: Vec<Password>, cx: &Context) -> Result<Passwords, Fault> {
    let passwords = Passwords::of(told.iter().cloned());
    let locked = |file: &&PathBuf| {
        Archive::open(file).is_ok_and(|mut archive| matches!(archive.unlock(&passwords), Err(Error::WrongPassword { .. })))
    };
    if !can_ask(cx) {
        return Ok(passwords);
    }
    let Some(mut archive) = files.iter().find(locked).and_then(|file| Archive::open(file).ok()) else { return Ok(passwords) };
    for _ in 0..TRIES {
        let asked = ask(&format!("Password of the encrypted archives in {} (none: what anyone may read): ", folder.display()))?;
        if asked.is_empty() {
            break;
        }
        match archive.unlock(&Passwords::of([asked.clone()])) {
            Err(Error::WrongPassword { .. }) => cx.out.note("That does not open the first of them."),
            _ => return Ok(Passwords::of(told.into_iter().chain([asked]))),
        }
    }
    Ok(passwords)
}

/// Sees to it that the vault can open this backup: with what it knows, the file's password, or a person's.
pub(crate) fn for_backup(vault: &Vault, backup: &Backup, arg: &PasswordArg, cx: &Context) -> Result<(), Fault> {
    let given = arg.read()?;
    let is_given = given.is_some();
    if let Some(password) = given {
        vault.keys().try_also(password);
    }
    for _ in 0..TRIES {
        match vault.open_backup(backup) {
            Err(Error::WrongPassword { .. }) if !is_given && can_ask(cx) => {
                vault.keys().try_also(ask(&format!("No known password opens {}. Its password: ", backup.id))?);
            }
            // Whatever else there is to say of it, the verb says.
            _ => break,
        }
    }
    keys::find_lost(vault)?;
    Ok(())
}
