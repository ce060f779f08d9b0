//! Makes directories in directories, deeper than any path can name: whoever removes them by recursion runs out of stack, and
//! whoever holds each open runs out of descriptors.

use probes::{GRANTED, allowed, calls, number, say};
use wasi::OFLAGS_DIRECTORY;

fn main() {
    let wanted = number(20_000);
    allowed("make a directory", calls::make_directory(GRANTED, "deep"));
    let mut at = allowed("open it", calls::open(GRANTED, "deep", 0, OFLAGS_DIRECTORY));
    for depth in 0..wanted {
        if let Err(error) = calls::make_directory(at, "d") {
            say(format_args!("refused at depth {depth}: {error:?}"));
            return;
        }
        let next = allowed("open it", calls::open(at, "d", 0, OFLAGS_DIRECTORY));
        allowed("close it", calls::close(at));
        at = next;
    }
    say(format_args!("made {wanted}"));
}
