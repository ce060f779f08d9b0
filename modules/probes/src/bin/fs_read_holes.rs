//! Reads a large file of nothing with calls of 8 MiB, for ever.

use probes::{GRANTED, allowed, calls};
use wasi::OFLAGS_CREAT;

const BUFFER_BYTES: usize = 8 << 20;

fn main() {
    let fd = allowed("make a file", calls::open(GRANTED, "own", 0, OFLAGS_CREAT));
    allowed("grow it", calls::set_size(fd, 2 * BUFFER_BYTES as u64));
    let mut buffer = vec![1; BUFFER_BYTES];
    loop {
        allowed("read", calls::read_at(fd, &mut buffer, BUFFER_BYTES as u64));
    }
}
