//! How much a tenant and its principals may do: rates, and counts of a month.
//!
//! Rates are those of `governor` (the generic cell rate algorithm): a bucket that holds a minute's or an hour's worth
//! and fills steadily. Its whole state is one instant, so it survives a restart as one number; what is written is
//! gathered for a second. Limits come with every question, so that a change of plan counts at once.

mod error;
mod keeper;
mod levels;
mod month;
mod rates;
mod usage;

pub use error::QuotaError;
pub use keeper::Quota;
pub use rates::{Allowance, Rate, Subject};
pub(crate) use usage::item;

#[cfg(test)]
mod tests;
