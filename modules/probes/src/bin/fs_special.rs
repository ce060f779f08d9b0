//! Opens what is neither a file nor a directory: a pipe without a writer, a socket, and links to devices. An open that waits
//! would hold the host's thread.

use probes::{GRANTED, calls, say};
use wasi::LOOKUPFLAGS_SYMLINK_FOLLOW as FOLLOW;

fn main() {
    for path in ["pipe", "socket", "zero", "fd"] {
        for follow in [0, FOLLOW] {
            if let Ok(fd) = calls::open_to_read(GRANTED, path, follow) {
                let mut bytes = [0; 64];
                let read = calls::read_at(fd, &mut bytes, 0);
                say(format_args!("opened {path} to read: {}", read.is_ok()));
            }
            if let Ok(fd) = calls::open(GRANTED, path, follow, 0) {
                say(format_args!("opened {path} to write: {}", calls::write(fd, b"x").is_ok()));
            }
        }
    }
    say("done");
}
