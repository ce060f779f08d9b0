//! Renames files over each other for ever: what is replaced must be given back, or the quota is used up by nothing.

use probes::{GRANTED, allowed, calls};

const FILE_BYTES: usize = 1 << 20;
const ROUNDS: u32 = 200;

fn main() {
    let bytes = vec![b'x'; FILE_BYTES];
    for round in 0..ROUNDS {
        allowed(format_args!("write in round {round}"), std::fs::write("new", &bytes));
        allowed(format_args!("rename in round {round}"), calls::rename(GRANTED, "new", GRANTED, "old"));
        allowed(format_args!("link in round {round}"), calls::link(GRANTED, 0, "old", GRANTED, "linked"));
        allowed(format_args!("unlink in round {round}"), calls::remove_file(GRANTED, "linked"));
    }
    allowed("remove the last", calls::remove_file(GRANTED, "old"));
}
