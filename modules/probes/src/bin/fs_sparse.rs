//! Makes files that are large on paper: a terabyte by truncation, by a byte written far out, and by setting room aside.

use probes::{GRANTED, allowed, calls, refused, say};
use wasi::OFLAGS_CREAT;

const TERABYTE: u64 = 1 << 40;

fn main() {
    let fd = allowed("make a file", calls::open(GRANTED, "own", 0, OFLAGS_CREAT));
    let errors = [
        refused("a terabyte by truncation", calls::set_size(fd, TERABYTE)),
        refused("a byte at a terabyte", calls::write_at(fd, b"x", TERABYTE)),
        refused("a terabyte set aside", calls::allocate(fd, 0, TERABYTE)),
        refused("the largest size", calls::set_size(fd, i64::MAX as u64)),
        refused("a size with a sign", calls::set_size(fd, u64::MAX)),
        refused("room whose end wraps around", calls::allocate(fd, u64::MAX - 1, TERABYTE)),
        refused("a byte at the end of numbers", calls::write_at(fd, b"x", u64::MAX)),
    ];
    say(format_args!("{errors:?}"));
    allowed("go on", calls::write(fd, b"own"));
}
