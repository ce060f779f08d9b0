//! Limits of a run: asked for, and the most that may be asked for.

use super::RegistryError;
use crate::api::Limits;
use crate::config::Plan;

/// Checks limits against a plan's, and answers them as they were asked for.
pub(super) fn check(asked: &Limits, plan: &Plan) -> Result<(), RegistryError> {
    tighten(asked, &of_plan(plan)).map(drop)
}

/// The limits of a plan. Fuel is not limited by plans: it counts instructions, which CPU time bounds well enough.
fn of_plan(plan: &Plan) -> Limits {
    Limits {
        fuel: None,
        cpu_ms: Some(plan.cpu_ms),
        wall_ms: Some(plan.wall_ms),
        memory_bytes: Some(plan.memory_bytes),
        output_bytes: Some(plan.output_bytes),
    }
}

/// `asked` where it says something, `most` elsewhere.
///
/// # Errors
/// When something asked for is zero, or more than `most` allows.
pub fn tighten(asked: &Limits, most: &Limits) -> Result<Limits, RegistryError> {
    Ok(Limits {
        fuel: tighter("fuel", asked.fuel, most.fuel)?,
        cpu_ms: tighter("cpu_ms", asked.cpu_ms, most.cpu_ms)?,
        wall_ms: tighter("wall_ms", asked.wall_ms, most.wall_ms)?,
        memory_bytes: tighter("memory_bytes", asked.memory_bytes, most.memory_bytes)?,
        output_bytes: tighter("output_bytes", asked.output_bytes, most.output_bytes)?,
    })
}

fn tighter(limit: &'static str, asked: Option<u64>, most: Option<u64>) -> Result<Option<u64>, RegistryError> {
    match (asked, most) {
        (Some(0), _) => Err(RegistryError::LimitZero(limit)),
        (Some(asked), Some(most)) if asked > most => {
            Err(RegistryError::LimitAbovePlan { limit, asked, most })
        }
        (asked, most) => Ok(asked.or(most)),
    }
}

impl super::Registry {
    /// The limits of a run: what it asks for within its deployment's, and those within its plan's.
    ///
    /// # Errors
    /// When it asks for more.
    pub fn limits_of_run(
        &self,
        plan: &Plan,
        deployment: &Limits,
        run: &Limits,
    ) -> Result<Limits, RegistryError> {
        // A plan may have shrunk since the deployment was made: it still runs, within the plan.
        let plan = of_plan(plan);
        let lower = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let most = Limits {
            fuel: lower(deployment.fuel, plan.fuel),
            cpu_ms: lower(deployment.cpu_ms, plan.cpu_ms),
            wall_ms: lower(deployment.wall_ms, plan.wall_ms),
            memory_bytes: lower(deployment.memory_bytes, plan.memory_bytes),
            output_bytes: lower(deployment.output_bytes, plan.output_bytes),
        };
        tighten(run, &most)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn absent_limits_are_filled_and_larger_ones_refused() {
        let most = Limits { cpu_ms: Some(10), wall_ms: Some(20), ..Limits::default() };
        let asked = Limits { cpu_ms: Some(5), fuel: Some(7), ..Limits::default() };
        let tight = tighten(&asked, &most).unwrap();
        assert_eq!((tight.cpu_ms, tight.wall_ms, tight.fuel), (Some(5), Some(20), Some(7)));
        let above = tighten(&Limits { wall_ms: Some(21), ..Limits::default() }, &most);
        assert_eq!(above.unwrap_err().to_string(), "`limits.wall_ms` is 21 and the plan allows 20");
        assert!(tighten(&Limits { cpu_ms: Some(0), ..Limits::default() }, &most).is_err());
    }
}
