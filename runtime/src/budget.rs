//! What all runs of one tenant may use together. Reserved before use, given back when the reservation is dropped.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Memories and tables of all guests, in bytes.
    Memory,
    /// Runs that were admitted and have not ended.
    Runs,
    /// Files, directories and sockets that guests hold open.
    OpenFiles,
    /// Output that guests wrote and nobody has taken yet, in bytes.
    Output,
    /// Threads of the host that work for a guest while its own waits: name look-ups, for example.
    HostThreads,
}

impl Resource {
    /// Every resource, in the order of their declaration.
    pub const ALL: [Self; 5] = [Self::Memory, Self::Runs, Self::OpenFiles, Self::Output, Self::HostThreads];

    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Runs => "runs",
            Self::OpenFiles => "open_files",
            Self::Output => "output",
            Self::HostThreads => "host_threads",
        }
    }
}

/// The most that all runs of one tenant may use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Memories and tables, in bytes.
    pub memory_bytes: u64,
    /// Runs at a time.
    pub runs: u64,
    /// Files, directories and sockets open at a time.
    pub open_files: u64,
    /// Output on its way out, in bytes. A guest waits while less than one write is left.
    pub output_bytes: u64,
    /// Threads of the host at work at a time.
    pub host_threads: u64,
}

impl BudgetLimits {
    /// No bounds: for a person running a file of their own.
    pub const UNLIMITED: Self = Self {
        memory_bytes: u64::MAX,
        runs: u64::MAX,
        open_files: u64::MAX,
        output_bytes: u64::MAX,
        host_threads: u64::MAX,
    };

    fn of(&self, resource: Resource) -> u64 {
        match resource {
            Resource::Memory => self.memory_bytes,
            Resource::Runs => self.runs,
            Resource::OpenFiles => self.open_files,
            Resource::Output => self.output_bytes,
            Resource::HostThreads => self.host_threads,
        }
    }
}

/// One resource of a budget, as it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BudgetUse {
    /// Reserved now.
    pub used: u64,
    /// The most that may be.
    pub limit: u64,
    /// The most that ever was.
    pub peak: u64,
    /// Reservations that were refused.
    pub refused: u64,
}

/// A reservation that would go over the tenant's budget. Nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tenant's budget of {} is used up: {wanted} wanted, {used} of {limit} in use", .resource.name())]
pub struct Exhausted {
    /// What is used up.
    pub resource: Resource,
    /// What was asked for.
    pub wanted: u64,
    /// What was reserved at that moment.
    pub used: u64,
    /// The limit at that moment.
    pub limit: u64,
}

/// What all runs of one tenant may use together. Clones are the same budget.
#[derive(Debug, Clone)]
pub struct Budget(Arc<[Account; Resource::ALL.len()]>);

/// One resource. `used` is at most what the limit was at the last successful reservation.
#[derive(Debug, Default)]
struct Account {
    used: AtomicU64,
    limit: AtomicU64,
    peak: AtomicU64,
    refused: AtomicU64,
    /// True while `waiters` may hold someone.
    waiting: AtomicBool,
    waiters: Mutex<Vec<Waker>>,
}

impl Budget {
    /// An unused budget.
    #[must_use]
    pub fn new(limits: &BudgetLimits) -> Self {
        let budget = Self(Arc::default());
        budget.set_limits(limits);
        budget
    }

    /// Changes the limits at once. What is reserved above a lower one stays so until it is given back.
    pub fn set_limits(&self, limits: &BudgetLimits) {
        for resource in Resource::ALL {
            let account = self.account(resource);
            account.limit.store(limits.of(resource), Ordering::SeqCst);
            account.wake();
        }
    }

    /// Reserves before use, in constant time.
    ///
    /// # Errors
    /// [`Exhausted`] when it would go over the limit; nothing is reserved then.
    pub fn reserve(&self, resource: Resource, amount: u64) -> Result<Reservation, Exhausted> {
        let mut reservation = self.nothing(resource);
        reservation.grow(amount)?;
        Ok(reservation)
    }

