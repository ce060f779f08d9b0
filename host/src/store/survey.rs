//! Reading all that is alive, in the background.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::database::Database;
use super::log_chunks::stored_bytes;
use super::shrink::{SPARE_BYTES, worth_bytes};
use super::{Store, StoreError, keys};

/// How long somebody reads at a time.
const SLICE: Duration = Duration::from_millis(5);
/// Who works in the background leaves this part of the time to others.
const REST: u32 = 3;

/// What is alive in a database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Number of records.
    pub(super) records: u64,
    /// Bytes of all records and log lines.
    pub(super) alive_bytes: u64,
}

/// Sees to it that work in the background takes a quarter of a core.
pub(super) struct Pace {
    began: Instant,
}

impl Pace {
    pub(super) fn start() -> Self {
        Self { began: Instant::now() }
    }

    /// Sleeps when this has been going on for a while. Blocks.
    pub(super) fn rest_when_due(&mut self) {
        if self.began.elapsed() >= SLICE {
            self.rest();
        }
    }

    /// Sleeps, three times as long as this has been going on. Blocks.
    pub(super) fn rest(&mut self) {
        std::thread::sleep(self.began.elapsed() * REST);
        self.began = Instant::now();
    }
}

impl Store {
    /// Reads all records, as long as `goes_on`: how many; `None` when it was not to go on. Finds out with that whether there is
    /// disk space to give back for the next [`Store::shrink_when_due`]. Blocks, and leaves most of the time to others.
    ///
    /// # Errors
    /// `data_dir_damaged` at the first that cannot be read.
    pub fn check_blocking(&self, goes_on: impl Fn() -> bool) -> Result<Option<u64>, StoreError> {
        let database = self.database();
        let Some(survey) = self.survey(&database, &goes_on)? else { return Ok(None) };
        let freed_bytes = database.size_bytes()?.saturating_sub(worth_bytes(survey.alive_bytes, SPARE_BYTES));
        self.inner.freed_bytes.fetch_add(freed_bytes, Ordering::Relaxed);
        Ok(Some(survey.records))
    }

    /// Reads all records and looks at all logs; `None` when it was not to go on. Blocks, and leaves most of the time to others.
    pub(super) fn survey(
        &self,
        database: &Database,
        goes_on: &impl Fn() -> bool,
    ) -> Result<Option<Survey>, StoreError> {
        let (mut found, mut pace) = (Survey::default(), Pace::start());
        for pair in database.records() {
            if !goes_on() {
                return Ok(None);
            }
            let (key, value) = pair.map_err(StoreError::database("read a record"))?;
            found.records += 1;
            found.alive_bytes += (key.len() + value.len()) as u64;
            pace.rest_when_due();
        }
        for name in database.sled().tree_names() {
            if name == keys::RECORDS_TREE.as_bytes() {
                continue;
            }
            if !goes_on() {
                return Ok(None);
            }
            {
                // A log may go with its tenant at any time, and opening it would make it anew.
                let _gate = self.inner.logs.lock();
                if database.has_tree(&name) {
                    let tree = database.sled().open_tree(&name);
                    found.alive_bytes += stored_bytes(&tree.map_err(StoreError::database("open a tree"))?)?;
                }
            }
            pace.rest_when_due();
        }
        Ok(Some(found))
    }
}
