//! Names a file as if it were a directory, and a link with a slash behind it: resolvers have gone astray there.

use probes::{GRANTED, allowed, calls, refused};
use wasi::{LOOKUPFLAGS_SYMLINK_FOLLOW as FOLLOW, OFLAGS_CREAT};

fn main() {
    allowed("make a file", std::fs::write("own", "own"));
    allowed("make a directory", calls::make_directory(GRANTED, "inner"));
    allowed("plant a link", calls::symlink("../secret", GRANTED, "link"));
    allowed("plant a link", calls::symlink("..", GRANTED, "up"));
    for path in ["own/", "own/.", "own//", "link/", "link//", "link/.", "up/", "up//", "up/.", "up/./"] {
        for follow in [0, FOLLOW] {
            refused(format_args!("open {path}"), calls::open(GRANTED, path, follow, OFLAGS_CREAT));
            refused(format_args!("read {path}"), calls::open_to_read(GRANTED, path, FOLLOW));
            refused(format_args!("link {path}"), calls::link(GRANTED, follow, path, GRANTED, "linked"));
        }
        refused(format_args!("remove {path}"), calls::remove_file(GRANTED, path));
        refused(format_args!("remove {path}"), calls::remove_directory(GRANTED, path));
        refused(format_args!("rename onto {path}"), calls::rename(GRANTED, "inner", GRANTED, path));
        refused(format_args!("make {path}"), calls::make_directory(GRANTED, path));
    }
    refused("a new file with a slash", calls::open(GRANTED, "new/", 0, OFLAGS_CREAT));
    refused("rename a file to one with a slash", calls::rename(GRANTED, "own", GRANTED, "other/"));
}
