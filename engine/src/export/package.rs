//! The zip around an export of several tables: one file for each, and `export.json`, which says what is which. Written as a stream, so that
//! it can be a download.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    io::{self, Write},
    rc::Rc,
};

use keepstone_model::export::ExportFormat;
use serde_json::{Value, json};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::{ExportSource, table::Table, writing::Writing};
use crate::Result;

/// Writes every table with `table`, then the list of them.
pub(super) fn write(
    writing: &Writing<'_>,
    format: ExportFormat,
    sink: &mut dyn Write,
    table: &dyn Fn(&Writing<'_>, &Table, &mut dyn Write) -> Result<()>,
) -> Result<()> {
    let state = Rc::new(RefCell::new(State::default()));
    let mut zip = Zip { zip: Some(ZipWriter::new_stream(Quiet { sink, state: Rc::clone(&state) })), state };
    let mut names = BTreeSet::new();
    let mut listed = Vec::new();
    for one in &writing.tables {
        let file = file_name(&one.name, format, &mut names);
        zip.begin(&file).map_err(|error| writing.io(error))?;
        let mut buffered = io::BufWriter::with_capacity(64 << 10, &mut zip);
        let written = table(writing, one, &mut buffered);
        // The sink's own fault says more than what the zip made of it.
        let flushed = buffered.flush();
        drop(buffered);
        if let Some(fault) = zip.fault() {
            return Err(writing.io(fault));
        }
        written?;
        flushed.map_err(|error| writing.io(error))?;
        listed.push(describe(writing, one, &file));
    }
    zip.begin("export.json").map_err(|error| writing.io(error))?;
    let text = serde_json::to_vec_pretty(&contents(writing, format, &listed)).map_err(io::Error::from);
    text.and_then(|text| zip.write_all(&text)).map_err(|error| writing.io(error))?;
    zip.finish().map_err(|error| writing.io(error))
}

fn describe(writing: &Writing<'_>, table: &Table, file: &str) -> Value {
    let columns: Vec<_> = table.exported().map(|column| json!({ "name": column.name, "type": column.declared_type })).collect();
    let mut described = json!({ "table": table.name, "file": file, "columns": columns, "left_out": table.left_out() });
    if !writing.is_exported(table) {
        // Its file is empty, and the table may not be.
        described["unreadable"] = json!(true);
    }
    described
}

fn contents(writing: &Writing<'_>, format: ExportFormat, tables: &[Value]) -> Value {
    let (kind, id) = match writing.source {
        ExportSource::Database(id) => ("database", id.to_string()),
        ExportSource::Backup(id) => ("backup", id.to_string()),
    };
    json!({
        "export_version": 1,
        "format": format,
        kind: id,
        "taken_at": writing.taken_at.to_string(),
        "encoding": "UTF-8",
        "tool": { "name": "keepstone", "version": env!("CARGO_PKG_VERSION") },
        "tables": tables,
        "warnings": writing.warnings(),
    })
}

/// A name that every file system takes, and no two alike without case: `a/b` → `a_b.csv`, the next one `a_b_2.csv`.
fn file_name(table: &str, format: ExportFormat, taken: &mut BTreeSet<String>) -> String {
    let mut stem: String = table.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' }).take(60).collect();
    let reserved = ["con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "lpt1", "lpt2", "lpt3", "export"];
    if stem.is_empty() || reserved.contains(&stem.to_lowercase().as_str()) {
        stem.push('_');
    }
    let mut name = format!("{stem}.{format}");
    let mut number = 2_u32;
    while !taken.insert(name.to_lowercase()) {
        name = format!("{stem}_{number}.{format}");
        number += 1;
    }
    name
}

type Stream<'a> = ZipWriter<zip::write::StreamWriter<Quiet<'a>>>;

struct Zip<'a> {
    /// None once it is finished.
    zip: Option<Stream<'a>>,
    state: Rc<RefCell<State>>,
}

impl Zip<'_> {
    fn begin(&mut self, name: &str) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(true)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o600);
        self.with(|zip| Ok(zip.start_file(name, options)?))
    }

    fn finish(mut self) -> io::Result<()> {
        let zip = self.zip.take().expect("only finish takes it");
        let finished = zip.finish();
        match self.fault() {
            Some(fault) => Err(fault),
            None => Ok(finished.map(drop)?),
        }
    }

    fn fault(&self) -> Option<io::Error> {
        self.state.borrow_mut().fault.take()
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Stream<'_>) -> io::Result<T>) -> io::Result<T> {
        let result = act(self.zip.as_mut().expect("only finish takes it"));
        match self.fault() {
            Some(fault) => Err(fault),
            None => result,
        }
    }
}

impl Write for Zip<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|zip| zip.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A zip given up midway: `ZipWriter` would write a directory for it now, and to stderr if it could not.
impl Drop for Zip<'_> {
    fn drop(&mut self) {
        self.state.borrow_mut().dead = true;
    }
}

#[derive(Default)]
struct State {
    dead: bool,
    fault: Option<io::Error>,
}

/// A sink that never fails towards the zip: the first fault is kept for [`Zip`], and from then on nothing is written.
struct Quiet<'a> {
    sink: &'a mut dyn Write,
    state: Rc<RefCell<State>>,
}

impl Write for Quiet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.borrow_mut();
        if !state.dead
            && let Err(fault) = self.sink.write_all(bytes)
        {
            state.dead = true;
            state.fault = Some(fault);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_gets_a_file_name_of_its_own() {
        let mut taken = BTreeSet::new();
        let names: Vec<_> = ["users", "Users", "a/b", "a\\b", "", "..", "con", "日本", "x\u{202e}y", "export"]
            .map(|t| file_name(t, ExportFormat::Csv, &mut taken))
            .into();
        let expected =
            ["users.csv", "Users_2.csv", "a_b.csv", "a_b_2.csv", "_.csv", "__.csv", "con_.csv", "日本.csv", "x_y.csv", "export_.csv"];
        assert_eq!(names, expected);
    }
}
