//! The audit: an append-only chain of records for each tenant, and one for the host.
//!
//! Records come from one place: [`Trail`], which surrounds every request, learns on the way who acts and what was decided,
//! and says at the end what is to be recorded, so that no handler can forget to. Only runs say so themselves, at the
//! one place where they start, since they may take long. [`Audit`] hands events to one thread, which numbers and
//! chains them and writes a batch at a time. A change is answered once its record is on disk; when records cannot be
//! written, changes are refused.

mod chain;
mod coalesce;
mod committer;
mod csv;
mod error;
mod event;
mod export;
mod follow;
mod query;
mod trail;
mod verify;
mod writer;

pub use chain::{ChainCheck, Finding, GENESIS, digest};
pub use csv::{CSV_HEAD, csv_line};
pub use error::AuditError;
pub use event::{Actor, Chain, Event, Outcome};
pub use export::ExportFormat;
pub use query::{AuditFilter, AuditQuery};
pub use trail::{Conclusion, Trail};
pub use verify::{ChainReport, verify_blocking};
pub use writer::{Audit, AuditStats, Recorded};

#[cfg(test)]
mod tests;
