//! Medians with their spread.

use std::time::Duration;

use serde::Serialize;

/// What repeated measurements of one thing gave.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Measurements.
    pub(crate) count: usize,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self { median: at(count / 2), min: at(0), max: at(count.saturating_sub(1)), count }
    }

    /// Of one value.
    pub(crate) fn one(value: f64) -> Self {
        Self::of(vec![value])
    }

    /// Of the ratios of pairs measured side by side.
    pub(crate) fn ratios(above: &[f64], below: &[f64]) -> Self {
        Self::of(above.iter().zip(below).map(|(above, below)| above / below).collect())
    }
}

/// Microseconds of one of `count` things that took `time` together.
pub(crate) fn each_us(time: Duration, count: usize) -> f64 {
    us(time) / count.max(1) as f64
}

/// A span in microseconds.
pub(crate) fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The value below which this part of the values lies.
pub(crate) fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * part) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_between_the_extremes() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((spread.min, spread.median, spread.max, spread.count), (1.0, 2.0, 3.0, 3));
        assert_eq!(Spread::ratios(&[2.0, 9.0], &[1.0, 3.0]).max, 3.0);
    }

    #[test]
    fn a_quantile_stays_within_the_values() {
        let mut values = vec![5.0, 1.0, 3.0];
        assert_eq!(quantile(&mut values, 0.0), 1.0);
        assert_eq!(quantile(&mut values, 1.0), 5.0);
        assert!(quantile(&mut [], 0.5).is_nan());
    }
}
