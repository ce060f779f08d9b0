//! Opens a file again and again and closes nothing.

use std::fs::File;

use probes::{allowed, say, through};

/// More than any process of the host should hold for one guest.
const FAR_TOO_MANY: usize = 10_000;

fn main() {
    allowed("make a file", std::fs::write("own", "own"));
    let mut held = Vec::new();
    let error = loop {
        match File::open("own") {
            Ok(file) => held.push(file),
            Err(error) => break error,
        }
        if held.len() >= FAR_TOO_MANY {
            through("no bound on open files");
        }
    };
    say(format_args!("refused after {}: {:?}", held.len(), error.kind()));
    // With one given back the next is there again.
    drop(held.pop());
    allowed("open again", File::open("own"));
}
