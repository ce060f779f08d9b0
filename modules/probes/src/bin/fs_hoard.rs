//! Keeps files open whose names it removed: they take room on the disk, and nobody sees them.

use probes::{GRANTED, allowed, calls, say, through};
use wasi::OFLAGS_CREAT;

const FILE_BYTES: u64 = 1 << 20;
/// More than the test grants.
const FAR_TOO_MANY: usize = 64;

fn main() {
    let mut held = Vec::new();
    let error = loop {
        let fd = match calls::open(GRANTED, "hidden", 0, OFLAGS_CREAT) {
            Ok(fd) => fd,
            Err(error) => break error,
        };
        allowed("remove its name", calls::remove_file(GRANTED, "hidden"));
        if let Err(error) = calls::set_size(fd, FILE_BYTES) {
            break error;
        }
        held.push(fd);
        if held.len() > FAR_TOO_MANY {
            through("no bound on files without a name");
        }
    };
    say(format_args!("refused after {} files: {error:?}", held.len()));
    let Some(fd) = held.pop() else { return say("held none") };
    allowed("close one", calls::close(fd));
    allowed("write again", std::fs::write("again", vec![b'x'; FILE_BYTES as usize / 2]));
    allowed("remove it", std::fs::remove_file("again"));
}
