//! What a run may see, as plain data. A guest starts with nothing.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;

use crate::filesystem::Volume;
use crate::network::Egress;
use crate::stdio::{OutputSink, StdinSource};

/// Everything one run is given.
pub struct Grant {
    /// Arguments; the first is the program's own name.
    pub args: Vec<String>,
    /// Environment variables. Nothing of the host's environment is added.
    pub env: BTreeMap<String, String>,
    /// Directories, and where the guest sees them.
    pub directories: Vec<DirectoryGrant>,
    /// What the directories are in, with its quota. None: nothing but the disk bounds what is written.
    pub volume: Option<Volume>,
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
    /// The directory on the host.
    pub host: HostDirectory,
    /// Where the guest sees it.
    pub guest: String,
    /// What the guest may do there.
    pub access: Access,
}

/// A directory on the host.
#[derive(Debug, Clone)]
pub enum HostDirectory {
    /// Looked up by path, once, before the guest starts: for a person's own directories.
    Path(PathBuf),
    /// Already open: no path is looked up again.
    Open(Arc<cap_std::fs::Dir>),
}

impl HostDirectory {
    /// A path that leads to this directory while `self` lives.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Path(path) => path.clone(),
            // The kernel resolves this link to the open directory itself (proc(5)).
            Self::Open(directory) => format!("/proc/self/fd/{}", directory.as_raw_fd()).into(),
        }
    }
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NetworkGrant {
    /// Nowhere.
    #[default]
    Denied,
    /// To these destinations.
    Egress(Arc<Egress>),
    /// Anywhere this machine can: for a person running a file of their own.
    Unrestricted,
}
