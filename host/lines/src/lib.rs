//! What the log does for each line or each byte: levels, marks, heads, compression and search.
//!
//! A crate of its own so that it is optimised in full in every profile: a filter looks at millions of lines, and a flood
//! writes as many. It knows no tenant, run or store; what a chunk is beyond heads and text is the host's.

mod block;
mod field;
mod head;
mod level;
mod mark;
mod pattern;
mod search;

#[cfg(test)]
mod measure;

pub use block::{TextCodec, unpack};
pub use field::{FieldFilter, parse_fields};
pub use head::{Head, Heads, put_heads, put_varint, read_heads, take_varint};
pub use level::detect_level;
pub use mark::{LogLevel, LogStream, Mark, UnknownWord, show_bytes};
pub use search::{MAX_PATTERN_BYTES, Search, SearchError, Wanted};
