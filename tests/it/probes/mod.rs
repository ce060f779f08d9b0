//! Hostile guests against the real server: what stops each, how soon, and that neighbours do not feel it.

mod bombs;
mod cpu;
mod crowd;
mod fs;
mod io;
mod leaks;
mod mem;
mod modules;
mod net;
mod probe;
mod process;
mod quota;
mod report;
mod stage;

pub(crate) use probe::{End, Grants, Probe};
pub(crate) use report::Report;
pub(crate) use stage::Stage;
