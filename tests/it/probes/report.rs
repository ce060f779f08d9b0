//! What was measured: a table for people, and JSON for the report of the benchmarks.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::probe::{End, Probe};
use crate::harness::Shape;

/// One attack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// From the limit or the kill to the end.
    pub(crate) over: Option<Duration>,
    /// From the request to the answer.
    pub(crate) whole: Duration,
    /// The neighbour's command meanwhile.
    pub(crate) neighbour: Duration,
}

/// All attacks of a family.
pub(crate) struct Report {
    family: String,
    rows: Vec<Value>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(family: &str) -> Self {
        Self { family: family.to_owned(), rows: Vec::new(), failures: Vec::new() }
    }

    /// Adds an attack that was held, or how it was not.
    pub(crate) fn add(&mut self, probe: &Probe, shape: Shape, end: End, judged: Result<Measured, String>) {
        let title = format!("{} {:?} {:?} {end:?}", probe.name, probe.args, shape);
        let measured = match judged {
            Ok(measured) => measured,
            Err(failure) => return self.failures.push(format!("{title} [{}]: {failure}", probe.mechanism)),
        };
        let (over, neighbour) = (measured.over.map(ms), ms(measured.neighbour));
        let shown = over.map_or("-".to_owned(), |over| format!("{over:.1}"));
        eprintln!("{title:<70} {shown:>9} ms over {neighbour:>9.1} ms neighbour  {}", probe.mechanism);
        self.rows.push(json!({
            "probe": probe.name, "args": probe.args, "shape": format!("{shape:?}").to_lowercase(),
            "end": format!("{end:?}"), "mechanism": probe.mechanism, "over_ms": over, "neighbour_ms": neighbour,
            "whole_ms": ms(measured.whole),
        }));
    }

    /// Adds something else that was measured.
    pub(crate) fn note(&mut self, row: Value) {
        eprintln!("{row}");
        self.rows.push(row);
    }

    /// Writes `target/tmp/probes/FAMILY.json`; fails when an attack was not held.
    pub(crate) fn finish(self) {
        let over: Vec<f64> = self.rows.iter().filter_map(|row| row["over_ms"].as_f64()).collect();
        let worst = over.iter().copied().fold(0.0, f64::max);
        eprintln!(
            "{}: {} attacks, {} with a deadline, worst {worst:.1} ms",
            self.family,
            self.rows.len(),
            over.len()
        );
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("probes");
        std::fs::create_dir_all(&folder).unwrap();
        let whole = json!({"family": self.family, "worst_over_ms": worst, "attacks": self.rows});
        let text = serde_json::to_vec_pretty(&whole).unwrap();
        std::fs::write(folder.join(format!("{}.json", self.family)), text).unwrap();
        assert!(self.failures.is_empty(), "not held:\n{}", self.failures.join("\n"));
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
