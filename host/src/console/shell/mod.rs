//! What runs in a session: a shell. It joins the line discipline (`cloister-terminal`), the command language
//! (`cloister-shell`) and the one way to a guest (`commands`).
//!
//! `drive` is the session's loop, `screen` the terminal that all parts of a session write to, `world` what the command
//! language asks of the host, `runs` its guests, `files` its redirections.

mod drive;
mod files;
mod runs;
mod screen;
mod world;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::history::History;
use super::{Program, SessionIo};
use crate::audit::Audit;
use crate::clock::Clock;
use crate::commands::Commands;
use crate::files::Files;
use crate::registry::Registry;

/// The parts of the host that a shell uses.
pub struct ShellParts {
    /// The time.
    pub clock: Clock,
    /// Starts runs.
    pub commands: Commands,
    /// Knows what is deployed.
    pub registry: Registry,
    /// The tenant's directory.
    pub files: Files,
    /// What was typed before.
    pub history: History,
    /// Records what was denied, and what redirections write.
    pub audit: Audit,
}

/// A shell in each session.
pub struct ShellProgram {
    parts: Arc<ShellParts>,
}

impl ShellProgram {
    /// On top of the other parts.
    #[must_use]
    pub fn new(parts: ShellParts) -> Self {
        Self { parts: Arc::new(parts) }
    }
}

impl Program for ShellProgram {
    fn start(&self, io: SessionIo) -> BoxFuture<'static, Option<i32>> {
        Box::pin(drive::drive(Arc::clone(&self.parts), io))
    }
}
