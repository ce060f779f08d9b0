//! Makes names without end, the way its argument names: `file`, `directory`, `symlink` or `link`.

use probes::{GRANTED, allowed, calls, say, through};
use wasi::{ERRNO_DQUOT, ERRNO_NOSPC, OFLAGS_CREAT};

/// More than the test grants.
const FAR_TOO_MANY: u32 = 20_000;

fn main() {
    let way = std::env::args().nth(1).unwrap_or_default();
    allowed("make a file", std::fs::write("own", "own"));
    for number in 0..FAR_TOO_MANY {
        let name = format!("name{number}");
        let made = match &*way {
            "file" => calls::open(GRANTED, &name, 0, OFLAGS_CREAT).and_then(calls::close),
            "directory" => calls::make_directory(GRANTED, &name),
            "symlink" => calls::symlink("own", GRANTED, &name),
            "link" => calls::link(GRANTED, 0, "own", GRANTED, &name),
            _ => through("no such way"),
        };
        match made {
            Ok(()) => {}
            Err(ERRNO_DQUOT | ERRNO_NOSPC) => {
                say(format_args!("refused after {number}"));
                allowed("remove one", calls::remove_file(GRANTED, "own"));
                return allowed("make another", calls::make_directory(GRANTED, "another"));
            }
            Err(error) => through(format_args!("refused by {error:?}, which says nothing of a quota")),
        }
    }
    through(format_args!("{FAR_TOO_MANY} names by {way}"));
}
