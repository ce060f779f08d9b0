//! How a command ends.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::args::Args;

/// The exit code of a command whose output nobody reads any more: that of a process that SIGPIPE ended.
const BROKEN_PIPE: u8 = 141;

/// Why a command failed: a sentence for the person who called it, and the exit code.
///
/// I/O errors and texts turn into failures with code 1, so `?` works on both. Output that nobody reads any more is no news
/// to anybody: such a failure has code 141, and nothing is written about it.
///
/// ```
/// use cloister_guest::Failure;
///
/// fn port(text: &str) -> Result<u16, Failure> {
///     text.parse().map_err(|_| Failure::new(2, format!("`{text}` is not a port")))
/// }
///
/// assert_eq!(port("99999").unwrap_err().code(), 2);
/// ```
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// A failure with this exit code, which must not be 0: that would be a success. 0 counts as 1.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code: code.max(1), message: message.into() }
    }

    /// The exit code, 1 to 255. Hosts of WASI preview 1 pass 1 to 125 on as they are.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// The same failure, said to be about something, as in `notes.txt: no such file`.
    #[must_use]
    pub fn about(self, what: impl fmt::Display) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let code = if error.kind() == io::ErrorKind::BrokenPipe { BROKEN_PIPE } else { 1 };
        Self::new(code, error.to_string())
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::new(1, message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::new(1, message)
    }
}

/// Runs a command with the arguments it was started with. A failure is written to stderr as `NAME: MESSAGE` and becomes
/// the exit code. To be the last expression of `main`:
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     cloister_guest::run(|_args| Err("not today".into()))
/// }
/// ```
pub fn run(command: impl FnOnce(Args) -> Result<ExitCode, Failure>) -> ExitCode {
    let args = Args::from_env();
    let name = args.name().to_owned();
    finish(&name, command(args), &mut io::stderr())
}

/// Writes a text, such as a command's help, and ends in success.
///
/// ```
/// # fn main() -> Result<(), cloister_guest::Failure> {
/// let mut out = Vec::new();
/// cloister_guest::show(&mut out, "usage: cat [FILE]...\n")?;
/// assert!(out.starts_with(b"usage:"));
/// # Ok(())
/// # }
/// ```
pub fn show(out: &mut impl Write, text: &str) -> Result<ExitCode, Failure> {
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn finish(name: &str, result: Result<ExitCode, Failure>, stderr: &mut impl Write) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(failure) => {
            tell(name, &failure, stderr);
            ExitCode::from(failure.code())
        }
    }
}

fn tell(name: &str, failure: &Failure, stderr: &mut impl Write) {
    if failure.code != BROKEN_PIPE {
        // Nobody is left to tell when stderr is closed; the exit code still says it.
        let _ = stderr.write_all(format!("{name}: {failure}\n").as_bytes());
    }
}

/// What went wrong with some of a command's operands, when it goes on with the others.
///
/// ```
/// use cloister_guest::{Args, Input, Problems};
///
/// let mut problems = Problems::of(&Args::new("count", ["a"]));
/// for path in ["no/such/file", "nor/this"] {
///     // Written to stderr: count: no/such/file: ...
///     let Some(_input) = problems.note(Input::open(path.as_ref())) else { continue };
/// }
/// assert_eq!(problems.code(), 1);
/// ```
#[derive(Debug)]
pub struct Problems {
    name: String,
    code: u8,
}

impl Problems {
    /// None yet, of the command with these arguments.
    pub fn of(args: &Args) -> Self {
        Self { name: args.name().to_owned(), code: 0 }
    }

    /// What was asked for; or nothing, after the failure was written to stderr as [`run`] writes it.
    pub fn note<T>(&mut self, result: Result<T, Failure>) -> Option<T> {
        result
            .map_err(|failure| {
                tell(&self.name, &failure, &mut io::stderr());
                self.code = self.code.max(failure.code());
            })
            .ok()
    }

    /// 0, or the highest exit code of all failures.
    pub fn code(&self) -> u8 {
        self.code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_written_once_with_the_commands_name() {
        let mut stderr = Vec::new();
        let code = finish("cat", Err(Failure::new(3, "gone").about("a.txt")), &mut stderr);
        assert_eq!(String::from_utf8(stderr).unwrap(), "cat: a.txt: gone\n");
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(3)));
    }

    #[test]
    fn a_success_writes_nothing_and_keeps_its_code() {
        let mut stderr = Vec::new();
        let code = finish("cat", Ok(ExitCode::from(1)), &mut stderr);
        assert!(stderr.is_empty());
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
    }

    #[test]
    fn output_that_nobody_reads_ends_a_command_quietly() {
        let mut stderr = Vec::new();
        let code = finish("yes", Err(io::Error::from(io::ErrorKind::BrokenPipe).into()), &mut stderr);
        assert!(stderr.is_empty());
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(141)));
    }

    #[test]
    fn problems_have_the_highest_code() {
        let mut problems = Problems::of(&Args::new("t", [""; 0]));
        assert_eq!((problems.note(Ok(7)), problems.code()), (Some(7), 0));
        for code in [1, 3, 2] {
            assert_eq!(problems.note::<()>(Err(Failure::new(code, "gone"))), None);
        }
        assert_eq!(problems.code(), 3);
    }

    #[test]
    fn a_failure_never_has_the_code_of_a_success() {
        assert_eq!(Failure::new(0, "odd").code(), 1);
        assert_eq!(Failure::from(io::Error::other("x")).code(), 1);
    }
}
