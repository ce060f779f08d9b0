//! Numbers at the beginning of lines, compared as they are written: no number is too long.

use std::cmp::Ordering;

/// White space, `-`, digits, and digits behind a point; of the digits without zeros that count for nothing.
struct Number<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
}

/// Compares the numbers that two lines begin with. A line without one counts as 0.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (Number::of(a), Number::of(b));
    let sizes =
        || a.whole.len().cmp(&b.whole.len()).then(a.whole.cmp(b.whole)).then(a.fraction.cmp(b.fraction));
    match (a.negative, b.negative) {
        (false, false) => sizes(),
        (true, true) => sizes().reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

impl<'a> Number<'a> {
    fn of(line: &'a [u8]) -> Self {
        let line = &line[count(line, |byte| matches!(byte, b' ' | b'\t'))..];
        let (minus, line) = line.strip_prefix(b"-").map_or((false, line), |rest| (true, rest));
        let line = &line[count(line, |byte| byte == b'0')..];
        let (whole, rest) = line.split_at(count(line, |byte| byte.is_ascii_digit()));
        let rest = rest.strip_prefix(b".").unwrap_or_default();
        let fraction = &rest[..count(rest, |byte| byte.is_ascii_digit())];
        let end = fraction.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
        let fraction = &fraction[..end];
        // There is no negative zero.
        Self { negative: minus && !(whole.is_empty() && fraction.is_empty()), whole, fraction }
    }
}

/// How many bytes at the beginning are of a kind.
fn count(bytes: &[u8], is: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !is(*byte)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order() {
        let long = "9".repeat(50);
        let ordered =
            ["-10 x", "-9.5", " -9", "-0.1", "0", "0.05", ".1", "\t1", "1.25", "1.3", "9", "10", &long];
        for (at, a) in ordered.iter().enumerate() {
            for (other, b) in ordered.iter().enumerate() {
                assert_eq!(compare(a.as_bytes(), b.as_bytes()), at.cmp(&other), "{a} {b}");
            }
        }
    }

    #[test]
    fn the_same_number_is_written_in_many_ways() {
        for (a, b) in
            [("", "0"), ("x", "-0.0"), ("007", "7.00"), ("1.5", "1.50kg"), ("+1", "0"), ("- 1", "0")]
        {
            assert_eq!(compare(a.as_bytes(), b.as_bytes()), Ordering::Equal, "{a} {b}");
        }
    }
}
