//! Why something may not be done now.

use super::{Allowance, Rate};
use crate::store::StoreError;

/// A bound is reached.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// Too often.
    #[error("there were too many {} of this {subject}: {} {} are allowed", rate.what(), allowance.limit, rate.per())]
    Rate {
        /// Of what.
        rate: Rate,
        /// `tenant`, `principal` or `address`.
        subject: &'static str,
        /// When it goes on.
        allowance: Allowance,
    },
    /// The plan's number of runs of a month is used up.
    #[error("the plan's {} runs of this month are used up", allowance.limit)]
    Month {
        /// When it goes on.
        allowance: Allowance,
    },
    /// The counters cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QuotaError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rate { .. } => "rate_limited",
            Self::Month { .. } => "quota_exceeded",
            Self::Store(error) => error.code(),
        }
    }

    /// What is left, and when there is more.
    #[must_use]
    pub fn allowance(&self) -> Option<Allowance> {
        match self {
            Self::Rate { allowance, .. } | Self::Month { allowance } => Some(*allowance),
            Self::Store(_) => None,
        }
    }
}
