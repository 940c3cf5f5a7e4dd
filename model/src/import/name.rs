//! What a file's name says: whose it is, of what kind, and of when.

use super::{
    Layout,
    moment::{self, Moment},
};

/// A file's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub layout: Layout,
    /// The application, where the name begins with it.
    pub app: Option<String>,
    /// The word for its kind, e.g. `daily`.
    pub kind: Option<String>,
    pub moment: Option<Moment>,
    /// `data_latest.db`: the newest once more.
    pub latest: bool,
    /// `corrupted_<time>.db`: a damaged database that was kept.
    pub corrupted: bool,
    /// By its ending.
    pub encrypted: bool,
    /// Without the endings, e.g. `backup_20231116_143022`.
    pub stem: String,
}

const ENDINGS: [&str; 6] = ["db", "sqlite", "sqlite3", "sql", "dump", "zip"];
const PACKED: [&str; 2] = ["gz", "zst"];

/// Reads a name; none: it is not called as a backup, a database or a dump is. Endings in any case.
pub fn name(file_name: &str) -> Option<Name> {
    let mut stem = file_name;
    let encrypted = take_ending(&mut stem, &["enc"]).is_some();
    take_ending(&mut stem, &PACKED);
    let ending = take_ending(&mut stem, &ENDINGS)?;
    if stem.is_empty() || stem.starts_with('.') {
        return None;
    }
    let own = |layout| Name {
        layout,
        app: None,
        kind: None,
        moment: moment::find(stem),
        latest: false,
        corrupted: false,
        encrypted,
        stem: stem.to_owned(),
    };
    let with_time = |rest: &str| moment::moment(rest).is_some();
    if ending == "zip" {
        return Some(own(Layout::CosmicTeams));
    }
    if stem.strip_prefix("backup_").is_some_and(with_time) {
        return Some(own(Layout::TheProgram));
    }
    if stem.strip_prefix("corrupted_").is_some_and(with_time) {
        return Some(Name { corrupted: true, ..own(Layout::Crm) });
    }
    if stem == "data_latest" {
        return Some(Name { latest: true, ..own(Layout::Crm) });
    }
    if let Some((app, rest)) = stem.rsplit_once("_backup_").filter(|(app, _)| !app.is_empty()) {
        // Unlabelled ones count as automatic.
        if app == "data" && with_time(rest) {
            return Some(Name { kind: Some("auto".to_owned()), ..own(Layout::Crm) });
        }
        for label in ["AUTO", "MANUAL"] {
            if rest.strip_prefix(label).and_then(|rest| rest.strip_prefix('_')).is_some_and(with_time) {
                return Some(Name { kind: Some(label.to_lowercase()), ..own(Layout::Crm) });
            }
        }
        // From the right: the kind may have a `_` of its own, as `pre_restore` has.
        let parts: Vec<&str> = rest.rsplitn(3, '_').collect();
        if let [time, date, kind] = parts.as_slice()
            && with_time(&format!("{date}_{time}"))
        {
            let layout = if ending == "sql" || ending == "dump" { Layout::Loopin } else { Layout::Chame };
            return Some(Name { app: Some(app.to_owned()), kind: Some((*kind).to_owned()), ..own(layout) });
        }
    }
    Some(own(Layout::File))
}

fn take_ending<'a>(stem: &mut &str, endings: &[&'a str]) -> Option<&'a str> {
    let (rest, ending) = stem.rsplit_once('.')?;
    let found = endings.iter().find(|known| known.eq_ignore_ascii_case(ending))?;
    *stem = rest;
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_as_the_documents_have_them() {
        let cases = [
            ("chame_backup_manual_20250627_143022.db", "chame app=chame kind=manual time"),
            ("chame_backup_pre_restore_20250627_143022.db", "chame app=chame kind=pre_restore time"),
            ("my_app_backup_daily_20250627_020000.db", "chame app=my_app kind=daily time"),
            ("loopin_backup_weekly_20250818_030000.sql", "loopin app=loopin kind=weekly time"),
            ("data_backup_AUTO_20251031_120000.db", "crm kind=auto time"),
            ("data_backup_MANUAL_20251031_150000.db", "crm kind=manual time"),
            ("data_backup_20251031_120000.db", "crm kind=auto time"),
            ("data_latest.db", "crm latest"),
            ("corrupted_20251031_120500.db", "crm corrupted time"),
            ("backup_20231116_143022.db", "the-program time"),
            ("backup_20231116_143022.db.gz.enc", "the-program encrypted time"),
            ("backup_20231116_143022.db.enc", "the-program encrypted time"),
            ("20231016_120000.zip", "cosmic-teams time"),
            ("shop.SQLITE3", "file"),
            ("shop.sql.zst", "file"),
            ("shop.dump", "file"),
            ("shop-20240101T000000Z.db.gz", "file time"),
            ("_backup_daily_20250627_143022.db", "file time"),
            ("metadata.json", "-"),
            ("notes.txt", "-"),
            (".db", "-"),
            ("backup.gz", "-"),
        ];
        for (file, expected) in cases {
            let told = name(file).map_or_else(
                || "-".to_owned(),
                |name| {
                    let mut words = vec![name.layout.to_string()];
                    words.extend(name.app.map(|app| format!("app={app}")));
                    words.extend(name.kind.map(|kind| format!("kind={kind}")));
                    words.extend(name.latest.then(|| "latest".to_owned()));
                    words.extend(name.corrupted.then(|| "corrupted".to_owned()));
                    words.extend(name.encrypted.then(|| "encrypted".to_owned()));
                    words.extend(name.moment.map(|_| "time".to_owned()));
                    words.join(" ")
                },
            );
            assert_eq!(told, expected, "{file}");
        }
    }

    proptest! {
        #[test]
        fn no_name_breaks_it(text in "\\PC{0,60}") {
            name(&text);
            name(&format!("{text}_backup_{text}.db"));
        }
    }
}
