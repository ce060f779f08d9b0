//! What a shell needs from outside: runs, the tenant's directory, the terminal, history.
//!
//! The implementation decides who may do what: each method is called with what a person typed, and answers with a
//! [`Refusal`] when it may not be. All paths are absolute in the tenant's directory, without `.`, `..` or doubled slashes.

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::pipe::{PipeReader, PipeWriter};

/// Everything outside of a shell.
pub trait World: Send + Sync + 'static {
    /// Starts a run of a deployed command. It answers when the run is under way (or queued), not when it ends. When the
    /// future is dropped before, as after a second interruption, no run may be left behind.
    ///
    /// # Errors
    /// When there is no such command (`command_not_found`), or it may not be run.
    fn start(&self, run: StartRun) -> BoxFuture<'_, Result<Box<dyn RunHandle>, Refusal>>;

    /// Cancels a run of the tenant by its id.
    ///
    /// # Errors
    /// When there is no such run, or it may not be cancelled.
    fn kill<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<(), Refusal>>;

    /// The entries of a directory, in any order, without `.` and `..`.
    ///
    /// # Errors
    /// When there is no such directory.
    fn list<'a>(&'a self, directory: &'a str) -> BoxFuture<'a, Result<Vec<Entry>, Refusal>>;

    /// What a path names, following symlinks.
    ///
    /// # Errors
    /// When there is nothing (`not_found`).
    fn metadata<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<EntryKind, Refusal>>;

    /// Opens a file to read it from its beginning.
    ///
    /// # Errors
    /// When there is no such file.
    fn open<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Box<dyn FileReader>, Refusal>>;

    /// Opens a file to write it: with `append` at its end, and otherwise a new one, which takes the place of what is there
    /// when it is committed. Until then readers see the old content.
    ///
    /// # Errors
    /// When it cannot be made.
    fn create<'a>(
        &'a self,
        path: &'a str,
        append: bool,
    ) -> BoxFuture<'a, Result<Box<dyn FileWriter>, Refusal>>;

    /// The commands that are deployed and may be run, in any order.
    fn commands(&self) -> BoxFuture<'_, Vec<CommandInfo>>;

    /// The names of the tenant's workflows.
    fn workflows(&self) -> BoxFuture<'_, Vec<String>>;

    /// The newest entries of the history that contain `text` (all when it is empty), oldest first, at most `limit`.
    fn history<'a>(&'a self, text: &'a str, limit: usize) -> BoxFuture<'a, Vec<HistoryEntry>>;

    /// Keeps a line in the history. Lines for which [`crate::is_secret`] holds are not given to it.
    fn remember<'a>(&'a self, line: &'a str) -> BoxFuture<'a, ()>;

    /// Writes to the session's terminal; it waits while the terminal takes no more.
    fn write(&self, stream: Stream, bytes: Bytes) -> BoxFuture<'_, ()>;
}

/// A run to start.
#[derive(Debug)]
pub struct StartRun {
    /// The deployed command's name.
    pub command: String,
    /// Its arguments, without the name.
    pub args: Vec<String>,
    /// Its environment: the exported variables and the assignments before the command, each name once, sorted.
    pub env: Vec<(String, String)>,
    /// The working directory, absolute in the tenant's directory.
    pub cwd: String,
    /// Where it reads from.
    pub stdin: Stdin,
    /// Where its standard output goes.
    pub stdout: Out,
    /// Where its standard error goes.
    pub stderr: Out,
    /// Whether the session waits for it: not so for a job.
    pub foreground: bool,
}

/// Where a run reads from.
#[derive(Debug)]
pub enum Stdin {
    /// Nothing: at its end from the start.
    Empty,
    /// What is typed into the session.
    Terminal,
    /// The command before it in a pipeline, or a file. The run (or whoever reads for it) drops the reader when it
    /// reads no more; it must drop it when the run ends.
    Pipe(PipeReader),
}

/// Where a run writes to.
#[derive(Debug, Clone)]
pub enum Out {
    /// The session's terminal.
    Terminal,
    /// Nowhere: what is written is taken and forgotten.
    Null,
    /// The command after it in a pipeline, or a file. When a write says [`crate::Closed`], nobody reads any more: the
    /// run is ended as a process is by SIGPIPE, with exit code [`crate::status::BROKEN_PIPE`]. Every clone is dropped when the
    /// run ends; the reader sees the end then.
    Pipe(PipeWriter),
}

/// A run that was started. When it is dropped the run goes on.
pub trait RunHandle: Send + Sync {
    /// The run's id.
    fn id(&self) -> &str;

    /// Waits for the end. It can be dropped and called again.
    fn wait(&self) -> BoxFuture<'_, Ended>;

    /// Ends the run soon; [`RunHandle::wait`] then answers.
    fn cancel(&self);
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit code, as a shell would show it: 128 and more when something ended the run.
    pub exit_code: i32,
    /// What to tell a person, when the command did not end by itself: such as "ran out of memory".
    pub outcome: Option<String>,
}

/// A file that is read.
pub trait FileReader: Send {
    /// The next bytes, 64 KiB at most; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read on.
    fn read(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Refusal>>;
}

/// A file that is written. When it is dropped without [`FileWriter::commit`], what was written is undone as far as it can be.
pub trait FileWriter: Send {
    /// Writes all of the bytes.
    ///
    /// # Errors
    /// When the quota or the disk has no room for them; the file is then of no use but to be dropped.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Keeps what was written.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Refusal>>;
}

/// Why something was not done: a stable code and a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refusal {
    /// The error code, as in the API.
    pub code: String,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
}

impl Refusal {
    /// A refusal with a code and a message.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name. One that is not UTF-8 is left out by the implementation.
    pub name: String,
    /// What it is, without following a symlink.
    pub kind: EntryKind,
}

/// What a name in a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symlink, in a listing.
    Symlink,
    /// Anything else.
    Other,
}

/// A deployed command, as far as completion and `help` need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandInfo {
    /// The deployment's name.
    pub name: String,
    /// The flags that its module declares.
    pub flags: Vec<FlagInfo>,
    /// One sentence, perhaps empty.
    pub summary: String,
}

/// A flag that a module declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagInfo {
    /// The flag with its dashes, such as `--max-depth`.
    pub name: String,
    /// Whether a value follows.
    pub takes_value: bool,
    /// One sentence, perhaps empty.
    pub summary: String,
}

/// A line that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its number, growing.
    pub number: u64,
    /// The line as it was typed.
    pub line: String,
}

/// Which of the terminal's streams a write belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error, and what the shell itself says.
    Stderr,
}
