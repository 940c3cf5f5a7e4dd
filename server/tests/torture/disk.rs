//! A model of what a disk keeps: of a file what was synced, of a folder the names that stood in it when it was synced, each folder by itself. The
//! calls of a real run are played into it, with all that they wrote; what a power cut leaves can be made of it at every moment.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::{OpenOptionsExt, symlink},
    path::Path,
};

use crate::{effort::Dice, facts::files_below, seam::Event};

const PAGE: usize = 4096;

#[derive(Debug, Clone, Default)]
struct File {
    now: Vec<u8>,
    /// As of the last sync.
    kept: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
    Link(String),
}

/// What of that which was not synced the disk has all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing.
    Least,
    /// Every name, and no content: names outrun what they stand for.
    Names,
    /// Any of it, by these dice: the names of some folders, some files, and some pages of others.
    Any(u64),
}

/// What a cut leaves, by path.
pub(crate) type Tree = BTreeMap<String, Left>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    Folder,
    File(Vec<u8>),
    Link(String),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// Names as the system has them now, and as they are on the disk.
    now: BTreeMap<String, Node>,
    kept: BTreeMap<String, Node>,
    inodes: HashMap<u64, usize>,
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Disk {
    /// All that lies in a folder, as if it lay in `root` and had always lain there.
    pub(crate) fn of(template: &Path, root: &str) -> Self {
        let mut disk = Self::default();
        let named = |path: &Path| format!("{root}/{}", path.strip_prefix(template).unwrap().display());
        disk.now.insert(root.to_owned(), Node::Folder);
        for path in files_below(template) {
            for folder in path.ancestors().skip(1).take_while(|folder| *folder != template) {
                disk.now.insert(named(folder), Node::Folder);
            }
            let node = if path.is_symlink() {
                Node::Link(fs::read_link(&path).unwrap().display().to_string())
            } else {
                let bytes = fs::read(&path).unwrap();
                disk.files.push(File { now: bytes.clone(), kept: bytes });
                Node::File(disk.files.len() - 1)
            };
            disk.now.insert(named(&path), node);
        }
        for folder in folders_below(template) {
            disk.now.insert(named(&folder), Node::Folder);
        }
        disk.kept = disk.now.clone();
        disk
    }

    fn file(&self, event: &Event) -> Option<usize> {
        self.inodes.get(&event.inode).copied().or_else(|| match self.now.get(&event.path) {
            Some(Node::File(file)) => Some(*file),
            _ => None,
        })
    }

    pub(crate) fn play(&mut self, event: &Event, data: &[u8]) {
        const O_CREAT: i64 = 0o100;
        const O_TRUNC: i64 = 0o1000;
        const EXCHANGE: i64 = 2;
        const KEEP_SIZE: i64 = 1;
        if event.result < 0 || event.is_output() {
            return;
        }
        let path = event.path.clone();
        match event.call.name.as_str() {
            "open" | "openat" => {
                if event.flags & O_CREAT != 0 && !self.now.contains_key(&path) {
                    self.files.push(File::default());
                    self.now.insert(path.clone(), Node::File(self.files.len() - 1));
                }
                if let Some(Node::File(file)) = self.now.get(&path) {
                    self.inodes.insert(event.inode, *file);
                    if event.flags & O_TRUNC != 0 {
                        self.files[*file].now.clear();
                    }
                }
            }
            "write" | "pwrite64" | "copy_file_range" | "sendfile" => {
                let Some(file) = self.file(event) else { return };
                let (at, length) = (usize::try_from(event.offset).unwrap(), usize::try_from(event.result).unwrap());
                let now = &mut self.files[file].now;
                now.resize(now.len().max(at + length), 0);
                now[at..at + length].copy_from_slice(&data[event.data..event.data + length]);
            }
            "ftruncate" => {
                let Some(file) = self.file(event) else { return };
                self.files[file].now.resize(usize::try_from(event.length).unwrap(), 0);
            }
            "fallocate" if event.flags & KEEP_SIZE == 0 => {
                let Some(file) = self.file(event) else { return };
                let end = usize::try_from(event.offset + event.length).unwrap();
                let now = &mut self.files[file].now;
                now.resize(now.len().max(end), 0);
            }
            "rename" | "renameat" | "renameat2" => {
                let (from, to) = (self.now.remove(&path), self.now.get(&event.second).cloned());
                assert!(from != Some(Node::Folder), "the model knows no renamed folders: {event:?}");
                self.now.extend(from.map(|node| (event.second.clone(), node)));
                if event.call.name == "renameat2" && event.flags & EXCHANGE != 0 {
                    self.now.extend(to.map(|node| (path, node)));
                }
            }
            "link" | "linkat" => {
                let node = self.now.get(&path).cloned();
                self.now.extend(node.map(|node| (event.second.clone(), node)));
            }
            "symlink" | "symlinkat" => drop(self.now.insert(path, Node::Link(event.second.clone()))),
            "unlink" | "unlinkat" | "rmdir" => drop(self.now.remove(&path)),
            "mkdir" | "mkdirat" => drop(self.now.insert(path, Node::Folder)),
            "fsync" | "fdatasync" if self.now.get(&path) == Some(&Node::Folder) => {
                self.kept.retain(|name, _| folder_of(name) != path);
                let here = self.now.iter().filter(|(name, _)| folder_of(name) == path);
                self.kept.extend(here.map(|(name, node)| (name.clone(), node.clone())));
            }
            "fsync" | "fdatasync" => {
                let Some(file) = self.file(event) else { return };
                let File { now, kept } = &mut self.files[file];
                kept.clone_from(now);
            }
            "syncfs" | "ioctl" | "writev" | "pwritev" | "truncate" => panic!("the model does not know {event:?}"),
            _ => {}
        }
    }

    /// What a cut leaves now.
    pub(crate) fn after(&self, cut: Cut) -> Tree {
        let mut dice = match cut {
            Cut::Any(seed) => Some(Dice::new(seed)),
            Cut::Least | Cut::Names => None,
        };
        let mut roll = |sides: usize| dice.as_mut().map_or(0, |dice| dice.roll(sides));
        let mut has_now: BTreeMap<&str, bool> = BTreeMap::new();
        let mut tree = Tree::new();
        let mut contents: HashMap<usize, Vec<u8>> = HashMap::new();
        let all: std::collections::BTreeSet<&String> = self.now.keys().chain(self.kept.keys()).collect();
        for path in all {
            // Maps of the log are memory; what a program writes of itself is not looked at.
            if path.ends_with("-shm") || path.contains("/logs/") {
                continue;
            }
            let now = *has_now.entry(folder_of(path)).or_insert_with(|| cut == Cut::Names || roll(2) == 1);
            let Some(node) = (if now { &self.now } else { &self.kept }).get(path) else { continue };
            let in_a_folder = tree.get(folder_of(path)) == Some(&Left::Folder) || tree.is_empty();
            if !in_a_folder {
                continue;
            }
            let left = match node {
                Node::Folder => Left::Folder,
                Node::Link(target) => Left::Link(target.clone()),
                Node::File(file) => {
                    let made = contents.entry(*file).or_insert_with(|| {
                        let File { now, kept } = &self.files[*file];
                        match roll(3) {
                            0 => kept.clone(),
                            1 => now.clone(),
                            _ => pages(now, kept, &mut roll),
                        }
                    });
                    Left::File(made.clone())
                }
            };
            tree.insert(path.clone(), left);
        }
        tree
    }
}

/// Some pages of one and some of the other.
fn pages(now: &[u8], kept: &[u8], roll: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
    let mut mixed = now.to_vec();
    for (number, page) in mixed.chunks_mut(PAGE).enumerate() {
        if roll(2) == 0 {
            let old = kept.get(number * PAGE..).unwrap_or_default();
            let length = old.len().min(page.len());
            page[..length].copy_from_slice(&old[..length]);
            page[length..].fill(0);
        }
    }
    mixed
}

/// Makes a tree where nothing is.
pub(crate) fn plant(tree: &Tree) {
    for (path, left) in tree {
        match left {
            Left::Folder if Path::new(path).is_dir() => {}
            Left::Folder => fs::create_dir(path).unwrap(),
            Left::Link(target) => symlink(target, path).unwrap(),
            Left::File(bytes) => {
                let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
                std::io::Write::write_all(&mut file, bytes).unwrap();
            }
        }
    }
}

fn folders_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries
        .filter(|path| path.is_dir() && !path.is_symlink())
        .flat_map(|path| [vec![path.clone()], folders_below(&path)].concat())
        .collect()
}
