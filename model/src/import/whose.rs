//! Which archives of Keepstone under a path are of the database that they are imported into. Another database's are never taken along: the newest of
//! them would be what `restore latest` writes over this one.

use std::collections::BTreeMap;

use super::plan::{ArchiveFacts, FoundFile, Refusal, Wish};
use crate::id::DatabaseUid;

pub(super) struct Whose<'a> {
    wish: &'a Wish<'a>,
    /// The one that is meant. None where several could be.
    meant: Option<&'a DatabaseUid>,
    /// What those that could be meant are called there.
    names: String,
}

impl<'a> Whose<'a> {
    /// It is this very database, where it is among them; else the only one there is; else the only one that is called like it.
    pub(super) fn of(found: &'a [FoundFile], wish: &'a Wish<'a>) -> Self {
        let mut could_be: BTreeMap<&DatabaseUid, &ArchiveFacts> = BTreeMap::new();
        for archive in found.iter().filter_map(|file| file.archive.as_ref()) {
            if !wish.others.iter().any(|(_, uid)| *uid == archive.database_uid) {
                could_be.entry(&archive.database_uid).or_insert(archive);
            }
        }
        let only = |uids: Vec<&'a DatabaseUid>| if let [uid] = uids[..] { Some(uid) } else { None };
        let meant = if could_be.contains_key(wish.uid) {
            Some(wish.uid)
        } else {
            only(could_be.keys().copied().collect()).or_else(|| {
                let alike = could_be.iter().filter(|(_, archive)| archive.database == *wish.database);
                only(alike.map(|(uid, _)| *uid).collect())
            })
        };
        let mut names: Vec<&str> = could_be.values().map(|archive| archive.database.as_str()).collect();
        names.sort_unstable();
        Self { wish, meant, names: names.join(", ") }
    }

    /// Why this archive is not taken.
    pub(super) fn refusal(&self, archive: &ArchiveFacts) -> Option<Refusal> {
        let (code, reason) = if let Some((id, _)) = self.wish.others.iter().find(|(_, uid)| *uid == archive.database_uid) {
            ("other_database", format!("it is of {id}, another database of this vault"))
        } else {
            match self.meant {
                Some(meant) if *meant == archive.database_uid => return None,
                Some(_) => ("other_database", format!("it is of another database ({}) than the rest", archive.database)),
                None => {
                    let reason = format!(
                        "the archives here are of several databases ({}): name the folder of those that {} is to have",
                        self.names, self.wish.database
                    );
                    ("several_databases", reason)
                }
            }
        };
        Some(Refusal { code: code.to_owned(), reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        database::Engine,
        id::DatabaseId,
        import::{Content, name::name},
    };

    fn archive(database: &str, uid: &str) -> ArchiveFacts {
        ArchiveFacts {
            id: format!("{database}_manual_20261104T020000Z_0000"),
            kind: crate::id::Kind::Manual,
            created_at: "2026-11-04T02:00:00Z".parse().unwrap(),
            database: database.parse().unwrap(),
            database_uid: uid.parse().unwrap(),
        }
    }

    fn file(archive: ArchiveFacts) -> FoundFile {
        FoundFile {
            path: format!("{}.zip", archive.id),
            name: name("a.zip").unwrap(),
            content: Content::Archive,
            folder_kind: None,
            sidecar: None,
            size_bytes: 1,
            modified_at: None,
            link_to: None,
            untouchable: None,
            unreadable: None,
            archive: Some(archive),
        }
    }

    /// Of each, whether it is taken or why not, for the database `shop` beside `crm` in the vault.
    fn fates(there: &[(&str, &str)]) -> Vec<String> {
        let (shop, crm): (DatabaseId, DatabaseId) = ("shop".parse().unwrap(), "crm".parse().unwrap());
        let uid: DatabaseUid = SHOP.parse().unwrap();
        let others = [(crm, CRM.parse().unwrap())];
        let now = "2027-01-01T00:00:00Z".parse().unwrap();
        let wish = Wish { database: &shop, uid: &uid, others: &others, engine: Engine::Sqlite, in_zone: &|_| None, now };
        let files: Vec<_> = there.iter().map(|(database, uid)| file(archive(database, uid))).collect();
        let whose = Whose::of(&files, &wish);
        files.iter().map(|file| whose.refusal(file.archive.as_ref().unwrap()).map_or("taken".to_owned(), |refusal| refusal.code)).collect()
    }

    const SHOP: &str = "00000000000000000000000000000001";
    const CRM: &str = "00000000000000000000000000000002";
    const OLD: &str = "00000000000000000000000000000003";
    const OTHER: &str = "00000000000000000000000000000004";

    #[test]
    fn one_database_s_archives_are_taken_and_no_other_s() {
        for (there, fates_there) in [
            (vec![("old-shop", OLD), ("old-shop", OLD)], vec!["taken", "taken"]),
            (vec![("shop", OLD), ("other", OTHER)], vec!["taken", "other_database"]),
            (vec![("shop", OLD), ("shop", SHOP)], vec!["other_database", "taken"]),
            (vec![("old-shop", OLD), ("other", OTHER)], vec!["several_databases", "several_databases"]),
            (vec![("shop", OLD), ("shop", OTHER)], vec!["several_databases", "several_databases"]),
            (vec![("crm", CRM)], vec!["other_database"]),
            (vec![("crm", CRM), ("old-shop", OLD)], vec!["other_database", "taken"]),
        ] {
            assert_eq!(fates(&there), fates_there, "{there:?}");
        }
    }
}
