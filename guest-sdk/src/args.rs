//! The arguments of a command, read one at a time.

use std::ffi::{OsStr, OsString};
use std::fmt;

use crate::exit::Failure;
use crate::input::{os_bytes, os_from_bytes};

/// The exit code of a command that was called wrongly.
pub(crate) const USAGE: u8 = 2;

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// `-x`; also each letter of `-xyz`.
    Short(char),
    /// `--name`; the value of `--name=value` is fetched with [`Args::value`].
    Long(String),
    /// Anything else, and everything after `--`. It need not be UTF-8.
    Value(OsString),
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(letter) => write!(f, "-{letter}"),
            Self::Long(name) => write!(f, "--{name}"),
            Self::Value(value) => write!(f, "{}", value.display()),
        }
    }
}

/// Reads arguments as the usual tools do: `-x`, `-xyz`, `-nVALUE`, `-n VALUE`, `--name`, `--name=VALUE`,
/// `--name VALUE`, and `--` before values that begin with a dash. A lone `-` is a value.
///
/// ```
/// use cloister_guest::{Arg, Args};
///
/// let mut args = Args::new("head", ["-n5", "--quiet", "notes.txt"]);
/// let mut lines = 10;
/// while let Some(arg) = args.next()? {
///     match arg {
///         Arg::Short('n') => lines = args.parsed_value()?,
///         Arg::Long(name) if name == "quiet" => {}
///         Arg::Value(path) => assert_eq!(path, "notes.txt"),
///         other => return Err(args.unexpected(&other)),
///     }
/// }
/// assert_eq!(lines, 5);
/// # Ok::<(), cloister_guest::Failure>(())
/// ```
#[derive(Debug, Clone)]
pub struct Args {
    name: String,
    rest: std::collections::VecDeque<OsString>,
    /// What is left of `-xyz` after some letters, or of `--name=value` after the name.
    pending: Pending,
    only_values: bool,
    last: Option<Arg>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pending {
    None,
    Letters(Vec<u8>),
    Value(OsString),
}

impl Args {
    /// The arguments this program was started with.
    pub fn from_env() -> Self {
        let mut all = std::env::args_os();
        let name = all.next().unwrap_or_default();
        let name = std::path::Path::new(&name).file_stem().unwrap_or(OsStr::new("command"));
        Self::new(&name.to_string_lossy(), all)
    }

    /// Arguments of a command with this name, without argv[0]; for tests.
    pub fn new(name: &str, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let rest = args.into_iter().map(Into::into).collect();
        Self { name: name.to_owned(), rest, pending: Pending::None, only_values: false, last: None }
    }

    /// The command's own name: argv[0] without directories and extension.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next argument. A failure when the one before was given a value it does not take, as in `--quiet=yes`.
    #[expect(clippy::should_implement_trait, reason = "a failure ends the reading, so it is no iterator")]
    pub fn next(&mut self) -> Result<Option<Arg>, Failure> {
        let arg = match std::mem::replace(&mut self.pending, Pending::None) {
            Pending::Value(value) => {
                let shown = self.last.as_ref().map(ToString::to_string).unwrap_or_default();
                return Err(usage(format!("{shown} takes no value, but was given `{}`", value.display())));
            }
            Pending::Letters(letters) => Some(self.letter(&letters)),
            Pending::None => self.next_word(),
        };
        self.last.clone_from(&arg);
        Ok(arg)
    }

    /// The value of the option that [`Args::next`] returned last: the rest of its word, or else the next word.
    pub fn value(&mut self) -> Result<OsString, Failure> {
        match std::mem::replace(&mut self.pending, Pending::None) {
            Pending::Value(value) => return Ok(value),
            Pending::Letters(letters) => {
                let value = letters.strip_prefix(b"=").unwrap_or(&letters);
                return Ok(os_from_bytes(value));
            }
            Pending::None => {}
        }
        let shown = self.last.as_ref().map(ToString::to_string).unwrap_or_default();
        self.rest.pop_front().ok_or_else(|| usage(format!("{shown} needs a value")))
    }

    /// The value of the last option, as a number or whatever else can be parsed.
    pub fn parsed_value<T: std::str::FromStr<Err: fmt::Display>>(&mut self) -> Result<T, Failure> {
        let value = self.value()?;
        let shown = self.last.as_ref().map(ToString::to_string).unwrap_or_default();
        let text = value.to_str().ok_or_else(|| usage(format!("the value of {shown} is not UTF-8")))?;
        text.parse().map_err(|error| usage(format!("`{text}` does not fit {shown}: {error}")))
    }

