//! A whole chain as a stream of bytes.

use bytes::Bytes;
use futures_util::stream::{self, Stream};

use super::{Audit, AuditError, AuditFilter, AuditQuery, CSV_HEAD, Chain, csv_line};
use crate::api::AuditRecord;

/// Records read and sent at once.
const STEP: usize = 1_000;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// A line of JSON for each record.
    JsonLines,
    /// CSV with a first line of names.
    Csv,
}

impl ExportFormat {
    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::JsonLines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// How files of it end.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
        }
    }

    fn head(self) -> &'static str {
        match self {
            Self::JsonLines => "",
            Self::Csv => CSV_HEAD,
        }
    }

    fn line(self, record: &AuditRecord) -> Result<Vec<u8>, AuditError> {
        match self {
            Self::Csv => csv_line(record),
            Self::JsonLines => {
                let mut line = serde_json::to_vec(record).map_err(|_| AuditError::Failed)?;
                line.push(b'\n');
                Ok(line)
            }
        }
    }
}

/// Where an export stands: the record it has sent, or its end.
struct Export {
    audit: Audit,
    chain: Chain,
    filter: AuditFilter,
    format: ExportFormat,
    after: u64,
    through: u64,
    begun: bool,
}

impl Audit {
    /// The records that a chain has now, oldest first, a step at a time.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn export(
        &self,
        chain: Chain,
        filter: AuditFilter,
        format: ExportFormat,
    ) -> Result<impl Stream<Item = Result<Bytes, AuditError>> + Send + use<>, AuditError> {
        let through = self.head(chain.clone()).await?.seq;
        let audit = self.clone();
        let export = Export { audit, chain, filter, format, after: 0, through, begun: false };
        Ok(stream::try_unfold(export, |mut export| async move {
            Ok(export.step().await?.map(|bytes| (bytes, export)))
        }))
    }
}

impl Export {
    async fn step(&mut self) -> Result<Option<Bytes>, AuditError> {
        let mut text = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            text.extend_from_slice(self.format.head().as_bytes());
        }
        while self.after < self.through {
            let query = AuditQuery::following(self.after, AuditFilter::all(), STEP);
            let page = self.audit.page(self.chain.clone(), query).await?;
            self.after = page.items.last().map_or(self.through, |record| record.seq);
            for record in page.items.iter().filter(|record| record.seq <= self.through) {
                if self.filter.wants(record) {
                    text.extend(self.format.line(record)?);
                }
            }
            if !text.is_empty() {
                break;
            }
        }
        Ok((!text.is_empty()).then(|| text.into()))
    }
}
