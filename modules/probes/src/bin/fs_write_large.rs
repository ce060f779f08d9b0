//! Writes 8 MiB with one call over the same place, for ever.

use probes::{GRANTED, allowed, calls};
use wasi::OFLAGS_CREAT;

const BUFFER_BYTES: usize = 8 << 20;

fn main() {
    let fd = allowed("make a file", calls::open(GRANTED, "own", 0, OFLAGS_CREAT));
    let buffer = vec![1; BUFFER_BYTES];
    loop {
        allowed("write", calls::write_at(fd, &buffer, 0));
    }
}