    /// The failure for an argument the command does not know: a usage error that names it.
    pub fn unexpected(&self, arg: &Arg) -> Failure {
        let what = if matches!(arg, Arg::Value(_)) { "argument" } else { "option" };
        usage(format!("unknown {what} `{arg}`; try `{} --help`", self.name))
    }

    fn next_word(&mut self) -> Option<Arg> {
        let word = self.rest.pop_front()?;
        if self.only_values {
            return Some(Arg::Value(word));
        }
        let bytes = os_bytes(&word);
        if bytes == b"--" {
            self.only_values = true;
            return self.rest.pop_front().map(Arg::Value);
        }
        if let Some(long) = bytes.strip_prefix(b"--") {
            let mut halves = long.splitn(2, |byte| *byte == b'=');
            let name = String::from_utf8_lossy(halves.next().unwrap_or_default()).into_owned();
            if let Some(value) = halves.next() {
                self.pending = Pending::Value(os_from_bytes(value));
            }
            return Some(Arg::Long(name));
        }
        match bytes {
            [b'-', letters @ ..] if !letters.is_empty() => {
                let letters = letters.to_vec();
                Some(self.letter(&letters))
            }
            _ => Some(Arg::Value(word)),
        }
    }

    /// Takes one letter; `letters` is not empty.
    fn letter(&mut self, letters: &[u8]) -> Arg {
        let first = letters.utf8_chunks().next();
        let valid = first.and_then(|chunk| chunk.valid().chars().next());
        let (letter, length) = valid.map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8()));
        if letters.len() > length {
            self.pending = Pending::Letters(letters[length..].to_vec());
        }
        Arg::Short(letter)
    }
}

fn usage(message: String) -> Failure {
    Failure::new(USAGE, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(words: &[&str]) -> Vec<String> {
        let mut args = Args::new("t", words.iter().copied());
        let mut seen = Vec::new();
        while let Some(arg) = args.next().unwrap() {
            seen.push(format!("{arg:?}"));
        }
        seen
    }

    #[test]
    fn letters_may_stand_together() {
        assert_eq!(all(&["-lw", "-c"]), ["Short('l')", "Short('w')", "Short('c')"]);
        assert_eq!(all(&["-aé"]), ["Short('a')", "Short('é')"]);
    }

    #[test]
    fn a_lone_dash_and_everything_after_two_dashes_is_a_value() {
        assert_eq!(all(&["-", "--", "-x", "--"]), [r#"Value("-")"#, r#"Value("-x")"#, r#"Value("--")"#]);
        assert_eq!(all(&["--"]), [""; 0]);
        assert_eq!(all(&[""]), [r#"Value("")"#]);
    }

    #[test]
    fn values_are_taken_from_the_word_or_the_next_one() {
        for words in [&["-n5"][..], &["-n=5"], &["-n", "5"], &["--n=5"], &["--n", "5"]] {
            let mut args = Args::new("t", words.iter().copied());
            args.next().unwrap();
            assert_eq!(args.parsed_value::<u32>().unwrap(), 5, "{words:?}");
            assert_eq!(args.next().unwrap(), None, "{words:?}");
        }
    }

    #[test]
    fn a_missing_superfluous_or_wrong_value_is_a_usage_error() {
        let mut args = Args::new("t", ["-n"]);
        args.next().unwrap();
        assert_eq!(args.value().unwrap_err().to_string(), "-n needs a value");

        let mut args = Args::new("t", ["--quiet=yes"]);
        args.next().unwrap();
        let error = args.next().unwrap_err();
        assert_eq!(error.to_string(), "--quiet takes no value, but was given `yes`");
        assert_eq!(error.code(), USAGE);

        let mut args = Args::new("t", ["-nfive"]);
        args.next().unwrap();
        assert!(args.parsed_value::<u32>().unwrap_err().to_string().starts_with("`five` does not fit -n"));
    }

    #[test]
    fn an_unknown_option_is_named() {
        let args = Args::new("wc", ["-z"]);
        assert_eq!(args.unexpected(&Arg::Short('z')).to_string(), "unknown option `-z`; try `wc --help`");
    }

    #[cfg(unix)]
    #[test]
    fn values_need_not_be_utf8() {
        let odd = os_from_bytes(b"a\xff");
        let mut args = Args::new("t", [odd.clone(), os_from_bytes(b"--f=\xfe"), os_from_bytes(b"-\xff")]);
        assert_eq!(args.next().unwrap(), Some(Arg::Value(odd)));
        args.next().unwrap();
        assert_eq!(args.value().unwrap(), os_from_bytes(b"\xfe"));
        assert_eq!(args.next().unwrap(), Some(Arg::Short(char::REPLACEMENT_CHARACTER)));
    }
}
