//! What a verb says: lines for a person, or one JSON document. The only file that writes to standard output.

use std::{
    cell::{Cell, RefCell},
    fmt::Display,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Fault, Global};

/// What `--json` prints, whatever happens.
#[derive(Debug, Serialize)]
struct Document {
    ok: bool,
    results: Vec<Value>,
    error: Option<Value>,
}

#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) colour: bool,
    /// Columns of the terminal; none where standard output is not one, and then nothing is cut.
    pub(crate) width: Option<usize>,
    results: RefCell<Vec<Value>>,
    /// Whoever read standard output has gone (`… | head`): the verb goes on, its words do not.
    closed: Cell<bool>,
    /// Why standard output could not be written, where nobody closed it (a full disk): whoever reads it later must not take it for all.
    lost: RefCell<Option<io::Error>>,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = io::stdout().is_terminal();
        let width = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0);
        Self {
            json: global.json,
            quiet: global.quiet,
            colour: terminal && !global.json && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            width: if terminal { Some(width().unwrap_or(80)) } else { None },
            results: RefCell::new(Vec::new()),
            closed: Cell::new(false),
            lost: RefCell::new(None),
        }
    }

    /// A line for a person.
    pub(crate) fn line(&self, text: impl Display) {
        if !self.json {
            self.raw(format_args!("{text}\n"));
        }
    }

    /// The one line that scripts want of a verb (an id, a path), with `-q`; else the sentence.
    pub(crate) fn outcome(&self, essence: impl Display, sentence: impl Display) {
        if self.quiet { self.line(essence) } else { self.line(sentence) }
    }

    /// Something worth knowing beside the outcome: on standard error, and not with `-q`.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            stderr(format_args!("{text}\n"));
        }
    }

    /// One element of `results`.
    pub(crate) fn result(&self, value: Value) {
        if self.json {
            self.results.borrow_mut().push(value);
        }
    }

    /// Text as it is, e.g. a completion script.
    pub(crate) fn raw(&self, text: impl Display) {
        if self.closed.get() {
            return;
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = write!(stdout, "{text}").and_then(|()| stdout.flush()) {
            self.closed.set(true);
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.lost.replace(Some(error));
            }
        }
    }

    /// Prints a failure where it happens; the last word is [`Output::finish`].
    pub(crate) fn failure(&self, fault: &Fault) {
        if self.json || matches!(fault, Fault::Told(_)) {
            return;
        }
        stderr(format_args!("error: {fault}\n"));
        if let Some(hint) = fault.hint() {
            stderr(format_args!("hint: {hint}\n"));
        }
    }

    pub(crate) fn finish(&self, result: Result<(), Fault>) -> ExitCode {
        let fault = result.err();
        if self.json {
            let results = self.results.take();
            self.document(&Document { ok: fault.is_none(), results, error: fault.as_ref().map(Fault::json) });
        }
        if let Some(fault) = &fault {
            tracing::error!(code = fault.code(), "{fault}");
            self.failure(fault);
        }
        if let Some(error) = self.lost.take() {
            stderr(format_args!("error: standard output could not be written: {error}\n"));
            return ExitCode::from(fault.map_or(1, |fault| fault.exit()));
        }
        ExitCode::from(fault.map_or(0, |fault| fault.exit()))
    }

    fn document(&self, document: &Document) {
        // Indented for eyes, one line for programs.
        let text = if self.width.is_some() { serde_json::to_string_pretty(document) } else { serde_json::to_string(document) };
        self.raw(format_args!("{}\n", text.expect("a value of strings and numbers has a text")));
    }
}

/// Standard error may be closed; that is no reason to stop a backup.
pub(crate) fn stderr(text: impl Display) {
    let _ = write!(io::stderr().lock(), "{text}");
}

/// What clap has to say instead of a parsed command line: help, the version, or what was wrong with it.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().skip(1).take_while(|arg| arg != "--").any(|arg| arg == "--json");
    let failed = error.use_stderr();
    if json {
        let text = error.render().to_string();
        let document = if failed {
            let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let fault = Fault::usage(message, "`keepstone help` shows the verbs, `keepstone help VERB` the flags of one.");
            Document { ok: false, results: Vec::new(), error: Some(fault.json()) }
        } else {
            Document { ok: true, results: vec![json!({ "text": text })], error: None }
        };
        let text = serde_json::to_string(&document).expect("a value of strings and numbers has a text");
        let _ = writeln!(io::stdout().lock(), "{text}");
    } else {
        let _ = error.print();
    }
    ExitCode::from(if failed { 2 } else { 0 })
}
