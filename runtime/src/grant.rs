//! What a run may see, as plain data. A guest starts with nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::stdio::{OutputSink, StdinSource};

/// Everything one run is given.
pub struct Grant {
    /// Arguments; the first is the program's own name.
    pub args: Vec<String>,
    /// Environment variables. Nothing of the host's environment is added.
    pub env: BTreeMap<String, String>,
    /// Directories, and where the guest sees them.
    pub directories: Vec<DirectoryGrant>,
    /// Where it may connect to.
    pub network: NetworkGrant,
    /// Standard input.
    pub stdin: StdinSource,
    /// Takes standard output and standard error.
    pub output: Arc<dyn OutputSink>,
    /// Which of stdin, stdout and stderr the guest is told are terminals.
    pub terminals: [bool; 3],
}

/// One directory given to a run.
#[derive(Debug, Clone)]
pub struct DirectoryGrant {
    /// The directory on the host. It is opened once, before the guest starts.
    pub host: PathBuf,
    /// Where the guest sees it.
    pub guest: String,
    /// What the guest may do there.
    pub access: Access,
}

/// What a guest may do in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

/// Where a guest may connect to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NetworkGrant {
    /// Nowhere.
    #[default]
    Denied,
    /// Anywhere this machine can: for a person running a file of their own.
    Unrestricted,
}
