//! What a run of the harness found: sections of figures, each with its goal, and plots.

use serde::Serialize;

use crate::machine::Machine;
use crate::stats::Spread;

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// The figures only prove that the harness works.
    pub(crate) quick: bool,
    /// `release` or `debug`.
    pub(crate) profile: &'static str,
    pub(crate) took_s: f64,
    pub(crate) sections: Vec<Section>,
}

/// Figures that belong together.
#[derive(Serialize, Default)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// How it was measured.
    pub(crate) about: &'static str,
    pub(crate) figures: Vec<Figure>,
    pub(crate) plots: Vec<Plot>,
    /// What was left out, and why.
    pub(crate) left_out: Vec<String>,
}

/// One figure.
#[derive(Serialize)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    #[serde(flatten)]
    pub(crate) value: Spread,
    pub(crate) goal: Option<Goal>,
    /// Whether the median reaches the goal.
    pub(crate) reached: Option<bool>,
    /// What one must know to read it; where a goal is not reached: why.
    pub(crate) note: String,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    Between(f64, f64),
}

impl Goal {
    fn reached(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::Between(least, most) => (least..=most).contains(&value),
        }
    }
}

/// Lines over a common axis.
#[derive(Serialize)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// One line of a plot.
#[derive(Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Plot {
    /// Two lines over one axis.
    pub(crate) fn of_two(
        title: &str,
        (x, y): (&'static str, &'static str),
        lines: [(&str, Vec<(f64, f64)>); 2],
    ) -> Self {
        let lines = lines.map(|(name, points)| Line { name: name.to_owned(), points });
        Self { title: title.to_owned(), x, y, lines: lines.into() }
    }
}

impl Section {
    pub(crate) fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, ..Self::default() }
    }

    /// A figure without a goal.
    pub(crate) fn figure(&mut self, what: impl Into<String>, unit: &'static str, value: Spread) {
        self.add(what.into(), unit, value, None, "");
    }

    /// A figure without a goal that needs an explanation.
    pub(crate) fn noted(&mut self, what: impl Into<String>, unit: &'static str, value: Spread, note: &str) {
        self.add(what.into(), unit, value, None, note);
    }

    /// A figure that should reach something.
    pub(crate) fn goal(
        &mut self,
        what: impl Into<String>,
        unit: &'static str,
        value: Spread,
        goal: Goal,
        note: &str,
    ) {
        self.add(what.into(), unit, value, Some(goal), note);
    }

    fn add(&mut self, what: String, unit: &'static str, value: Spread, goal: Option<Goal>, note: &str) {
        let reached = goal.map(|goal| goal.reached(value.median));
        self.figures.push(Figure { what, unit, value, goal, reached, note: note.to_owned() });
    }

    pub(crate) fn left_out(&mut self, what: impl Into<String>) {
        self.left_out.push(what.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_says_whether_its_median_reaches_the_goal() {
        let mut section = Section::new("s", "");
        let spread = || Spread::of(vec![1.0, 2.0, 9.0]);
        section.goal("a", "ms", spread(), Goal::AtMost(2.0), "");
        section.goal("b", "ms", spread(), Goal::AtLeast(2.5), "");
        section.goal("c", "ms", spread(), Goal::Between(1.5, 2.5), "");
        section.figure("d", "ms", spread());
        let reached: Vec<_> = section.figures.iter().map(|figure| figure.reached).collect();
        assert_eq!(reached, [Some(true), Some(false), Some(true), None]);
    }
}
