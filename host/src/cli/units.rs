//! Sizes, durations, counts and times: read from arguments, shown to people.

use std::time::Duration;

use jiff::Timestamp;

/// Reads `500ms`, `10s`, `1m30s`, `2h`, `1d`, `1.5s`; a bare number is seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is not a duration; write for instance 500ms, 10s, 1m30s or 2h");
    if text.is_empty() {
        return Err(bad());
    }
    let mut rest = text;
    let mut total_s = 0.0_f64;
    while !rest.is_empty() {
        let (number, after) = split_number(rest);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let unit_s = match unit {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "" if rest.len() == text.len() && next.is_empty() => 1.0,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return Err(bad()),
        };
        total_s += number.parse::<f64>().map_err(|_| bad())? * unit_s;
        rest = next;
    }
    Duration::try_from_secs_f64(total_s).map_err(|_| bad())
}

/// Reads `4096`, `64K`, `64KiB`, `1.5MiB`, `2G` (powers of 1024) and `10MB` (powers of 1000), as bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is not a size; write for instance 4096, 64KiB, 16M or 1GiB");
    let (number, unit) = split_number(text);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(bad()),
    };
    scaled(number, factor).ok_or_else(bad)
}

/// Reads `1000000`, `1_000_000`, `10k`, `5M`, `2G` (powers of 1000).
pub(crate) fn parse_count(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is not a count; write for instance 5000000, 5_000_000 or 5M");
    let plain = text.replace('_', "");
    let (number, unit) = split_number(&plain);
    let factor: u64 = match unit {
        "" => 1,
        "k" | "K" => 1_000,
        "m" | "M" => 1_000_000,
        "g" | "G" => 1_000_000_000,
        _ => return Err(bad()),
    };
    scaled(number, factor).ok_or_else(bad)
}

/// Reads a moment: RFC 3339, a date, or a duration before `now`.
pub(crate) fn parse_moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let start = date.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp());
        return start.map_err(|_| format!("`{text}` is out of range"));
    }
    let before = parse_duration(text).map_err(|_| {
        format!("`{text}` is not a time; write for instance 10m, 2h, 2026-01-31 or 2026-01-31T12:00:00Z")
    })?;
    now.checked_sub(before).map_err(|_| format!("`{text}` is out of range"))
}

fn split_number(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

fn scaled(number: &str, factor: u64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let value = number.parse::<f64>().ok()? * factor as f64;
    (value.is_finite() && value < 9e15).then_some(value as u64)
}

/// `0 B`, `1.5 KiB`, `12 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", short(value), UNITS[unit])
}

/// `850 µs`, `1.2 ms`, `3.4 s`, `2m 05s`, `3h 02m`.
pub(crate) fn duration_us(us: u64) -> String {
    let s = us / 1_000_000;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", short(us as f64 / 1e3)),
        1_000_000..60_000_000 => format!("{} s", short(us as f64 / 1e6)),
        60_000_000..3_600_000_000 => format!("{}m {:02}s", s / 60, s % 60),
        _ => format!("{}h {:02}m", s / 3600, s % 3600 / 60),
    }
}

/// `999`, `5M`, `1.2G`: a count in powers of 1000.
pub(crate) fn count(n: u64) -> String {
    match n {
        0..10_000 => n.to_string(),
        10_000..1_000_000 => format!("{}k", short(n as f64 / 1e3)),
        1_000_000..1_000_000_000 => format!("{}M", short(n as f64 / 1e6)),
        _ => format!("{}G", short(n as f64 / 1e9)),
    }
}

/// `now`, `12 s ago`, `5 min ago`, `3 h ago`, `4 days ago`, and the date for what is older than 30 days.
pub(crate) fn age(moment: &str, now: Timestamp) -> String {
    let Ok(then) = moment.parse::<Timestamp>() else { return moment.to_owned() };
    let s = now.as_second().saturating_sub(then.as_second());
    match s {
        i64::MIN..=1 => "now".to_owned(),
        2..120 => format!("{s} s ago"),
        120..7_200 => format!("{} min ago", s / 60),
        7_200..172_800 => format!("{} h ago", s / 3600),
        172_800..2_592_000 => format!("{} days ago", s / 86_400),
        _ => then.strftime("%Y-%m-%d").to_string(),
    }
}

fn short(value: f64) -> String {
    let text = if value < 99.95 { format!("{value:.1}") } else { format!("{value:.0}") };
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, ms) in
            [("10", 10_000), ("500ms", 500), ("1m30s", 90_000), ("1.5s", 1_500), ("0", 0), ("2h", 7_200_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "10x", "-1s", "1m30", "1..5s", "99999999999999999999999d", "NaN", "inf"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_counts_are_read_with_their_units() {
        for (text, bytes) in
            [("4096", 4096), ("64K", 65_536), ("64KiB", 65_536), ("1.5MiB", 1_572_864), ("10MB", 10_000_000)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "-1", "1e9", "18446744073709551615k", "5 x"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert_eq!(parse_count("5_000_000"), Ok(5_000_000));
        assert_eq!(parse_count("5M"), Ok(5_000_000));
        assert!(parse_count("5MiB").is_err());
    }

    #[test]
    fn numbers_are_shown_short() {
        assert_eq!(
            [0, 1023, 1024, 1536, 1_048_575, 12 << 20].map(size),
            ["0 B", "1023 B", "1 KiB", "1.5 KiB", "1 MiB", "12 MiB"]
        );
        assert_eq!(
            [0, 999, 1_234, 3_400_000, 125_000_000, 10_920_000_000].map(duration_us),
            ["0 µs", "999 µs", "1.2 ms", "3.4 s", "2m 05s", "3h 02m"]
        );
    }

    #[test]
    fn moments_are_absolute_or_before_now() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let at = |text| parse_moment(text, now).map(|t| t.to_string());
        assert_eq!(at("10m").as_deref(), Ok("2026-01-31T11:50:00Z"));
        assert_eq!(at("2026-01-30").as_deref(), Ok("2026-01-30T00:00:00Z"));
        assert_eq!(at("2026-01-30T01:02:03+01:00").as_deref(), Ok("2026-01-30T00:02:03Z"));
        assert!(at("yesterday").is_err());
        assert_eq!(age("2026-01-31T11:50:00Z", now), "10 min ago");
        assert_eq!(age("2025-01-31T11:50:00Z", now), "2025-01-31");
    }
}
