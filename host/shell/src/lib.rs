//! The command language of a console session: grammar, expansion, pipelines, jobs and completion.
//!
//! Everything outside comes through [`World`]: this crate knows no server, no store and no engine.
//!
//! ```text
//! let mut shell = Shell::new();                               // cwd "/", no variables but HOME and PWD
//! let interrupt = shell.interrupter();                        // Clone + Send: interrupt.interrupt() from anywhere
//! match parse(&typed) {                                       // or shell.run, which parses as well
//!     Err(SyntaxError::Incomplete) => …,                      // show a continuation prompt, add "\n" and the next line
//!     _ => {}
//! }
//! shell.announce(&*world).await;                              // jobs that ended; before each prompt
//! let status: i32 = shell.run(&line, &world).await;           // world: Arc<dyn World>; remembers the line, tells errors
//! if let Some(status) = shell.exit_requested() { … }          // after `exit`
//! shell.set_exported("COLUMNS", "80");                        // resize
//! shell.cwd(), shell.status(), shell.kill_jobs()
//! let completion = complete(&line, cursor_byte, &shell, &*world).await; // Completion { start, candidates, truncated }
//! ```

pub mod ast;
mod builtins;
mod complete;
mod error;
mod exec;
mod expand;
mod glob;
mod interrupt;
mod jobs;
mod lex;
pub mod limits;
mod parse;
mod path;
mod pattern;
mod pipe;
mod quote;
mod secrets;
mod shell;
mod state;
pub mod status;
mod streams;
mod world;

#[cfg(test)]
mod tests;

pub use complete::{Candidate, CandidateKind, Completion, complete};
pub use error::SyntaxError;
pub use interrupt::Interrupter;
pub use parse::parse;
pub use path::resolve;
pub use quote::quote;
pub use secrets::is_secret;
pub use shell::Shell;

pub use pipe::{Closed, PipeReader, PipeWriter, pipe};
pub use world::{
    CommandInfo, Ended, Entry, EntryKind, FileReader, FileWriter, FlagInfo, HistoryEntry, Out, Refusal,
    RunHandle, StartRun, Stdin, Stream, World,
};
