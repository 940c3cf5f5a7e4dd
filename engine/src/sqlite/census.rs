//! The rows of tables, counted on the pages of a database while they stream by: the trees are the same that SQLite would walk to count, so
//! nothing is read twice and a snapshot is held half as long. Not for what is in any doubt: that is counted by SQLite itself.
//!
//! Source: <https://www.sqlite.org/fileformat2.html#b_tree_pages>.

use std::collections::HashMap;

/// How a table keeps its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyed {
    /// By rowid: all rows stand in leaves.
    ByRowid,
    /// WITHOUT ROWID, in the tree of its key: rows stand in every page.
    ByKey,
}

const INNER_INDEX: u8 = 2;
const INNER_TABLE: u8 = 5;
const LEAF_INDEX: u8 = 10;
const LEAF_TABLE: u8 = 13;

/// Beyond that (16 GiB in pages of 4 KiB) this would take more memory than a backup may: 6 bytes for each page.
const MOST_PAGES: u64 = 4 << 20;
/// SQLite's own limit (`BTCURSOR_MAX_DEPTH`).
const DEEPEST: usize = 20;
/// A page has this many cells at most: `MX_CELL` of SQLite.
const SMALLEST_CELL_BYTES: usize = 6;

/// What is known of the trees of a database. Pages come in order, from the first on.
#[derive(Debug)]
pub(super) struct Census {
    page_size: usize,
    page_count: u64,
    /// Of a page without a tree, or one that was not seen, there is none.
    pages: Vec<Page>,
    /// Of an inner page: where its children stand in `children`.
    inner: HashMap<u32, (usize, usize)>,
    children: Vec<u32>,
    given_up: bool,
}

/// Its kind, two bits, and its cells, which are never more than 10,921.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Page(u16);

impl Page {
    const KINDS: [u8; 4] = [INNER_INDEX, INNER_TABLE, LEAF_INDEX, LEAF_TABLE];
    const NONE: Self = Self(0x3fff);

    fn of(kind: u8, cells: u16) -> Option<Self> {
        let place = Self::KINDS.iter().position(|known| *known == kind)?;
        (cells < Self::NONE.0).then(|| Self(u16::try_from(place).unwrap_or(0) << 14 | cells))
    }

    fn kind(self) -> u8 {
        Self::KINDS[usize::from(self.0 >> 14)]
    }

    fn cells(self) -> u16 {
        self.0 & Self::NONE.0
    }
}

impl Census {
    pub(super) fn of(page_size: u32, page_count: u64) -> Self {
        let given_up = page_count > MOST_PAGES;
        Self { page_size: page_size as usize, page_count, pages: Vec::new(), inner: HashMap::new(), children: Vec::new(), given_up }
    }

    /// Takes in some whole pages, those that follow the ones before.
    pub(super) fn take(&mut self, pages: &[u8]) {
        if !self.given_up {
            for page in pages.chunks_exact(self.page_size) {
                self.take_page(page);
            }
        }
    }

    fn take_page(&mut self, page: &[u8]) {
        // The first one begins with the header of the file.
        let header = if self.pages.is_empty() { 100 } else { 0 };
        let read =
            Page::of(page[header], u16_at(page, header + 3)).filter(|read| usize::from(read.cells()) * SMALLEST_CELL_BYTES < page.len());
        self.pages.push(read.unwrap_or(Page::NONE));
        let Some(read) = read.filter(|read| matches!(read.kind(), INNER_INDEX | INNER_TABLE)) else { return };
        let number = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        let from = self.children.len();
        // What only looks like an inner page (freed, or part of a large value) is told by its children: nobody asks for it.
        if self.take_children(page, header, usize::from(read.cells())).is_none() {
            self.children.truncate(from);
            return;
        }
        self.inner.insert(number, (from, self.children.len()));
        // A sound database has one parent for each page, and some freed pages that once were parents.
        self.given_up = self.children.len() as u64 > self.page_count + self.page_count / 4 + 4096;
    }

    fn take_children(&mut self, page: &[u8], header: usize, cells: usize) -> Option<()> {
        let pointers = page.get(header + 12..)?.chunks_exact(2).take(cells);
        for pointer in pointers {
            let cell = usize::from(u16::from_be_bytes([pointer[0], pointer[1]]));
            // In pages of 64 KiB an offset of 0 would be the end.
            self.children.push(u32_at(page, cell)?);
        }
        self.children.push(u32_at(page, header + 8)?);
        Some(())
    }

    /// How many rows stand in the tree of that root; none where anything about it is not as it should be.
    pub(super) fn rows(&self, root: u32, keyed: Keyed) -> Option<u64> {
        if self.given_up || self.pages.len() as u64 != self.page_count {
            return None;
        }
        let (inner, leaf) = match keyed {
            Keyed::ByRowid => (INNER_TABLE, LEAF_TABLE),
            Keyed::ByKey => (INNER_INDEX, LEAF_INDEX),
        };
        let (mut rows, mut seen) = (0, 0);
        let mut left = vec![(root, 1)];
        while let Some((number, depth)) = left.pop() {
            let page = *self.pages.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
            seen += 1;
            // A tree that comes back to itself has no end.
            if page == Page::NONE || depth > DEEPEST || seen > self.page_count {
                return None;
            }
            let kind = page.kind();
            if kind != inner && kind != leaf {
                return None;
            }
            if kind == leaf || keyed == Keyed::ByKey {
                rows += u64::from(page.cells());
            }
            if kind == inner {
                let (from, to) = *self.inner.get(&number)?;
                left.extend(self.children[from..to].iter().map(|child| (*child, depth + 1)));
            }
        }
        Some(rows)
    }
}

fn u16_at(page: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([page[at], page[at + 1]])
}

fn u32_at(page: &[u8], at: usize) -> Option<u32> {
    page.get(at..at + 4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
