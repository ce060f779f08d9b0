//! Any text as a value on the command line: it is read or refused, and what is read is shown as itself.
#![no_main]

#[path = "../../host/src/cli/units.rs"]
#[expect(dead_code, reason = "a target uses a part of the file")]
mod units;
#[path = "../../host/src/cli/values.rs"]
mod values;

use libfuzzer_sys::fuzz_target;
use values::{DirectorySpec, KeyValue};

fuzz_target!(|text: &str| {
    if let Ok(pair) = text.parse::<KeyValue>() {
        assert_eq!(format!("{}={}", pair.key, pair.value), text);
    }
    if let Ok(spec) = text.parse::<DirectorySpec>() {
        assert!(!spec.source.is_empty() && !spec.guest.is_empty());
        assert!(text.starts_with(&spec.source));
    }
    if let Ok(size) = units::parse_size(text) {
        assert!(!units::size(size).is_empty());
    }
    if let Ok(count) = units::parse_count(text) {
        assert!(!units::count(count).is_empty());
    }
    if let Ok(duration) = units::parse_duration(text) {
        assert!(!units::duration_us(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)).is_empty());
    }
    let _ = units::parse_moment(text, jiff::Timestamp::UNIX_EPOCH);
});
