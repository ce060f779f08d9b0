//! What principals typed on the console.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::auth::TenantScope;
use crate::ids::PrincipalId;
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandLineRecord {
    /// What was typed.
    pub line: String,
    /// When.
    pub at: Timestamp,
}

impl Record for CommandLineRecord {}

/// How many lines a principal has; counted, so that adding one looks through none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct CommandLineCount {
    lines: usize,
}

impl Record for CommandLineCount {}

fn prefix(scope: &TenantScope, principal: &PrincipalId) -> Prefix {
    Prefix::in_tenant(scope, Kind::CommandLine, &[principal.as_str()])
}

fn count_key(scope: &TenantScope, principal: &PrincipalId) -> Key {
    Key::in_tenant(scope, Kind::CommandLineCount, &[principal.as_str()])
}

impl Reader {
    /// A principal's lines that `wanted` accepts, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn command_lines(
        &self,
        scope: &TenantScope,
        principal: &PrincipalId,
        after: Option<Vec<u8>>,
        limit: usize,
        wanted: impl FnMut(&CommandLineRecord) -> bool,
    ) -> Result<Page<CommandLineRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Descending };
        self.page(&prefix(scope, principal), &query, wanted)
    }
}

impl Writer {
    /// Adds a line, unless it is the same as the newest, and forgets the oldest beyond `limit`. `id` sorts by time.
    ///
    /// # Errors
    /// When the store fails.
    pub fn add_command_line(
        &mut self,
        scope: &TenantScope,
        principal: &PrincipalId,
        id: &str,
        record: &CommandLineRecord,
        limit: usize,
    ) -> Result<(), StoreError> {
        let newest = self.before().command_lines(scope, principal, None, 1, |_| true)?;
        if newest.items.first().is_some_and(|newest| newest.line == record.line) {
            return Ok(());
        }
        let counted = self.get::<CommandLineCount>(&count_key(scope, principal))?.unwrap_or_default();
        let mut lines = counted.lines + 1;
        if lines > limit {
            let surplus = self.before().keys(&prefix(scope, principal), lines - limit)?;
            lines -= surplus.len();
            surplus.into_iter().for_each(|key| self.remove(key));
        }
        self.put(count_key(scope, principal), &CommandLineCount { lines })?;
        self.put(Key::in_tenant(scope, Kind::CommandLine, &[principal.as_str(), id]), record)
    }

    /// Removes a principal's lines, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_command_lines(
        &mut self,
        scope: &TenantScope,
        principal: &PrincipalId,
        limit: usize,
    ) -> Result<(), StoreError> {
        let keys = self.before().keys(&prefix(scope, principal), limit)?;
        keys.into_iter().for_each(|key| self.remove(key));
        self.remove(count_key(scope, principal));
        Ok(())
    }
}