    /// A reservation of nothing yet.
    pub fn nothing(&self, resource: Resource) -> Reservation {
        Reservation { budget: self.clone(), resource, amount: 0 }
    }

    /// Reserves, waiting while others hold too much. Whoever waits is woken by each release: there is no order among
    /// those who wait. Waits for ever for more than the limit.
    pub async fn reserved(&self, resource: Resource, amount: u64) -> Reservation {
        poll_fn(|context| self.poll_reserve(resource, amount, context)).await
    }

    /// As [`Budget::reserved`], for one poll.
    pub fn poll_reserve(
        &self,
        resource: Resource,
        amount: u64,
        context: &mut Context<'_>,
    ) -> Poll<Reservation> {
        let account = self.account(resource);
        if account.take(amount).is_err() {
            account.wait(context.waker());
            // Something may have been given back between the attempt and the wait.
            if account.take(amount).is_err() {
                return Poll::Pending;
            }
        }
        Poll::Ready(Reservation { budget: self.clone(), resource, amount })
    }

    /// One resource as it stands.
    #[must_use]
    pub fn usage(&self, resource: Resource) -> BudgetUse {
        let account = self.account(resource);
        BudgetUse {
            used: account.used.load(Ordering::Relaxed),
            limit: account.limit.load(Ordering::Relaxed),
            peak: account.peak.load(Ordering::Relaxed),
            refused: account.refused.load(Ordering::Relaxed),
        }
    }

    /// True when nothing is reserved.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.0.iter().all(|account| account.used.load(Ordering::Acquire) == 0)
    }

    fn account(&self, resource: Resource) -> &Account {
        &self.0[resource as usize]
    }
}

impl Account {
    /// Adds to what is used, within the limit; otherwise says what is used.
    fn take(&self, amount: u64) -> Result<(), u64> {
        let limit = self.limit.load(Ordering::SeqCst);
        let within = |used: u64| used.checked_add(amount).filter(|&sum| sum <= limit || amount == 0);
        let used = self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, within)?;
        self.peak.fetch_max(used + amount, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self, amount: u64) {
        if amount > 0 {
            self.used.fetch_sub(amount, Ordering::SeqCst);
            self.wake();
        }
    }

    fn wait(&self, waker: &Waker) {
        let mut waiters = self.waiters.lock();
        if !waiters.iter().any(|waiter| waiter.will_wake(waker)) {
            waiters.push(waker.clone());
        }
        // Set after the waker is there and before the second attempt: whoever gives back either comes before that
        // attempt, or sees the flag.
        self.waiting.store(true, Ordering::SeqCst);
    }

    fn wake(&self) {
        if self.waiting.swap(false, Ordering::SeqCst) {
            let waiters = std::mem::take(&mut *self.waiters.lock());
            waiters.into_iter().for_each(Waker::wake);
        }
    }
}

/// A part of a budget that is held until it is dropped.
#[derive(Debug)]
#[must_use = "it is given back when dropped"]
pub struct Reservation {
    budget: Budget,
    resource: Resource,
    amount: u64,
}

impl Reservation {
    /// How much is held.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Reserves more.
    ///
    /// # Errors
    /// [`Exhausted`] when it would go over the limit; what was held stays held.
    pub fn grow(&mut self, amount: u64) -> Result<(), Exhausted> {
        let account = self.budget.account(self.resource);
        account.take(amount).map_err(|used| {
            account.refused.fetch_add(1, Ordering::Relaxed);
            let limit = account.limit.load(Ordering::Relaxed);
            Exhausted { resource: self.resource, wanted: amount, used, limit }
        })?;
        self.amount += amount;
        Ok(())
    }

    /// Gives back some, or all when more than is held.
    pub fn shrink(&mut self, amount: u64) {
        drop(self.split(amount));
    }

    /// Moves some, or all when more than is held, to another reservation.
    pub fn split(&mut self, amount: u64) -> Self {
        let moved = amount.min(self.amount);
        self.amount -= moved;
        Self { budget: self.budget.clone(), resource: self.resource, amount: moved }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.account(self.resource).give_back(self.amount);
    }
}

#[cfg(test)]
mod tests;
