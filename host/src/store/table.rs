//! Reading and staging typed records.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::value::{decode, encode};
use super::{Key, Prefix, Record, StoreError};

/// Records looked at for one page. A page may come back short, with a cursor, when its filter matches few of them.
pub const MAX_SCANNED_PER_PAGE: usize = 10_000;

/// Which way a list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest key first; oldest first where keys hold times or ULIDs.
    Ascending,
    /// Largest key first.
    Descending,
}

/// Which page of a list is wanted.
#[derive(Debug, Clone)]
pub struct PageQuery {
    /// Items per page.
    pub limit: usize,
    /// Where the previous page ended: the `next` of its [`Page`].
    pub after: Option<Vec<u8>>,
    /// Which way the list goes.
    pub direction: Direction,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts; absent on the last.
    pub next: Option<Vec<u8>>,
}

impl<T> Page<T> {
    /// The same page with other items.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

/// Reads records. Blocks.
pub struct Reader {
    tree: sled::Tree,
}

impl Reader {
    pub(super) fn new(tree: sled::Tree) -> Self {
        Self { tree }
    }

    /// One record.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get<R: Record>(&self, key: &Key) -> Result<Option<R>, StoreError> {
        let found = self.tree.get(key.as_bytes()).map_err(StoreError::database("read a record"))?;
        found.map(|bytes| decode(&bytes)).transpose()
    }

    /// True when the record exists.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn contains(&self, key: &Key) -> Result<bool, StoreError> {
        self.tree.contains_key(key.as_bytes()).map_err(StoreError::database("look for a record"))
    }

    /// One page of the records below a prefix that `wanted` accepts.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn page<R: Record>(
        &self,
        prefix: &Prefix,
        query: &PageQuery,
        mut wanted: impl FnMut(&R) -> bool,
    ) -> Result<Page<R>, StoreError> {
        let mut items = Vec::new();
        let mut last_seen: Option<Vec<u8>> = None;
        for (scanned, entry) in self.walk(prefix, query).enumerate() {
            if items.len() == query.limit || scanned == MAX_SCANNED_PER_PAGE {
                return Ok(Page { items, next: last_seen });
            }
            let (key, value) = entry.map_err(StoreError::database("list records"))?;
            let record = decode(&value)?;
            if wanted(&record) {
                items.push(record);
            }
            last_seen = Some(key[prefix.as_bytes().len()..].to_vec());
        }
        Ok(Page { items, next: None })
    }

    /// The first `limit` records below a prefix, with their keys.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn first<R: Record>(&self, prefix: &Prefix, limit: usize) -> Result<Vec<(Key, R)>, StoreError> {
        let all = PageQuery { limit, after: None, direction: Direction::Ascending };
        let entries = self.walk(prefix, &all).take(limit);
        entries
            .map(|entry| {
                let (key, value) = entry.map_err(StoreError::database("list records"))?;
                Ok((Key::from_bytes(&key), decode(&value)?))
            })
            .collect()
    }

    /// The first `limit` keys below a prefix.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn keys(&self, prefix: &Prefix, limit: usize) -> Result<Vec<Key>, StoreError> {
        let all = PageQuery { limit, after: None, direction: Direction::Ascending };
        let keys = self.walk(prefix, &all).take(limit);
        keys.map(|entry| Ok(Key::from_bytes(&entry.map_err(StoreError::database("list records"))?.0)))
            .collect()
    }

    /// How many records are below a prefix. Looks at each, without reading it.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(super) fn count(&self, prefix: &Prefix) -> Result<u64, StoreError> {
        let all = PageQuery { limit: usize::MAX, after: None, direction: Direction::Ascending };
        self.walk(prefix, &all)
            .try_fold(0, |count, entry| entry.map(|_| count + 1))
            .map_err(StoreError::database("count records"))
    }

    fn walk(
        &self,
        prefix: &Prefix,
        query: &PageQuery,
    ) -> Box<dyn Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>> {
        let start = prefix.as_bytes().to_vec();
        let end = prefix.end();
        let after = query.after.as_deref().map(|rest| prefix.key(rest));
        match (query.direction, after) {
            (Direction::Ascending, None) => {
                Box::new(self.tree.range((Bound::Included(start), Bound::Excluded(end))))
            }
            (Direction::Ascending, Some(after)) if after < end => {
                Box::new(self.tree.range((Bound::Excluded(after), Bound::Excluded(end))))
            }
            (Direction::Descending, None) => {
                Box::new(self.tree.range((Bound::Included(start), Bound::Excluded(end))).rev())
            }
            (Direction::Descending, Some(after)) if after > start && after < end => {
                Box::new(self.tree.range((Bound::Included(start), Bound::Excluded(after))).rev())
            }
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// Reads and stages changes, which are applied together when the work succeeds. Blocks.
pub struct Writer {
    reader: Reader,
    staged: BTreeMap<Key, Option<Vec<u8>>>,
}

impl Writer {
    pub(super) fn new(tree: sled::Tree) -> Self {
        Self { reader: Reader::new(tree), staged: BTreeMap::new() }
    }

    /// One record, as staged changes leave it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get<R: Record>(&self, key: &Key) -> Result<Option<R>, StoreError> {
        match self.staged.get(key) {
            Some(staged) => staged.as_deref().map(decode).transpose(),
            None => self.reader.get(key),
        }
    }

    /// True when the record exists, as staged changes leave it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn contains(&self, key: &Key) -> Result<bool, StoreError> {
        self.staged.get(key).map_or_else(|| self.reader.contains(key), |staged| Ok(staged.is_some()))
    }

    /// The records as they were before the staged changes; for lists.
    #[must_use]
    pub fn before(&self) -> &Reader {
        &self.reader
    }

    /// Writes a record, over an older one.
    ///
    /// # Errors
    /// When it is too large.
    pub fn put<R: Record>(&mut self, key: Key, record: &R) -> Result<(), StoreError> {
        self.staged.insert(key, Some(encode(record)?));
        Ok(())
    }

    /// Removes a record, if there is one.
    pub fn remove(&mut self, key: Key) {
        self.staged.insert(key, None);
    }

    /// The staged changes.
    pub(super) fn into_batch(self) -> Option<sled::Batch> {
        if self.staged.is_empty() {
            return None;
        }
        let mut batch = sled::Batch::default();
        for (key, value) in self.staged {
            match value {
                Some(value) => batch.insert(key.as_bytes(), value),
                None => batch.remove(key.as_bytes()),
            }
        }
        Some(batch)
    }
}
