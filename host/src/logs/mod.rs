//! The log: capture of what runs write, group commit, queries, following and retention.
//!
//! A stream's bytes become lines in [`Capture`], wait in a bounded queue, and are committed by one thread for all tenants
//! (`committer`): packed into chunk values (`pack`, `codec`), one atomic batch for each tenant, one flush for all. What
//! is durable is told to followers from memory; [`LogReader`] reads what is stored. Lines have sequence numbers from 1
//! without holes, for each tenant. What touches every line or byte is the crate `cloister-lines`; nothing here names the
//! database: `store::log_chunks` does.

mod chunk;
mod codec;
mod committer;
mod delete;
mod error;
mod follow;
mod line;
mod lookup;
mod pack;
mod params;
mod query;
mod queue;
mod reader;
mod retention;
mod scan;
mod shared;
mod split;
mod stats;
mod tally;
mod tenant;
mod writer;

#[cfg(test)]
mod tests;

pub use cloister_lines::{
    FieldFilter, LogLevel, LogStream, MAX_PATTERN_BYTES, Mark, SearchError, UnknownWord, detect_level,
    parse_fields, show_bytes,
};
pub use error::LogError;
pub use follow::{FollowBatch, FollowEvent, FollowFrom, LogFollow};
pub use line::{Line, LineSource};
pub use lookup::{Checked, LogContext, MAX_CONTEXT_LINES};
pub use query::{LogCursor, LogFilter, LogOrder, LogQuery};
pub use queue::SeqRange;
pub use reader::{LogPage, LogReader, MAX_PAGE_LINES};
pub use retention::{Retention, Trimmed};
pub use split::{LineBatch, LineSplitter, MAX_LINE_BYTES, RawLine};
pub use stats::{Counter, LogStats};
pub use tally::{LogTally, MAX_BUCKETS, RunBytes, StreamBytes};
pub use writer::{Capture, LogWriter, RunLog};

/// Damaged lines, first and last, as the API shows them.
#[must_use]
pub fn missing_to_api(missing: &[(u64, u64)]) -> Vec<crate::api::MissingLines> {
    let shown = |&(first_seq, last_seq): &(u64, u64)| crate::api::MissingLines { first_seq, last_seq };
    missing.iter().map(shown).collect()
}
