//! The rules of the repository, run as checks.

mod arrows;
mod probes;
mod repository;
mod sources;

use anyhow::{Result, bail};

use self::repository::Repository;
use crate::layout::Layout;
use crate::process::step;

/// What is wrong, and where: `path[:line]: rule`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding(String);

impl Finding {
    fn new(place: impl AsRef<str>, text: impl AsRef<str>) -> Self {
        Self(format!("{}: {}", place.as_ref(), text.as_ref()))
    }

    fn at(path: &str, index: usize, text: impl AsRef<str>) -> Self {
        Self::new(format!("{path}:{}", index + 1), text)
    }
}

/// All rules.
const RULES: [fn(&Repository) -> Vec<Finding>; 11] = [
    arrows::runtime_stays_low,
    arrows::words_stay_home,
    arrows::lints_are_inherited,
    sources::heads,
    sources::lengths,
    sources::no_binaries,
    sources::no_addresses,
    sources::nothing_unfinished,
    sources::lints_are_silenced_by_expectation,
    probes::every_probe_has_a_test,
    probes::every_probe_is_in_the_table,
];

/// Checks every rule; an error lists all that is wrong.
pub(crate) fn tidy(layout: &Layout) -> Result<()> {
    step("checking the rules of the repository");
    let repository = Repository::read(&layout.root)?;
    let mut findings: Vec<_> = RULES.iter().flat_map(|rule| rule(&repository)).collect();
    findings.sort();
    for Finding(text) in &findings {
        eprintln!("{text}");
    }
    if !findings.is_empty() {
        bail!("{} rules of the repository are broken", findings.len());
    }
    Ok(())
}
