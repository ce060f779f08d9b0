//! What the runtime holds of one tenant: its part of the CPU, and what all its runs may use together.

use std::any::Any;
use std::sync::Arc;

use crate::budget::{Budget, BudgetLimits, Exhausted, Reservation, Resource};
use crate::clearing::Leavings;
use crate::filesystem::FileKey;
use crate::scheduler::{CpuShare, Share};

/// Bounds of all of a tenant's runs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantLimits {
    /// Its part of the CPU.
    pub cpu: CpuShare,
    /// What is reserved before use.
    pub budget: BudgetLimits,
}

impl TenantLimits {
    /// A plain tenant without bounds: for a person running a file of their own.
    pub const UNLIMITED: Self = Self { cpu: CpuShare::PLAIN, budget: BudgetLimits::UNLIMITED };
}

/// One tenant, as far as the runtime knows it. Clones are the same tenant; held for as long as it may run something.
#[derive(Clone)]
pub struct Tenant {
    share: Share,
    budget: Budget,
    file_key: FileKey,
    leavings: Leavings,
}

impl Tenant {
    pub(crate) fn new(share: Share, limits: &BudgetLimits, file_key: FileKey) -> Self {
        Self { share, budget: Budget::new(limits), file_key, leavings: Leavings::default() }
    }

    /// How its guests see files numbered.
    pub(crate) fn file_key(&self) -> &FileKey {
        &self.file_key
    }

    /// Its guests that have ended and are being cleared away.
    pub(crate) fn leavings(&self) -> &Leavings {
        &self.leavings
    }

    /// Its part of the CPU.
    #[must_use]
    pub fn share(&self) -> &Share {
        &self.share
    }

    /// What its runs may use together, and use.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Changes the limits at once, also for runs that are under way.
    pub fn set_limits(&self, limits: &TenantLimits) {
        self.share.set(limits.cpu);
        self.budget.set_limits(&limits.budget);
    }

    /// Leave to start one more run.
    ///
    /// # Errors
    /// [`Exhausted`] when as many runs as the tenant may have are admitted.
    pub fn admit(&self) -> Result<Admission, Exhausted> {
        Ok(self.admission(self.budget.reserve(Resource::Runs, 1)?))
    }

    /// As [`Tenant::admit`], but waits while as many runs as the tenant may have are admitted. Of several who wait, any may
    /// be next.
    pub async fn admitted(&self) -> Admission {
        self.admission(self.budget.reserved(Resource::Runs, 1).await)
    }

    fn admission(&self, place: Reservation) -> Admission {
        Admission { tenant: self.clone(), place: RunPlace(Arc::new(place)), kept: None }
    }
}

/// Leave to start one run, which counts among its tenant's until it has ended and every [`RunPlace`] is dropped.
#[must_use = "the run's place is given back when this is dropped"]
pub struct Admission {
    pub(crate) tenant: Tenant,
    pub(crate) place: RunPlace,
    pub(crate) kept: Option<Box<dyn Any + Send>>,
}

impl Admission {
    /// Keeps something until all that the guest held is given back, which may be after its end was reported: a permit that
    /// bounds instances, for example.
    pub fn keeping(self, kept: impl Send + 'static) -> Self {
        Self { kept: Some(Box::new(kept)), ..self }
    }

    /// Keeps the place beyond the run's end: for what its host still has to do for it.
    pub fn place(&self) -> RunPlace {
        self.place.clone()
    }
}

/// A place among a tenant's runs.
#[derive(Clone)]
#[must_use = "it is given back when dropped"]
pub struct RunPlace(#[expect(dead_code, reason = "held, and given back when dropped")] Arc<Reservation>);
