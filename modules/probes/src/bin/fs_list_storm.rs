//! Lists a directory of a few thousand entries for ever, a megabyte a call.

use probes::{GRANTED, allowed, calls};
use wasi::OFLAGS_DIRECTORY;

const ENTRIES: u32 = 3_000;

fn main() {
    // An earlier run may have left it.
    let _ = calls::make_directory(GRANTED, "many");
    for number in 0..ENTRIES {
        allowed("make a file", std::fs::write(format!("many/{number:0200}"), ""));
    }
    let fd = allowed("open it", calls::open(GRANTED, "many", 0, OFLAGS_DIRECTORY));
    let mut buffer = vec![0; 1 << 20];
    loop {
        allowed("list it", calls::read_directory(fd, &mut buffer));
    }
}
