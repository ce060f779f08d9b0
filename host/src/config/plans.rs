//! What each plan allows.

use std::collections::BTreeMap;
use std::time::Duration;

use cloister_runtime::{BudgetLimits, CpuShare, MAX_WRITE_BYTES, TenantLimits, VolumeLimits};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{ConfigError, within};
use crate::tenancy::PlanName;

/// Features that a plan names.
const MAX_FEATURES: usize = 64;

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
    /// Starts of further runs that wait for a place among them; 0 refuses them at once.
    pub waiting_runs: usize,
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
    /// Files, directories and links in the tenant's directory.
    pub storage_entries: u64,
    /// Steps in which guests' clocks move, in microseconds; 0 leaves them as fine as the machine's.
    pub clock_resolution_us: u64,
    /// Share of the CPU when tenants compete, relative to other plans.
    pub cpu_weight: u32,
    /// The most CPU that all runs together get even when nobody competes, in thousandths of a core; 0 is no cap.
    pub cpu_cap_millicores: u32,
    /// Days that log lines are kept.
    pub retention_days: u32,
    /// Log lines that are kept, in bytes as they are stored, compressed.
    pub retention_bytes: u64,
    /// Requests of all principals together, a minute; 0 is no bound, here and below.
    pub requests_per_minute: u32,
    /// Requests of one principal, a minute.
    pub requests_per_minute_principal: u32,
    /// Runs of all principals together, a minute.
    pub runs_per_minute: u32,
    /// Runs of one principal, a minute.
    pub runs_per_minute_principal: u32,
    /// Runs a calendar month (UTC).
    pub runs_per_month: u64,
    /// Uploads of modules an hour.
    pub uploads_per_hour: u32,
    /// Workflow runs an hour.
    pub workflows_per_hour: u32,
    /// Console sessions of all principals together.
    pub console_sessions: usize,
    /// How long a console session lasts that nobody is attached to, in seconds.
    pub console_idle_s: u64,
    /// What a console session keeps of its output, in bytes.
    pub console_history_bytes: usize,
    /// What is on or off for tenants of the plan, by name; what a tenant has of its own comes before it.
    #[serde(default)]
    pub features: BTreeMap<String, bool>,
}

impl Plan {
    /// Steps in which guests' clocks move.
    #[must_use]
    pub fn clock_resolution(&self) -> Duration {
        Duration::from_micros(self.clock_resolution_us)
    }

    /// What it allows the tenant's directory.
    #[must_use]
    pub fn of_volume(&self) -> VolumeLimits {
        VolumeLimits { bytes: self.storage_bytes, entries: self.storage_entries }
    }

