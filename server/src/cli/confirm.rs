//! Asking before something that cannot simply be undone. Without a terminal nobody can answer, so then only `--yes` will do.

use std::io::{self, BufRead, IsTerminal};

use keepstone_engine::Error;

use super::{Context, Fault, output, values::Yes};

/// Asks the question, and then to type `word` if there is one. `verb` names what is not confirmed otherwise.
pub(crate) fn confirm(cx: &Context, verb: &'static str, yes: Yes, question: &str, word: Option<&str>) -> Result<(), Fault> {
    if yes.yes {
        return Ok(());
    }
    let refused = || Fault::Engine(Error::NotConfirmed { verb });
    if cx.out.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(refused());
    }
    if !matches!(ask(&format!("{question} [y/N] ")).to_lowercase().as_str(), "y" | "yes") {
        return Err(refused());
    }
    match word {
        Some(word) if ask(&format!("Type {word} to go on: ")) != word => Err(refused()),
        _ => Ok(()),
    }
}

fn ask(prompt: &str) -> String {
    output::stderr(prompt);
    let mut answer = String::new();
    // An answer that cannot be read is no answer, and that is a no.
    if io::stdin().lock().read_line(&mut answer).is_err() {
        answer.clear();
    }
    answer.trim().to_owned()
}
