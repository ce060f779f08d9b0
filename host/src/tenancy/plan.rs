//! Names of plans.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A plan. Its limits are in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanName {
    /// To try it.
    Free,
    /// For a small team.
    Starter,
    /// For a product.
    Professional,
    /// By agreement.
    Enterprise,
}

/// There is no such plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be `free`, `starter`, `professional` or `enterprise`")]
pub struct UnknownPlan;

impl PlanName {
    /// All plans, smallest first.
    pub const ALL: [Self; 4] = [Self::Free, Self::Starter, Self::Professional, Self::Enterprise];

    /// The name in requests and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Starter => "starter",
            Self::Professional => "professional",
            Self::Enterprise => "enterprise",
        }
    }
}

impl FromStr for PlanName {
    type Err = UnknownPlan;
    fn from_str(text: &str) -> Result<Self, UnknownPlan> {
        Self::ALL.into_iter().find(|plan| plan.as_str() == text).ok_or(UnknownPlan)
    }
}
