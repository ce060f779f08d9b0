//! For authors of Cloister commands: arguments, input, exit codes, log lines, progress, the terminal and trees of files.
//!
//! A command is an ordinary WASI program. Nothing here is needed to write one; this crate only makes the common things
//! short, and has no dependencies. A whole command:
//!
//! ```no_run
//! use std::io::{BufRead, Write};
//! use std::process::ExitCode;
//!
//! use cloister_guest::{Arg, Args, Failure, Input, info, run};
//!
//! fn main() -> ExitCode {
//!     run(count)
//! }
//!
//! fn count(mut args: Args) -> Result<ExitCode, Failure> {
//!     let mut lines = 0_u64;
//!     while let Some(arg) = args.next()? {
//!         match arg {
//!             Arg::Value(path) => lines += Input::open(&path)?.split(b'\n').count() as u64,
//!             other => return Err(args.unexpected(&other)),
//!         }
//!     }
//!     info!("counted", lines = lines);
//!     writeln!(std::io::stdout(), "{lines}")?;
//!     Ok(ExitCode::SUCCESS)
//! }
//! ```
//!
//! The interface between a command and its host is written down in `wit/`, beside this crate's sources.

mod args;
mod exit;
mod help;
mod input;
pub mod log;
mod progress;
pub mod terminal;
pub mod tree;

pub use args::{Arg, Args};
pub use exit::{Failure, Problems, run, show};
#[doc(hidden)]
pub use help::help_bytes;
pub use input::{Input, os_bytes};
pub use progress::Progress;
