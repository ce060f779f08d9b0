//! Opens and closes a file for ever.

use std::fs::File;

use probes::allowed;

fn main() {
    allowed("make a file", std::fs::write("own", "own"));
    loop {
        drop(File::open("own"));
    }
}
