//! Masking: what must not be kept in log lines and audit records is overwritten with `*` before it is stored.
//!
//! Every masked byte becomes one `*`, so that positions in a run's output stay what they were: who follows a run and
//! comes back finds their place, whether the bytes come from memory or from the log. The output that a run's caller
//! sees live is theirs, and is not masked.

mod cards;
mod keeper;
mod masker;

pub use keeper::{Masking, MaskingError};
pub use masker::{MAX_PATTERN_BYTES, MAX_PATTERNS, MIN_SECRET_BYTES, Masker};

#[cfg(test)]
mod tests;
