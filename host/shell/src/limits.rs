//! What bounds a line and what it does.

/// The longest line, with its continuation lines.
pub const LINE_BYTES: usize = 64 * 1024;
/// Words and operators of a line.
pub const LINE_TOKENS: usize = 4096;
/// Commands of one pipeline.
pub const PIPELINE_COMMANDS: usize = 16;
/// `${NAME:-…}` within each other.
pub const EXPANSION_DEPTH: usize = 8;
/// Arguments of one command, after expansion.
pub const COMMAND_WORDS: usize = 8192;
/// Bytes of one command's words after expansion.
pub const COMMAND_BYTES: usize = 512 * 1024;
/// Names that one pattern may match.
pub const GLOB_MATCHES: usize = 4096;
/// Names that the patterns of one command may look at.
pub const GLOB_VISITED: usize = 20_000;
/// Characters of a pattern for one name.
pub const GLOB_PATTERN_CHARS: usize = 256;
/// Directories below each other that `**` goes down.
pub const GLOB_DEPTH: usize = 32;
/// Variables of a session.
pub const VARIABLES: usize = 1024;
/// Bytes of all variables' names and values.
pub const VARIABLES_BYTES: usize = 256 * 1024;
/// Jobs of a session at a time.
pub const JOBS: usize = 32;
/// Bytes that a pipe between two commands holds.
pub const PIPE_BYTES: usize = 64 * 1024;
/// Lines that `history` shows.
pub const HISTORY_LINES: usize = 1000;
/// Candidates of one completion.
pub const CANDIDATES: usize = 256;
/// The longest path, in bytes.
pub const PATH_BYTES: usize = 4096;
