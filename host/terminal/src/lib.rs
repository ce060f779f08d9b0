//! The terminal of a session, on the host's side. WASI guests have no terminal device, so the host does what a kernel's
//! tty and a shell's line editor do together: echo, editing, history, completion, Ctrl-C and Ctrl-D, CR-LF.
//!
//! Everything here is plain data, bytes in and bytes out: no I/O, no clock, no thread.
//!
//! - [`LineDiscipline`] takes what a person types and gives [`Effect`]s; it also puts what guests write around the line
//!   that is being edited.
//! - [`OutputFilter`] takes what one stream of one guest writes and gives what may reach the terminal.
//!
//! The way of a byte: typed → `LineDiscipline::input` → `Effect::Echo` to the terminal, `Effect::Line` to the command
//! language, `Effect::Data` to the guest. Written by a guest → `OutputFilter::filter` → `LineDiscipline::output` → the
//! terminal. All that reaches the terminal goes through the discipline, which therefore knows the cursor's column.
//!
//! ```
//! use cloister_terminal::{Effect, Filtered, LineDiscipline, Mode, OutputFilter};
//!
//! let mut terminal = LineDiscipline::new(80, 24);
//! terminal.prompt("$ ");
//! let effects = terminal.input(b"grett\x7f\x7fet\r");
//! assert!(effects.contains(&Effect::Line("greet".into())));
//!
//! // The command runs, and reads lines.
//! terminal.set_mode(Mode::Cooked);
//! let mut stdout = OutputFilter::new(true);
//! for part in stdout.filter(b"name? \x1b]133;A\x07") {
//!     match part {
//!         Filtered::Bytes(bytes) => assert_eq!(terminal.output(&bytes), b"name? "),
//!         Filtered::Mode(mode) => drop(terminal.set_mode(mode)),
//!     }
//! }
//! assert!(terminal.input(b"Ada\r").contains(&Effect::Data(b"Ada\n".to_vec())));
//!
//! // It has ended.
//! terminal.set_mode(Mode::Busy);
//! terminal.output(&stdout.finish());
//! terminal.prompt("$ ");
//! ```
//!
//! # Why no line-editing library
//!
//! A remote terminal needs an editor that is fed bytes and gives bytes, for any number of sessions on a few threads, and
//! that yields to output and to Ctrl-C at any moment. Looked at for that:
//!
//! - rustyline 19: owns a tty on file descriptors (termios, `isatty`, blocking reads). Arbitrary streams are an open
//!   issue of 2021 (542).
//! - reedline 0.52: its events come from crossterm, which reads the process's own standard input; one cannot be put in
//!   its place (crossterm issues 694, 941).
//! - linefeed 0.6: a terminal trait, but of blocking reads, and no release since 2019.
//! - termwiz 0.23: its `LineEditor` runs its own loop on a `Terminal` that it polls; no grapheme-exact wrapping.
//! - noline 0.5: bytes in and out without a tty, and so the nearest; but it is MPL-2.0, learns size and place by asking
//!   the terminal (`ESC[6n`) and waits for the answer, measures nothing wider than one cell, and has neither completion
//!   nor bracketed paste.
//! - editline 0.0.24: one blocking (or async) call a line over a trait of cursor movements; no widths, no wrapping.
//!
//! None is taken. What is worth taking is: `unicode-segmentation` (what a cluster is) and `unicode-width` (how wide it
//! is). `vte` is not: in its form with `std` it keeps an unterminated OSC without a bound, and it does not give a
//! sequence's own bytes back, which the filter needs.

mod buffer;
mod complete;
mod decode;
mod discipline;
mod edit;
mod effect;
mod escape;
mod filter;
mod history;
mod keys;
mod layout;
mod paint;
mod policy;
mod restore;
mod show;
mod track;
mod width;

pub use buffer::LINE_BYTES;
pub use complete::{Candidate, LISTED_COLUMNS_GAP};
pub use discipline::{HELD_INPUT_BYTES, LineDiscipline, PROMPT_BYTES, TYPE_AHEAD_BYTES};
pub use effect::{Effect, Mode};
pub use escape::{SEQUENCE_BYTES, STRING_BYTES};
pub use filter::{Filtered, OutputFilter};
pub use history::{HISTORY_BYTES, HISTORY_ENTRIES};
pub use width::WidthRule;
