//! Writes a byte and waits for the disk, for ever.

use probes::{GRANTED, allowed, calls};
use wasi::OFLAGS_CREAT;

fn main() {
    let fd = allowed("make a file", calls::open(GRANTED, "own", 0, OFLAGS_CREAT));
    loop {
        allowed("write", calls::write_at(fd, b"x", 0));
        allowed("sync", calls::sync(fd));
    }
}