    /// What it allows all of a tenant's runs together.
    #[must_use]
    pub fn of_tenant(&self) -> TenantLimits {
        TenantLimits {
            cpu: CpuShare {
                weight: self.cpu_weight.saturating_mul(CpuShare::PLAIN_WEIGHT),
                cap: (self.cpu_cap_millicores > 0).then_some(self.cpu_cap_millicores),
            },
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

/// Least output in flight for each of a tenant's runs, in bytes: one write, and as much that waits.
const MIN_OUTPUT_BYTES: u64 = 2 * MAX_WRITE_BYTES as u64;

/// Least history of a console session, in bytes: what its owner has not acknowledged is never forgotten.
pub const MIN_CONSOLE_HISTORY_BYTES: usize = 512 << 10;

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
            deployments: 3,
            concurrent_runs: 4,
            waiting_runs: 4,
            tenant_memory_bytes: 512 * MIB,
            tenant_open_files: 1_024,
            tenant_output_bytes: 4 * MIB,
            tenant_host_threads: 2,
            storage_bytes: GIB,
            storage_entries: 100_000,
            clock_resolution_us: 100,
            cpu_weight: 1,
            cpu_cap_millicores: 1_000,
            retention_days: 7,
            retention_bytes: GIB / 2,
            requests_per_minute: 1_000,
            requests_per_minute_principal: 600,
            runs_per_minute: 10,
            runs_per_minute_principal: 10,
            runs_per_month: 1_000,
            uploads_per_hour: 100,
            workflows_per_hour: 50,
            console_sessions: 10,
            console_idle_s: 3_600,
            console_history_bytes: 512 << 10,
            features: BTreeMap::new(),
        };
        let starter = Plan {
            cpu_ms: 60_000,
            wall_ms: 300_000,
            memory_bytes: 512 * MIB,
            output_bytes: 64 * MIB,
            modules: 300,
            deployments: 10,
            concurrent_runs: 16,
            waiting_runs: 16,
            tenant_memory_bytes: 2 * GIB,
            tenant_open_files: 4_096,
            tenant_output_bytes: 16 * MIB,
            tenant_host_threads: 4,
            storage_bytes: 10 * GIB,
            storage_entries: 500_000,
            cpu_weight: 2,
            cpu_cap_millicores: 2_000,
            retention_days: 30,
            retention_bytes: 5 * GIB,
            requests_per_minute: 1_000,
            requests_per_minute_principal: 600,
            runs_per_minute: 50,
            runs_per_minute_principal: 50,
            runs_per_month: 10_000,
            uploads_per_hour: 100,
            workflows_per_hour: 50,
            console_sessions: 20,
            console_idle_s: 12 * 3_600,
            console_history_bytes: 1 << 20,
            features: BTreeMap::new(),
            ..free.clone()
        };
        let professional = Plan {
            cpu_ms: 600_000,
            wall_ms: 3_600_000,
            memory_bytes: GIB,
            output_bytes: 256 * MIB,
            module_bytes: 64 * MIB,
            modules: 2_000,
            deployments: 50,
            concurrent_runs: 64,
            waiting_runs: 64,
            tenant_memory_bytes: 8 * GIB,
            tenant_open_files: 16_384,
            tenant_output_bytes: 64 * MIB,
            tenant_host_threads: 8,
            storage_bytes: 100 * GIB,
            storage_entries: 2_000_000,
            clock_resolution_us: 20,
            cpu_weight: 4,
            cpu_cap_millicores: 0,
            retention_days: 90,
            retention_bytes: 50 * GIB,
            requests_per_minute: 6_000,
            requests_per_minute_principal: 3_000,
            runs_per_minute: 200,
            runs_per_minute_principal: 200,
            runs_per_month: 100_000,
            uploads_per_hour: 1_000,
            workflows_per_hour: 500,
            console_sessions: 100,
            console_idle_s: 24 * 3_600,
            console_history_bytes: 1 << 20,
            features: BTreeMap::new(),
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
            waiting_runs: 256,
            tenant_memory_bytes: 64 * GIB,
            tenant_open_files: 65_536,
            tenant_output_bytes: 256 * MIB,
            tenant_host_threads: 16,
            storage_bytes: 1024 * GIB,
            storage_entries: 5_000_000,
            clock_resolution_us: 20,
            cpu_weight: 8,
            cpu_cap_millicores: 0,
            retention_days: 365,
            retention_bytes: 500 * GIB,
            requests_per_minute: 0,
            requests_per_minute_principal: 0,
            runs_per_minute: 0,
            runs_per_minute_principal: 0,
            runs_per_month: 0,
            uploads_per_hour: 0,
            workflows_per_hour: 0,
            console_sessions: 1_000,
            console_idle_s: 72 * 3_600,
            console_history_bytes: 1 << 20,
            features: BTreeMap::new(),
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
            within(&key("waiting_runs"), plan.waiting_runs, 0..=100_000)?;
            let least_output = MIN_OUTPUT_BYTES.saturating_mul(plan.concurrent_runs as u64);
            within(&key("tenant_memory_bytes"), plan.tenant_memory_bytes, plan.memory_bytes..=1024 * GIB)?;
            within(&key("tenant_open_files"), plan.tenant_open_files, 16..=1_000_000)?;
            within(&key("tenant_output_bytes"), plan.tenant_output_bytes, least_output..=64 * GIB)?;
            within(&key("tenant_host_threads"), plan.tenant_host_threads, 1..=256)?;
            within(&key("storage_bytes"), plan.storage_bytes, 0..=1024 * 1024 * GIB)?;
            within(&key("storage_entries"), plan.storage_entries, 0..=10_000_000)?;
            within(&key("clock_resolution_us"), plan.clock_resolution_us, 0..=1_000_000)?;
            within(&key("cpu_weight"), plan.cpu_weight, 1..=1_000)?;
            within(&key("cpu_cap_millicores"), plan.cpu_cap_millicores, 0..=1_024_000)?;
            within(&key("retention_days"), plan.retention_days, 1..=36_500)?;
            within(&key("console_sessions"), plan.console_sessions, 0..=100_000)?;
            within(&key("console_idle_s"), plan.console_idle_s, 1..=30 * 24 * 3_600)?;
            within(
                &key("console_history_bytes"),
                plan.console_history_bytes,
                MIN_CONSOLE_HISTORY_BYTES..=64 << 20,
            )?;
            within(&key("features"), plan.features.len(), 0..=MAX_FEATURES)?;
            within(&key("retention_bytes"), plan.retention_bytes, MIB..=1024 * 1024 * GIB)?;
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
