//! Grows files past the tenant's quota, the way its argument names: `write`, `pwrite`, `append`, `truncate` or
//! `symlink`. Each refusal must be one that a program understands, and must leave it able to go on.

use probes::{GRANTED, allowed, calls, say, through};
use wasi::{ERRNO_DQUOT, ERRNO_NOSPC, Errno, Fd, OFLAGS_CREAT};

const BLOCK_BYTES: u64 = 64 << 10;
/// More than the test grants.
const FAR_TOO_MUCH_BYTES: u64 = 64 << 20;

fn main() {
    let way = std::env::args().nth(1).unwrap_or_default();
    let fd = allowed("make a file", open_to_append(&way));
    let block = vec![b'x'; BLOCK_BYTES as usize];
    let mut grown_bytes = 0;
    let refused = loop {
        let grown = match &*way {
            "write" | "append" => calls::write(fd, &block).map(|written| written as u64),
            "pwrite" => calls::write_at(fd, &block, grown_bytes).map(|written| written as u64),
            "truncate" => calls::set_size(fd, grown_bytes + BLOCK_BYTES).map(|()| BLOCK_BYTES),
            "symlink" => {
                let target = "t".repeat(4_000);
                calls::symlink(&target, GRANTED, &format!("link{grown_bytes}")).map(|()| 4_000)
            }
            _ => through("no such way"),
        };
        match grown {
            Ok(more) => grown_bytes += more,
            Err(error) => break error,
        }
        if grown_bytes > FAR_TOO_MUCH_BYTES {
            through(format_args!("{grown_bytes} bytes by {way}"));
        }
    };
    understood(refused);
    say(format_args!("refused after {grown_bytes} bytes: {refused:?}"));
    // One more try changes nothing; giving back makes room at once.
    if way != "append" && calls::write_at(fd, &block, FAR_TOO_MUCH_BYTES).is_ok() {
        through("a write far behind the end");
    }
    allowed("close", calls::close(fd));
    if way == "symlink" {
        allowed("remove a link", calls::remove_file(GRANTED, "link0"));
    } else {
        allowed("remove the file", calls::remove_file(GRANTED, "own"));
    }
    allowed("write again", std::fs::write("again", "again"));
}

fn open_to_append(way: &str) -> Result<Fd, Errno> {
    if way == "append" {
        return calls::open_to_append(GRANTED, "own");
    }
    calls::open(GRANTED, "own", 0, OFLAGS_CREAT)
}

fn understood(error: Errno) {
    if error != ERRNO_DQUOT && error != ERRNO_NOSPC {
        through(format_args!("refused by {error:?}, which says nothing of a quota"));
    }
}
