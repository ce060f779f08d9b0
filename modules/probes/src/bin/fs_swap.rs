//! Swaps a directory with a link that leads outside, for ever, so that somebody who checks first and opens later is fooled.

use probes::{GRANTED, allowed, calls};

fn main() {
    allowed("make a directory", calls::make_directory(GRANTED, "door"));
    allowed("make a file", std::fs::write("door/secret", "inside"));
    allowed("plant a link", calls::symlink("..", GRANTED, "trap"));
    loop {
        for (from, to) in [("door", "aside"), ("trap", "door"), ("door", "trap"), ("aside", "door")] {
            // Whoever deletes meanwhile ends the race, not the test.
            let _ = calls::rename(GRANTED, from, GRANTED, to);
        }
    }
}
