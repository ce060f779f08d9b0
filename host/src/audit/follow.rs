//! Following a chain as it grows.

use std::collections::VecDeque;

use futures_util::stream::{self, Stream};

use super::{Audit, AuditError, AuditFilter, AuditQuery, Chain};
use crate::api::AuditRecord;

/// Records read at once.
const STEP: usize = 200;

struct Follow {
    audit: Audit,
    chain: Chain,
    filter: AuditFilter,
    after: u64,
    ready: VecDeque<AuditRecord>,
    batches: tokio::sync::watch::Receiver<u64>,
}

impl Audit {
    /// The records after one, those that come included. It ends only with an error.
    pub fn follow(
        &self,
        chain: Chain,
        after: u64,
        filter: AuditFilter,
    ) -> impl Stream<Item = Result<AuditRecord, AuditError>> + Send + use<> {
        let batches = self.book.batches.subscribe();
        let follow = Follow { audit: self.clone(), chain, filter, after, ready: VecDeque::new(), batches };
        stream::unfold(Some(follow), async |follow| {
            let mut follow = follow?;
            match follow.next().await {
                Ok(record) => Some((Ok(record), Some(follow))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

impl Follow {
    async fn next(&mut self) -> Result<AuditRecord, AuditError> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Ok(record);
            }
            // What is written from here on wakes the wait below.
            self.batches.mark_unchanged();
            if self.audit.head(self.chain.clone()).await?.seq > self.after {
                self.read().await?;
            } else if self.batches.changed().await.is_err() {
                return Err(AuditError::Failed);
            }
        }
    }

    async fn read(&mut self) -> Result<(), AuditError> {
        // Read unfiltered: the place to go on from is that of the last record seen, not of the last one wanted.
        let query = AuditQuery::following(self.after, AuditFilter::all(), STEP);
        let page = self.audit.page(self.chain.clone(), query).await?;
        self.after = page.items.last().map_or(self.after, |record| record.seq);
        if page.items.is_empty() {
            // The head is ahead of what can be read: a damaged chain, which `verify` describes.
            self.after = self.audit.head(self.chain.clone()).await?.seq;
        }
        self.ready.extend(page.items.into_iter().filter(|record| self.filter.wants(record)));
        Ok(())
    }
}
