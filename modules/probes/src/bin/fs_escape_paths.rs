//! Tries paths that lead out of the granted directory, with every call that takes one.

use probes::{GRANTED, allowed, calls, refused};
use wasi::{LOOKUPFLAGS_SYMLINK_FOLLOW, OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_TRUNC};

/// Each would name `secret` or something else outside.
const OUTSIDE: [&str; 24] = [
    "..",
    "../",
    "../.",
    "../secret",
    "./../secret",
    ".//..//secret",
    "inner/../../secret",
    "inner/./.././../secret",
    "inner/../../secret/",
    "nothing/../../secret",
    "own/../../secret",
    "../../../../../../../../../../etc/passwd",
    "../escaped",
    "inner/../../escaped",
    "/",
    "/.",
    "/..",
    "/secret",
    "//secret",
    "/data/../secret",
    "/etc/passwd",
    "/proc/self/environ",
    "/proc/self/cwd/secret",
    "/dev/null",
];

fn main() {
    allowed("make a directory", calls::make_directory(GRANTED, "inner"));
    allowed("make a file", std::fs::write("own", "own"));
    for path in OUTSIDE {
        for follow in [0, LOOKUPFLAGS_SYMLINK_FOLLOW] {
            for flags in [0, OFLAGS_CREAT, OFLAGS_CREAT | OFLAGS_TRUNC, OFLAGS_DIRECTORY] {
                refused(format_args!("open {path} {flags}"), calls::open(GRANTED, path, follow, flags));
            }
            refused(format_args!("open {path} to read"), calls::open_to_read(GRANTED, path, follow));
            refused(format_args!("stat {path}"), calls::stat(GRANTED, path, follow));
            refused(format_args!("set times of {path}"), calls::set_times(GRANTED, path, follow));
            refused(format_args!("link {path}"), calls::link(GRANTED, follow, path, GRANTED, "linked"));
        }
        refused(format_args!("link to {path}"), calls::link(GRANTED, 0, "own", GRANTED, path));
        refused(format_args!("make directory {path}"), calls::make_directory(GRANTED, path));
        refused(format_args!("remove directory {path}"), calls::remove_directory(GRANTED, path));
        refused(format_args!("remove file {path}"), calls::remove_file(GRANTED, path));
        refused(format_args!("read link {path}"), calls::read_link(GRANTED, path));
        refused(format_args!("symlink at {path}"), calls::symlink("own", GRANTED, path));
        refused(format_args!("rename {path}"), calls::rename(GRANTED, path, GRANTED, "taken"));
        refused(format_args!("rename to {path}"), calls::rename(GRANTED, "own", GRANTED, path));
        refused(format_args!("rename inner to {path}"), calls::rename(GRANTED, "inner", GRANTED, path));
    }
}
