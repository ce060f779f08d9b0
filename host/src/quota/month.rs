//! Counts of a calendar month (UTC).

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::levels::passed;

/// What is warned of, in percent of the bound.
pub(super) const WARN_AT: [u8; 2] = [80, 100];

/// A tenant's counts of one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Month {
    /// Such as `2026-11`.
    pub(super) name: String,
    pub(super) runs: u64,
    /// The highest of [`WARN_AT`] that was warned of.
    pub(super) warned: u8,
    pub(super) dirty: bool,
}

impl Month {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), runs: 0, warned: 0, dirty: false }
    }

    /// The highest threshold that is newly passed.
    pub(super) fn warning(&mut self, limit: u64) -> Option<u8> {
        let highest = passed(self.runs, limit);
        (highest > self.warned).then(|| {
            self.warned = highest;
            highest
        })
    }
}

/// The month of an instant, and when the next begins, in seconds since the Unix epoch.
pub(super) fn month_of(now: Timestamp) -> (String, u64) {
    let date = now.to_zoned(TimeZone::UTC).date();
    let next = date.first_of_month().saturating_add(1.month());
    let end = next.to_zoned(TimeZone::UTC).map_or(i64::MAX, |zoned| zoned.timestamp().as_second());
    (format!("{:04}-{:02}", date.year(), date.month()), u64::try_from(end).unwrap_or(0))
}
