//! The runner's report, and the record that is kept of it.

use std::collections::BTreeSet;

use serde::Deserialize;

/// What the suite's runner writes with `--json-output-location`.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    results: Vec<Suite>,
}

#[derive(Debug, Deserialize)]
struct Suite {
    name: String,
    tests: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    executed: bool,
    outcome: String,
}

impl Report {
    fn failed(suite: &Suite) -> Vec<&str> {
        let failed = |case: &&Case| case.executed && case.outcome != "pass";
        let mut names: Vec<_> = suite.tests.iter().filter(failed).map(|case| case.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// One line.
    pub(super) fn summary(&self) -> String {
        let all: usize = self.results.iter().map(|suite| suite.tests.len()).sum();
        let failed: usize = self.results.iter().map(|suite| Self::failed(suite).len()).sum();
        let skipped =
            self.results.iter().flat_map(|suite| &suite.tests).filter(|case| !case.executed).count();
        format!("{} of {all} cases passed, {failed} failed, {skipped} were skipped", all - failed - skipped)
    }

    /// Cases that fail now and are not among the recorded failures, as `suite: case`.
    pub(super) fn failures_not_in(&self, record: &str) -> Vec<String> {
        let known: BTreeSet<_> = record.lines().filter_map(|line| line.strip_prefix("- ")).collect();
        let line = |suite: &Suite, case: &str| format!("{}: {case}", suite.name);
        let failed = self.results.iter().flat_map(|suite| {
            Self::failed(suite).into_iter().map(move |case| line(suite, case)).collect::<Vec<_>>()
        });
        failed.filter(|line| !known.contains(line.as_str())).collect()
    }

    /// The record: a table of suites, and every case that failed.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = String::from(
            "# Last result of the WebAssembly wasi-testsuite\n\nWritten by `cargo xtask conformance DIR --record`, \
             with the suite's branch prod/testsuite-base.\n\n| suite | passed | failed | skipped |\n|---|---|---|---|\n",
        );
        for suite in &self.results {
            let failed = Self::failed(suite).len();
            let skipped = suite.tests.iter().filter(|case| !case.executed).count();
            let passed = suite.tests.len() - failed - skipped;
            text.push_str(&format!("| {} | {passed} | {failed} | {skipped} |\n", suite.name));
        }
        text.push_str(&format!("\n{}.\n\nFailed:\n\n", self.summary()));
        for failure in self.failures_not_in("") {
            text.push_str(&format!("- {failure}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: &[(&str, bool, &str)]) -> Report {
        let case = |(name, executed, outcome): &(&str, bool, &str)| Case {
            name: (*name).to_owned(),
            executed: *executed,
            outcome: (*outcome).to_owned(),
        };
        Report { results: vec![Suite { name: "S".to_owned(), tests: outcomes.iter().map(case).collect() }] }
    }

    #[test]
    fn only_what_passed_before_counts_as_lost() {
        let before = report(&[("a", true, "pass"), ("b", true, "fail"), ("c", false, "skip")]);
        let record = before.to_markdown();
        assert!(record.contains("| S | 1 | 1 | 1 |"), "{record}");
        assert!(before.failures_not_in(&record).is_empty());
        let now = report(&[("a", true, "fail"), ("b", true, "fail"), ("c", false, "skip")]);
        assert_eq!(now.failures_not_in(&record), ["S: a"]);
    }
}
