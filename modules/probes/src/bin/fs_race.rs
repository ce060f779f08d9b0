//! Opens through the directory that another guest swaps with a link, as often as its argument says. Whoever checks a path first
//! and opens it later can be fooled.

use probes::{GRANTED, calls, number, say, through};
use wasi::{LOOKUPFLAGS_SYMLINK_FOLLOW as FOLLOW, OFLAGS_CREAT};

fn main() {
    let mut seen = [0_u64; 2];
    for _ in 0..number(10_000) {
        let opened = calls::open_to_read(GRANTED, "door/secret", FOLLOW);
        seen[usize::from(opened.is_ok())] += 1;
        if let Ok(fd) = opened {
            let mut bytes = [0; 64];
            let length = calls::read_at(fd, &mut bytes, 0).unwrap_or(0);
            if &bytes[..length] != b"inside" {
                through("read what is outside");
            }
            let _ = calls::close(fd);
        }
        if let Ok(fd) = calls::open(GRANTED, "door/escaped", FOLLOW, OFLAGS_CREAT) {
            let _ = calls::close(fd);
        }
        let _ = calls::make_directory(GRANTED, "door/escaped.d");
        let _ = calls::rename(GRANTED, "door/escaped", GRANTED, "door/escaped.2");
    }
    say(format_args!("missed {}, opened {}", seen[0], seen[1]));
}
