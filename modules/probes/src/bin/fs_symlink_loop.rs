//! Makes symbolic links that lead to each other, and a chain of a thousand; the host must not walk for ever.

use probes::{GRANTED, allowed, calls, refused};
use wasi::LOOKUPFLAGS_SYMLINK_FOLLOW;

const CHAIN: u32 = 1_000;

fn main() {
    for (name, target) in [("this", "that"), ("that", "this"), ("self", "self"), ("deeper", "deeper/deeper")]
    {
        allowed(name, calls::symlink(target, GRANTED, name));
    }
    for number in 0..CHAIN {
        let (name, target) = (format!("link{number}"), format!("link{}", number + 1));
        allowed(&name, calls::symlink(&target, GRANTED, &name));
    }
    allowed("the end", std::fs::write(format!("link{CHAIN}"), "end"));
    for path in ["this", "self", "deeper", "this/x", "deeper/x", "link0"] {
        let opened = calls::open_to_read(GRANTED, path, LOOKUPFLAGS_SYMLINK_FOLLOW);
        refused(format_args!("open {path}"), opened);
    }
}
