//! A table of an export, and its columns.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TableKind {
    #[default]
    Ordinary,
    Virtual,
    /// Where a virtual table keeps its content.
    Shadow,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) declared_type: String,
    pub(crate) generated: bool,
    pub(crate) not_null: bool,
    pub(crate) key: bool,
    /// Because its name looks sensitive, or because it is made of such a one.
    pub(crate) left_out: bool,
    /// It is made by a function that only its application has.
    pub(crate) unknown: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// Of SQLite.
    pub(crate) kind: TableKind,
    pub(crate) columns: Vec<Column>,
    /// By which name the rowid is reached, where it is not a column already; only for SQL of SQLite.
    pub(crate) rowid: Option<&'static str>,
}

impl Table {
    pub(crate) fn left_out(&self) -> Vec<String> {
        self.columns.iter().filter(|column| column.left_out).map(|column| column.name.clone()).collect()
    }

    pub(crate) fn unknown(&self) -> Vec<&str> {
        self.columns.iter().filter(|column| column.unknown).map(|column| column.name.as_str()).collect()
    }

    pub(crate) fn exported(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.left_out && !column.unknown)
    }
}
