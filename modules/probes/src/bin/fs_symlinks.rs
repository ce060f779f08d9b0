//! Plants symbolic links that lead out of the granted directory and goes through them, with every call that takes a path. The
//! links stay, for the host to stumble over.

use probes::{GRANTED, allowed, calls, refused, say, through};
use wasi::{LOOKUPFLAGS_SYMLINK_FOLLOW as FOLLOW, OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_TRUNC};

/// Names and what they lead to. Making them is allowed, but for absolute ones.
const PLANTED: [(&str, &str); 6] = [
    ("up", ".."),
    ("file", "../secret"),
    ("chain", "file"),
    ("inner/up", "../.."),
    ("roundabout", "inner/../../secret"),
    ("far", "../../../../../../../../etc/passwd"),
];
const ABSOLUTE: [(&str, &str); 3] = [("root", "/"), ("passwd", "/etc/passwd"), ("cwd", "/proc/self/cwd")];
const THROUGH_LINKS: [&str; 10] = [
    "up",
    "up/",
    "up/secret",
    "up/escaped",
    "file",
    "chain",
    "inner/up/secret",
    "roundabout",
    "far",
    "inner/up/up/secret",
];

fn main() {
    allowed("make a directory", calls::make_directory(GRANTED, "inner"));
    allowed("make a file", std::fs::write("own", "own"));
    for (name, target) in PLANTED {
        let made = calls::symlink(target, GRANTED, name);
        say(format_args!("planted {name}: {}", made.is_ok()));
    }
    let mut paths = THROUGH_LINKS.to_vec();
    for (name, target) in ABSOLUTE {
        if calls::symlink(target, GRANTED, name).is_ok() {
            say(format_args!("planted {name}, which is absolute"));
            paths.push(name);
        }
    }
    for path in paths {
        attack(path);
    }
    say("held");
}

fn attack(path: &str) {
    for flags in [0, OFLAGS_CREAT, OFLAGS_CREAT | OFLAGS_TRUNC, OFLAGS_DIRECTORY] {
        refused(format_args!("open {path} {flags}"), calls::open(GRANTED, path, FOLLOW, flags));
    }
    if let Ok(fd) = calls::open_to_read(GRANTED, path, 0) {
        let mut bytes = [0; 64];
        if calls::read_at(fd, &mut bytes, 0).is_ok() || calls::read_directory(fd, &mut bytes).is_ok() {
            through(format_args!("read {path} without following"));
        }
    }
    refused(format_args!("open {path} to read"), calls::open_to_read(GRANTED, path, FOLLOW));
    refused(format_args!("stat {path}"), calls::stat(GRANTED, path, FOLLOW));
    refused(format_args!("set times of {path}"), calls::set_times(GRANTED, path, FOLLOW));
    refused(format_args!("link {path}"), calls::link(GRANTED, FOLLOW, path, GRANTED, "linked"));
    let below = format!("{}/escaped", path.trim_end_matches('/'));
    refused(format_args!("make directory {below}"), calls::make_directory(GRANTED, &below));
    refused(format_args!("symlink at {below}"), calls::symlink("own", GRANTED, &below));
    refused(format_args!("link to {below}"), calls::link(GRANTED, 0, "own", GRANTED, &below));
    refused(format_args!("rename to {below}"), calls::rename(GRANTED, "own", GRANTED, &below));
    let secret = format!("{}/secret", path.trim_end_matches('/'));
    refused(format_args!("remove {secret}"), calls::remove_file(GRANTED, &secret));
    refused(format_args!("take {secret}"), calls::rename(GRANTED, &secret, GRANTED, "taken"));
    refused(format_args!("link {secret}"), calls::link(GRANTED, 0, &secret, GRANTED, "linked"));
}
