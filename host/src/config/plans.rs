//! What each plan allows.

use cloister_runtime::{BudgetLimits, MAX_WRITE_BYTES, Runtime, TenantLimits};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{ConfigError, within};
use crate::tenancy::PlanName;

/// Limits of one plan. A run's limits are the most that a deployment or a run may ask for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// CPU time of one run, in milliseconds.
    pub cpu_ms: u64,
    /// Wall time of one run, in milliseconds.
    pub wall_ms: u64,
    /// Memory and tables of one run, in bytes.
    pub memory_bytes: u64,
    /// Output of one run, in bytes.
    pub output_bytes: u64,
    /// Largest module, in bytes.
    pub module_bytes: u64,
    /// Modules kept.
    pub modules: usize,
    /// Commands deployed.
    pub deployments: usize,
    /// Runs at once.
    pub concurrent_runs: usize,
    /// Memory and tables of all runs together, in bytes.
    pub tenant_memory_bytes: u64,
    /// Files, directories and sockets that all runs together hold open.
    pub tenant_open_files: u64,
    /// Output of all runs together that waits to be logged, in bytes. Guests wait while there is no room.
    pub tenant_output_bytes: u64,
    /// Threads of the host at work for all runs together, such as name look-ups.
    pub tenant_host_threads: u64,
    /// Bytes in the tenant's directory.
    pub storage_bytes: u64,
    /// Share of the CPU when tenants compete, relative to other plans.
    pub cpu_weight: u32,
    /// Days that log lines are kept.
    pub retention_days: u32,
}

impl Plan {
    /// What it allows all of a tenant's runs together.
    #[must_use]
    pub fn of_tenant(&self) -> TenantLimits {
        TenantLimits {
            cpu_weight: self.cpu_weight.saturating_mul(Runtime::PLAIN_WEIGHT),
            budget: BudgetLimits {
                memory_bytes: self.tenant_memory_bytes,
                runs: self.concurrent_runs as u64,
                open_files: self.tenant_open_files,
                output_bytes: self.tenant_output_bytes,
                host_threads: self.tenant_host_threads,
            },
        }
    }
}

/// `[plans.free]`, `[plans.starter]`, `[plans.professional]` and `[plans.enterprise]`. A key that is left out keeps
/// its default.
#[derive(Debug, Clone)]
pub struct Plans {
    /// The smallest.
    pub free: Plan,
    /// The second.
    pub starter: Plan,
    /// The third.
    pub professional: Plan,
    /// The largest.
    pub enterprise: Plan,
}

/// Least output in flight, in bytes: each stream writes this much at once.
const MIN_OUTPUT_BYTES: u64 = 4 * MAX_WRITE_BYTES as u64;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

impl Default for Plans {
    fn default() -> Self {
        let free = Plan {
            cpu_ms: 10_000,
            wall_ms: 60_000,
            memory_bytes: 256 * MIB,
            output_bytes: 16 * MIB,
            module_bytes: 32 * MIB,
            modules: 100,
            deployments: 100,
            concurrent_runs: 4,
            tenant_memory_bytes: 512 * MIB,
            tenant_open_files: 1_024,
            tenant_output_bytes: 4 * MIB,
            tenant_host_threads: 2,
            storage_bytes: GIB,
            cpu_weight: 1,
            retention_days: 7,
        };
        let starter = Plan {
            cpu_ms: 60_000,
            wall_ms: 300_000,
            memory_bytes: 512 * MIB,
            output_bytes: 64 * MIB,
            modules: 300,
            deployments: 300,
            concurrent_runs: 16,
            tenant_memory_bytes: 2 * GIB,
            tenant_open_files: 4_096,
            tenant_output_bytes: 16 * MIB,
            tenant_host_threads: 4,
            storage_bytes: 10 * GIB,
            cpu_weight: 2,
            retention_days: 30,
            ..free.clone()
        };
        let professional = Plan {
            cpu_ms: 600_000,
            wall_ms: 3_600_000,
            memory_bytes: GIB,
            output_bytes: 256 * MIB,
            module_bytes: 64 * MIB,
            modules: 2_000,
            deployments: 2_000,
            concurrent_runs: 64,
            tenant_memory_bytes: 8 * GIB,
            tenant_open_files: 16_384,
            tenant_output_bytes: 64 * MIB,
            tenant_host_threads: 8,
            storage_bytes: 100 * GIB,
            cpu_weight: 4,
            retention_days: 90,
        };
        let enterprise = Plan {
            cpu_ms: 3_600_000,
            wall_ms: 24 * 3_600_000,
            memory_bytes: 4 * GIB,
            output_bytes: GIB,
            module_bytes: 128 * MIB,
            modules: 20_000,
            deployments: 20_000,
            concurrent_runs: 256,
            tenant_memory_bytes: 64 * GIB,
            tenant_open_files: 65_536,
            tenant_output_bytes: 256 * MIB,
            tenant_host_threads: 16,
            storage_bytes: 1024 * GIB,
            cpu_weight: 8,
            retention_days: 365,
        };
        Self { free, starter, professional, enterprise }
    }
}

