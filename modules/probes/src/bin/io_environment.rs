//! Says everything it can find out about where it runs: variables, arguments, directories, time zone files, host name.

use probes::{say, through};

const TELLING: [&str; 14] = [
    "/etc/hostname",
    "/etc/passwd",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/localtime",
    "/proc/self/environ",
    "/proc/self/cmdline",
    "/proc/version",
    "/sys/kernel/hostname",
    "/var/run/secrets",
    "/dev/null",
    "/dev/stdin",
    "/tmp",
    "/home",
];

fn main() {
    if let Some((name, value)) = std::env::vars_os().next() {
        through(format_args!("the variable {}={}", name.display(), value.display()));
    }
    for path in TELLING {
        if std::fs::metadata(path).is_ok() || std::fs::read(path).is_ok() || std::fs::read_dir(path).is_ok() {
            through(path);
        }
    }
    for directory in ["/", ".", ".."] {
        if std::fs::read_dir(directory).is_ok() {
            through(format_args!("list {directory}"));
        }
    }
    say(format_args!("arguments {:?}", std::env::args().collect::<Vec<_>>()));
}
