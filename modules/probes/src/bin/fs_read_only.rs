//! Changes a directory that was granted to be read only, in every way there is. The second granted directory may be written.

use probes::{GRANTED, allowed, calls, refused};
use wasi::{LOOKUPFLAGS_SYMLINK_FOLLOW as FOLLOW, OFLAGS_CREAT, OFLAGS_EXCL, OFLAGS_TRUNC};

const WRITABLE: wasi::Fd = GRANTED + 1;

fn main() {
    allowed("write where it is allowed", std::fs::write("/writable/own", "own"));
    for flags in [OFLAGS_CREAT, OFLAGS_CREAT | OFLAGS_EXCL, OFLAGS_CREAT | OFLAGS_TRUNC] {
        refused("create", calls::open(GRANTED, "new", 0, flags));
    }
    for follow in [0, FOLLOW] {
        refused("truncate", calls::open(GRANTED, "kept", follow, OFLAGS_TRUNC));
        refused("set times", calls::set_times(GRANTED, "kept", follow));
        refused("link", calls::link(GRANTED, follow, "kept", GRANTED, "linked"));
        refused("link out", calls::link(GRANTED, follow, "kept", WRITABLE, "linked"));
        refused("link in", calls::link(WRITABLE, follow, "own", GRANTED, "linked"));
    }
    refused("symlink", calls::symlink("kept", GRANTED, "link"));
    refused("make a directory", calls::make_directory(GRANTED, "dir"));
    refused("remove a directory", calls::remove_directory(GRANTED, "folder"));
    refused("remove a file", calls::remove_file(GRANTED, "kept"));
    refused("rename", calls::rename(GRANTED, "kept", GRANTED, "moved"));
    refused("rename a directory", calls::rename(GRANTED, "folder", GRANTED, "moved"));
    refused("move out", calls::rename(GRANTED, "kept", WRITABLE, "moved"));
    refused("move in", calls::rename(WRITABLE, "own", GRANTED, "kept"));
    // What opens for reading must not be written, not through a directory opened below either.
    for path in ["kept", "folder/kept"] {
        let fd = match calls::open(GRANTED, path, 0, 0) {
            Ok(fd) => fd,
            Err(_) => allowed("read", calls::open_to_read(GRANTED, path, 0)),
        };
        refused("write", calls::write(fd, b"changed"));
        refused("write at", calls::write_at(fd, b"changed", 0));
        refused("resize", calls::set_size(fd, 0));
        refused("grow", calls::set_size(fd, 1 << 20));
        refused("allocate", calls::allocate(fd, 0, 1 << 20));
    }
    let folder = allowed("open the folder", calls::open(GRANTED, "folder", 0, wasi::OFLAGS_DIRECTORY));
    refused("create below", calls::open(folder, "new", 0, OFLAGS_CREAT));
    refused("truncate below", calls::open(folder, "kept", 0, OFLAGS_TRUNC));
    refused("remove below", calls::remove_file(folder, "kept"));
    refused("make below", calls::make_directory(folder, "new"));
    refused("move in below", calls::rename(WRITABLE, "own", folder, "own"));
}