impl Plans {
    /// The limits of a plan.
    #[must_use]
    pub fn get(&self, name: PlanName) -> &Plan {
        match name {
            PlanName::Free => &self.free,
            PlanName::Starter => &self.starter,
            PlanName::Professional => &self.professional,
            PlanName::Enterprise => &self.enterprise,
        }
    }

    /// The limits of a plan with an operator's changes for one tenant.
    ///
    /// # Errors
    /// When a change names no limit, or sets one out of its bounds.
    pub fn with_changes(
        &self,
        name: PlanName,
        changes: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Plan, ConfigError> {
        let plan = self.get(name);
        if changes.is_empty() {
            return Ok(plan.clone());
        }
        let invalid = |error: serde_json::Error| ConfigError::Value {
            key: "limits".to_owned(),
            rule: format!("is not valid: {error}"),
        };
        let mut values = serde_json::to_value(plan).map_err(invalid)?;
        if let Some(values) = values.as_object_mut() {
            values.extend(changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        let plan: Plan = serde_json::from_value(values).map_err(invalid)?;
        plan.check("limits")?;
        Ok(plan)
    }

    /// As [`Plans::with_changes`]; changes that are no longer valid, since the configuration is of another version,
    /// leave the plan as it is.
    #[must_use]
    pub fn of_tenant(&self, name: PlanName, changes: &serde_json::Map<String, serde_json::Value>) -> Plan {
        self.with_changes(name, changes).unwrap_or_else(|error| {
            tracing::warn!(%error, "a tenant's own limits cannot be used; its plan's are");
            self.get(name).clone()
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for name in PlanName::ALL {
            self.get(name).check(&format!("plans.{}", name.as_str()))?;
        }
        Ok(())
    }
}

impl Plan {
    fn check(&self, section: &str) -> Result<(), ConfigError> {
        {
            let plan = self;
            let key = |field: &str| format!("{section}.{field}");
            within(&key("cpu_ms"), plan.cpu_ms, 1..=7 * 24 * 3_600_000)?;
            within(&key("wall_ms"), plan.wall_ms, 1..=7 * 24 * 3_600_000)?;
            within(&key("memory_bytes"), plan.memory_bytes, 64 * 1024..=64 * GIB)?;
            within(&key("output_bytes"), plan.output_bytes, 1024..=64 * GIB)?;
            within(&key("module_bytes"), plan.module_bytes, 8..=GIB)?;
            within(&key("modules"), plan.modules, 1..=1_000_000)?;
            within(&key("deployments"), plan.deployments, 1..=1_000_000)?;
            within(&key("concurrent_runs"), plan.concurrent_runs, 1..=100_000)?;
            within(&key("tenant_memory_bytes"), plan.tenant_memory_bytes, plan.memory_bytes..=1024 * GIB)?;
            within(&key("tenant_open_files"), plan.tenant_open_files, 16..=1_000_000)?;
            within(&key("tenant_output_bytes"), plan.tenant_output_bytes, MIN_OUTPUT_BYTES..=64 * GIB)?;
            within(&key("tenant_host_threads"), plan.tenant_host_threads, 1..=256)?;
            within(&key("cpu_weight"), plan.cpu_weight, 1..=1_000)?;
            within(&key("retention_days"), plan.retention_days, 1..=36_500)?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Plans {
    /// Lays the keys that are there over the defaults, so that one limit can be changed alone.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut given = serde_json::Map::deserialize(deserializer)?;
        let mut plans = Self::default();
        for (name, plan) in [
            ("free", &mut plans.free),
            ("starter", &mut plans.starter),
            ("professional", &mut plans.professional),
            ("enterprise", &mut plans.enterprise),
        ] {
            let Some(changes) = given.remove(name) else { continue };
            let changes: serde_json::Map<_, _> = serde_json::from_value(changes)
                .map_err(|error| D::Error::custom(format!("`plans.{name}`: {error}")))?;
            let mut whole = serde_json::to_value(&*plan).map_err(D::Error::custom)?;
            for (key, value) in changes {
                whole[key] = value;
            }
            *plan = serde_json::from_value(whole)
                .map_err(|error| D::Error::custom(format!("`plans.{name}`: {error}")))?;
        }
        match given.keys().next() {
            Some(unknown) => Err(D::Error::custom(format!("`plans.{unknown}`: there is no such plan"))),
            None => Ok(plans),
        }
    }
}
