//! How far a command has come, told in log lines.

use crate::log::{Level, Line};

/// Reports progress as log lines with the fields `done`, `total` and `percent`. However often it is told, it writes at
/// most one line a percent.
///
/// ```
/// let mut progress = cloister_guest::Progress::new("copying", 3);
/// for _file in 0..3 {
///     progress.advance(1);
/// }
/// assert!(progress.is_complete());
/// ```
#[derive(Debug, Clone)]
pub struct Progress {
    what: String,
    done: u64,
    total: u64,
    told_percent: Option<u8>,
}

impl Progress {
    /// Nothing of `total` is done yet.
    pub fn new(what: impl Into<String>, total: u64) -> Self {
        Self { what: what.into(), done: 0, total, told_percent: None }
    }

    /// So much more is done. More than the total counts as the total.
    pub fn advance(&mut self, amount: u64) {
        if let Some(line) = self.step(amount) {
            line.emit();
        }
    }

    /// True when everything is done.
    pub fn is_complete(&self) -> bool {
        self.done == self.total
    }

    fn step(&mut self, amount: u64) -> Option<Line<'_>> {
        self.done = self.done.saturating_add(amount).min(self.total);
        let percent = match self.total {
            0 => 100,
            total => (u128::from(self.done) * 100 / u128::from(total)) as u8,
        };
        if self.told_percent == Some(percent) {
            return None;
        }
        self.told_percent = Some(percent);
        let line = Line::new(Level::Info, self.what.as_str());
        Some(line.field("done", self.done).field("total", self.total).field("percent", percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_is_done() {
        let mut progress = Progress::new("copying", 4);
        let line = progress.step(1).unwrap().to_string();
        let fields = r#"{"done":1,"total":4,"percent":25}"#;
        assert_eq!(line, format!(r#"{{"level":"info","message":"copying","fields":{fields}}}"#));
    }

    #[test]
    fn many_small_steps_make_few_lines() {
        let mut progress = Progress::new("copying", 1_000_000);
        let lines = (0..1_000_000).filter(|_| progress.step(1).is_some()).count();
        assert_eq!(lines, 101);
        assert!(progress.is_complete());
    }

    #[test]
    fn the_total_is_never_passed() {
        let mut progress = Progress::new("copying", u64::MAX);
        assert!(progress.step(u64::MAX).unwrap().to_string().contains("\"percent\":100"));
        assert!(progress.step(1).is_none());
        let mut nothing = Progress::new("copying", 0);
        assert!(nothing.step(0).unwrap().to_string().contains("\"percent\":100"));
    }
}
