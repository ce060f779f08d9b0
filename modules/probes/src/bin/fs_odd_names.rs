//! Uses names that some systems take for others: escapes, backslashes, other cases, zero bytes, names too long. None may reach
//! the `secret` beside the granted directory.

use probes::{GRANTED, calls, refused, say, through};
use wasi::{LOOKUPFLAGS_SYMLINK_FOLLOW, OFLAGS_CREAT};

const ODD: [&str; 9] = [
    "..\\secret",
    "%2e%2e/secret",
    "..%2fsecret",
    "\u{2024}\u{2024}/secret",
    "..\u{2215}secret",
    "...",
    "....//secret",
    " ../secret",
    "SECRET",
];

fn main() {
    for path in ODD {
        let Ok(fd) = calls::open_to_read(GRANTED, path, LOOKUPFLAGS_SYMLINK_FOLLOW) else { continue };
        let mut bytes = [0; 64];
        if calls::read_at(fd, &mut bytes, 0).is_ok_and(|length| length > 0) {
            through(format_args!("read {path:?}"));
        }
    }
    for path in ["own\0/../secret", "\0", "..\0"] {
        let opened = calls::open(GRANTED, path, 0, OFLAGS_CREAT);
        refused(format_args!("open {path:?}"), opened);
    }
    let long = "x".repeat(256);
    refused("a name of 256 bytes", calls::make_directory(GRANTED, &long));
    let deep = "x/".repeat(40_000);
    refused("a path of 80,000 bytes", calls::make_directory(GRANTED, &deep));
    let up = format!("{}secret", "../".repeat(20_000));
    refused("a path of 60,000 bytes upwards", calls::open_to_read(GRANTED, &up, 0));
    say("all refused");
}
