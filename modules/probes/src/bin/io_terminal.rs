//! Writes what changes a terminal, and what a browser would take for a page, to both streams.

use std::io::Write;

/// Clipboard (OSC 52), title, clear, an answer that the terminal types, eight-bit controls, a page, broken UTF-8.
const BYTES: &[u8] = b"\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x07\x1b[2J\x1b[6n\x1b[c\x1bP+q\x1b\\\xc2\x9b31m\
<!doctype html><script>alert(1)</script>\xff\xfe\0end\n";

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(BYTES)?;
    std::io::stderr().write_all(BYTES)
}
