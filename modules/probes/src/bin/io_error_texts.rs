//! Fails in every way that WASI 0.2 has a text for, and says the texts: they come from the host.

use probes::{allowed, refused, say};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
use wasip2::io::streams::StreamError;

fn main() {
    let (root, _) = allowed("the granted directory", get_directories().into_iter().next().ok_or("none"));
    let open = |path: &str, how: OpenFlags| -> Descriptor {
        let access = DescriptorFlags::READ | DescriptorFlags::WRITE;
        allowed(path, root.open_at(PathFlags::empty(), path, how, access))
    };
    let file = open("file", OpenFlags::CREATE);
    for at in [u64::MAX, u64::MAX / 2, i64::MAX as u64 - 1] {
        match file.write_via_stream(at) {
            Ok(stream) => {
                tell("write", refused("writing beyond every file", stream.blocking_write_and_flush(b"text")))
            }
            Err(code) => say(format_args!("write: {code:?}")),
        }
        match file.read_via_stream(at) {
            Ok(stream) => tell("read", refused("reading beyond every file", stream.blocking_read(16))),
            Err(code) => say(format_args!("read: {code:?}")),
        }
    }
    match root.read_via_stream(0) {
        Ok(stream) => tell("read a directory", refused("reading a directory", stream.blocking_read(16))),
        Err(code) => say(format_args!("read a directory: {code:?}")),
    }
}

fn tell(what: &str, error: StreamError) {
    match error {
        StreamError::LastOperationFailed(error) => {
            say(format_args!("{what}: text: {}", error.to_debug_string()))
        }
        StreamError::Closed => say(format_args!("{what}: closed")),
    }
}
