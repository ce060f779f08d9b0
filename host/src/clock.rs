//! The one home of the wall clock: everything else is handed a [`Clock`].

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use ulid::{Generator, Ulid};

/// Tells the time, and makes ids that sort by it.
#[derive(Clone)]
pub struct Clock {
    source: Source,
    ulids: Arc<Mutex<Generator>>,
}

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self { source: Source::System, ulids: Arc::default() }
    }

    /// A clock that stands still until it is moved by [`Clock::advance`]; for tests.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self { source: Source::Manual(Arc::new(Mutex::new(start))), ulids: Arc::default() }
    }

    /// Moves a manual clock forward; the system's clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.source {
            let mut now = now.lock();
            *now = now.saturating_add(by).unwrap_or(Timestamp::MAX);
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.source {
            #[expect(clippy::disallowed_methods, reason = "the clock's one home")]
            Source::System => Timestamp::now(),
            Source::Manual(now) => *now.lock(),
        }
    }

    /// Milliseconds since the Unix epoch; 0 before it.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        u64::try_from(self.now().as_millisecond()).unwrap_or(0)
    }

    /// Microseconds since the Unix epoch; 0 before it.
    #[must_use]
    pub fn unix_us(&self) -> u64 {
        u64::try_from(self.now().as_microsecond()).unwrap_or(0)
    }

    /// A new ULID, greater than every earlier one of this clock.
    #[must_use]
    pub fn ulid(&self) -> Ulid {
        let at = std::time::UNIX_EPOCH + Duration::from_millis(self.unix_ms());
        let mut ulids = self.ulids.lock();
        // The generator fails only when 2^80 ids were drawn within one millisecond.
        ulids.generate_from_datetime(at).unwrap_or_else(|_| Ulid::from_datetime(at))
    }
}
