//! A person's terminal, when the command has one.
//!
//! Cloister keeps the terminal: what a person types comes line by line, edited and echoed by the host, and a command that
//! reads lines needs nothing of this. One that wants each key asks for raw mode with [`raw`].
//!
//! ```no_run
//! use cloister_guest::terminal;
//!
//! fn keys() -> std::io::Result<()> {
//!     let Some(_raw) = terminal::raw()? else { return Ok(()) };
//!     while let Some(byte) = terminal::read_byte()? {
//!         if byte == b'q' {
//!             break;
//!         }
//!     }
//!     Ok(())
//! }
//! ```

use std::io::{ErrorKind, Read, Write};

const RAW: &[u8] = b"\x1b]7770;raw\x1b\\";
const LINE: &[u8] = b"\x1b]7770;line\x1b\\";

/// True when standard input and output are a person's terminal: the host then sets `CLOISTER_TERMINAL` to `1`.
pub fn is_terminal() -> bool {
    std::env::var_os("CLOISTER_TERMINAL").is_some_and(|value| value == "1")
}

/// Columns and lines of the terminal when the command began, from `COLUMNS` and `LINES`; nothing without a terminal.
pub fn size() -> Option<(u16, u16)> {
    let number = |name| std::env::var(name).ok().and_then(|value| positive(&value));
    Some((number("COLUMNS")?, number("LINES")?))
}

/// Asks for raw mode, until the guard is dropped: each key comes at once, as the terminal sends it, nothing is echoed,
/// Ctrl-C is a byte (3), and newlines are written as they are. Nothing, and no change, without a terminal.
///
/// # Errors
///
/// When standard output cannot be written to.
pub fn raw() -> std::io::Result<Option<Raw>> {
    if !is_terminal() {
        return Ok(None);
    }
    ask(&mut std::io::stdout(), RAW)?;
    Ok(Some(Raw { _private: () }))
}

/// The next byte of standard input; nothing at its end. It is read alone, so that a reader made later misses none.
///
/// # Errors
///
/// When standard input cannot be read.
pub fn read_byte() -> std::io::Result<Option<u8>> {
    next_byte(&mut std::io::stdin().lock())
}

/// The terminal is in raw mode as long as this lives.
#[derive(Debug)]
pub struct Raw {
    _private: (),
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Without a reader of the output there is nobody to give the mode back to.
        let _ = ask(&mut std::io::stdout(), LINE);
    }
}

fn ask(output: &mut impl Write, request: &[u8]) -> std::io::Result<()> {
    output.write_all(request)?;
    output.flush()
}

fn next_byte(input: &mut impl Read) -> std::io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        match input.read(&mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn positive(text: &str) -> Option<u16> {
    text.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_positive_numbers() {
        for (text, expected) in
            [("80", Some(80)), ("0", None), ("-1", None), ("65535", Some(65535)), ("65536", None), ("", None)]
        {
            assert_eq!(positive(text), expected);
        }
    }

    #[test]
    fn bytes_come_one_by_one_to_the_end() {
        let mut input = &b"a\x03"[..];
        let bytes: Vec<_> = std::iter::from_fn(|| next_byte(&mut input).unwrap()).collect();
        assert_eq!(bytes, b"a\x03");
    }

    #[test]
    fn without_a_terminal_nothing_is_asked_for() {
        if !is_terminal() {
            assert!(raw().unwrap().is_none());
        }
    }
}
