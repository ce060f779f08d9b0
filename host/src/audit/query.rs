//! Pages of records, filtered.

use jiff::Timestamp;

use super::{Audit, AuditError, Chain, Outcome};
use crate::api::{AuditHead, AuditRecord};
use crate::store::{Direction, Page, PageQuery, StoreError, audit_position};

/// Longest text of a filter, in bytes.
const MAX_FILTER_BYTES: usize = 512;

/// Which records.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    actor: Option<String>,
    action: Option<String>,
    resource: Option<String>,
    outcome: Option<Outcome>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl AuditFilter {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Only of this actor.
    ///
    /// # Errors
    /// When it is too long.
    pub fn actor(mut self, actor: Option<&str>) -> Result<Self, AuditError> {
        self.actor = text("actor", actor)?;
        Ok(self)
    }

    /// Only this action; with `*` at its end, all that begin so.
    ///
    /// # Errors
    /// When it is too long.
    pub fn action(mut self, action: Option<&str>) -> Result<Self, AuditError> {
        self.action = text("action", action)?;
        Ok(self)
    }

    /// Only on resources that contain this text.
    ///
    /// # Errors
    /// When it is too long.
    pub fn resource(mut self, resource: Option<&str>) -> Result<Self, AuditError> {
        self.resource = text("resource", resource)?;
        Ok(self)
    }

    /// Only with this outcome.
    ///
    /// # Errors
    /// When there is no such outcome.
    pub fn outcome(mut self, outcome: Option<&str>) -> Result<Self, AuditError> {
        let known = |word: &str| Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word);
        let unknown =
            || AuditError::Invalid("`outcome`: expected done, failed, denied or unknown".to_owned());
        self.outcome = filled(outcome).map(|word| known(word).ok_or_else(unknown)).transpose()?;
        Ok(self)
    }

    /// Only from this time on, and before that one; RFC 3339.
    ///
    /// # Errors
    /// When one is no time.
    pub fn between(mut self, from: Option<&str>, to: Option<&str>) -> Result<Self, AuditError> {
        self.from = time("from", from)?;
        self.to = time("to", to)?;
        Ok(self)
    }

    /// Whether a record is wanted.
    #[must_use]
    pub fn wants(&self, record: &AuditRecord) -> bool {
        let is = |wanted: &Option<String>, there: &str| wanted.as_deref().is_none_or(|text| text == there);
        is(&self.actor, &record.actor)
            && self.action.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
                Some(start) => record.action.starts_with(start),
                None => record.action == wanted,
            })
            && self.resource.as_deref().is_none_or(|part| record.resource.contains(part))
            && self.outcome.is_none_or(|outcome| outcome.as_str() == record.outcome)
            && self.in_time(record)
    }

    fn in_time(&self, record: &AuditRecord) -> bool {
        if self.from.is_none() && self.to.is_none() {
            return true;
        }
        let Ok(at) = record.time.parse::<Timestamp>() else { return false };
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn text(name: &str, given: Option<&str>) -> Result<Option<String>, AuditError> {
    let given = filled(given);
    if given.is_some_and(|text| text.len() > MAX_FILTER_BYTES) {
        return Err(AuditError::Invalid(format!("`{name}` is longer than {MAX_FILTER_BYTES} bytes")));
    }
    Ok(given.map(str::to_owned))
}

fn time(name: &str, given: Option<&str>) -> Result<Option<Timestamp>, AuditError> {
    let parsed = filled(given).map(str::parse).transpose();
    parsed.map_err(|error| AuditError::Invalid(format!("`{name}`: {error}")))
}

/// Which page.
#[derive(Debug, Clone)]
pub struct AuditQuery {
    /// Which records.
    pub filter: AuditFilter,
    /// Oldest first, or newest first.
    pub direction: Direction,
    /// Where the last page ended.
    pub after: Option<Vec<u8>>,
    /// Records per page.
    pub limit: usize,
}

impl AuditQuery {
    /// The records that follow one, oldest first.
    pub(super) fn following(seq: u64, filter: AuditFilter, limit: usize) -> Self {
        let after = Some(audit_position(seq).into_bytes());
        Self { filter, direction: Direction::Ascending, after, limit }
    }
}

impl Audit {
    /// A page of a chain's records. A filter that matches little gives short pages with a next one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn page(&self, chain: Chain, query: AuditQuery) -> Result<Page<AuditRecord>, AuditError> {
        let AuditQuery { filter, direction, after, limit } = query;
        let query = PageQuery { limit, after, direction };
        let read = self.book.store.read::<_, StoreError, _>(move |reader| {
            reader.audit_records(&chain, &query, |record| filter.wants(record))
        });
        Ok(read.await?)
    }

    /// Where a chain ends.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn head(&self, chain: Chain) -> Result<AuditHead, AuditError> {
        if let Some(end) = self.book.heads.read().get(&chain) {
            return Ok(end.clone());
        }
        let book = std::sync::Arc::clone(&self.book);
        let read = tokio::task::spawn_blocking(move || book.end(&chain));
        Ok(read.await.map_err(|_| StoreError::Interrupted)??)
    }
}
