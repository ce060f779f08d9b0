//! What probes share. A probe exits with 0 when the sandbox held and with [`THROUGH`] when an attack got through.

pub mod calls;
pub mod sockets;

use std::fmt::{Debug, Display};
use std::io::Write;

/// The exit code of a probe whose attack got through.
pub const THROUGH: i32 = 66;

/// The first directory that was granted.
pub const GRANTED: wasi::Fd = 3;

/// Says which attack got through, and ends.
pub fn through(attack: impl Display) -> ! {
    say(format_args!("got through: {attack}"));
    std::process::exit(THROUGH)
}

/// Says how an attempt ended.
pub fn say(text: impl Display) {
    // Nobody is left to tell when stdout is closed.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Ends with [`THROUGH`] when the attempt succeeded.
pub fn refused<T, E: Debug>(attack: impl Display, attempt: Result<T, E>) -> E {
    match attempt {
        Ok(_) => through(attack),
        Err(error) => error,
    }
}

/// Ends with 2 when something fails that an honest guest may do: the attack could not be tried.
pub fn allowed<T, E: Debug>(what: impl Display, attempt: Result<T, E>) -> T {
    attempt.unwrap_or_else(|error| {
        say(format_args!("could not try: {what}: {error:?}"));
        std::process::exit(2)
    })
}

/// The first argument as a number.
#[must_use]
pub fn number(default: u64) -> u64 {
    std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(default)
}
