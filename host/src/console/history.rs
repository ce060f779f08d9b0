//! What principals have typed: kept for each in each tenant, newest first, searched by text, and forgotten when they say so.

use crate::api;
use crate::auth::{Permit, TenantScope, act};
use crate::clock::Clock;
use crate::ids::PrincipalId;
use crate::store::{CommandLineRecord, Page, Store, StoreError};

/// Lines kept of one principal in one tenant; older ones are forgotten.
pub const MAX_HISTORY_LINES: usize = 2_000;
/// Longest line that is kept, in bytes; a longer one is not.
pub const MAX_HISTORY_LINE_BYTES: usize = 8 << 10;

/// Keeps command lines. Cheap to clone.
#[derive(Clone)]
pub struct History {
    store: Store,
    clock: Clock,
}

impl History {
    /// On top of a store.
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Keeps a line. One that is empty, too long, or the same as the last is not kept. The caller has left out what nobody
    /// should read again: secrets are not known here.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn add(
        &self,
        scope: &TenantScope,
        principal: &PrincipalId,
        line: &str,
    ) -> Result<(), StoreError> {
        let line = line.trim();
        if line.is_empty() || line.len() > MAX_HISTORY_LINE_BYTES {
            return Ok(());
        }
        let record = CommandLineRecord { line: line.to_owned(), at: self.clock.now() };
        let id = self.clock.ulid().to_string().to_ascii_lowercase();
        let (scope, principal) = (scope.clone(), principal.clone());
        self.store
            .write_soon(move |writer| {
                writer.add_command_line(&scope, &principal, &id, &record, MAX_HISTORY_LINES)
            })
            .await
    }

    /// The newest lines that contain a text, newest first: for a program's own keys.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn newest(
        &self,
        scope: &TenantScope,
        principal: &PrincipalId,
        text: &str,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let (scope, principal, text) = (scope.clone(), principal.clone(), text.to_owned());
        let read = self.store.read::<_, StoreError, _>(move |reader| {
            reader.command_lines(&scope, &principal, None, limit, |record| record.line.contains(&text))
        });
        Ok(read.await?.items.into_iter().map(|record| record.line).collect())
    }

    /// A page of the caller's lines that contain a text, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn search(
        &self,
        permit: &Permit<act::ConsoleUse>,
        text: Option<String>,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<api::ConsoleHistoryEntry>, StoreError> {
        let (scope, principal) = (permit.scope().clone(), permit.principal().clone());
        let text = text.unwrap_or_default();
        let read = self.store.read::<_, StoreError, _>(move |reader| {
            reader.command_lines(&scope, &principal, after, limit, |record| record.line.contains(&text))
        });
        let shown = |record: CommandLineRecord| api::ConsoleHistoryEntry {
            line: record.line,
            at: format!("{:.6}", record.at),
        };
        Ok(read.await?.map(shown))
    }

    /// Forgets all of the caller's lines.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn clear(&self, permit: &Permit<act::ConsoleUse>) -> Result<(), StoreError> {
        let (scope, principal) = (permit.scope().clone(), permit.principal().clone());
        self.store
            .write::<_, StoreError, _>(move |writer| {
                writer.remove_command_lines(&scope, &principal, MAX_HISTORY_LINES + 1)
            })
            .await
    }
}
