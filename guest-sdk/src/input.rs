//! Input from a file or from standard input, as bytes.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, StdinLock};

use crate::exit::Failure;

/// A file, or standard input. It is read through a buffer, and need not be UTF-8.
pub struct Input(Source);

enum Source {
    Stdin(StdinLock<'static>),
    File(BufReader<File>),
}

impl Input {
    /// Standard input.
    pub fn stdin() -> Self {
        Self(Source::Stdin(io::stdin().lock()))
    }

    /// A file by its path, or standard input for `-`. A failure names the path.
    ///
    /// ```
    /// use cloister_guest::Input;
    ///
    /// let failure = Input::open("no/such/file".as_ref()).err().unwrap();
    /// assert!(failure.to_string().starts_with("no/such/file: "));
    /// ```
    pub fn open(path: &OsStr) -> Result<Self, Failure> {
        if path == "-" {
            return Ok(Self::stdin());
        }
        let file = File::open(path).map_err(|error| Failure::from(error).about(path.display()))?;
        Ok(Self(Source::File(BufReader::new(file))))
    }

    /// The inputs that a command's arguments name; standard input when there are none.
    pub fn all(paths: &[OsString]) -> impl Iterator<Item = (&OsStr, Result<Self, Failure>)> {
        let stdin = paths.is_empty().then_some(OsStr::new("-"));
        let named = paths.iter().map(OsString::as_os_str);
        named.chain(stdin).map(|path| (path, Self::open(path)))
    }

    /// Everything that is left.
    pub fn bytes(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The next line with its end, in `line`, which is emptied first; false at the end of the input.
    pub fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        Ok(self.read_until(b'\n', line)? > 0)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Stdin(stdin) => stdin.read(buffer),
            Source::File(file) => file.read(buffer),
        }
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.0 {
            Source::Stdin(stdin) => stdin.fill_buf(),
            Source::File(file) => file.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match &mut self.0 {
            Source::Stdin(stdin) => stdin.consume(amount),
            Source::File(file) => file.consume(amount),
        }
    }
}

/// The bytes of a file name, an argument or a variable, to be written as they are.
pub fn os_bytes(text: &OsStr) -> &[u8] {
    // On WASI and Unix this is the text itself, whatever its encoding.
    text.as_encoded_bytes()
}

/// The other way round. Where names cannot be any bytes, what does not fit is replaced.
pub(crate) fn os_from_bytes(bytes: &[u8]) -> OsString {
    #[cfg(unix)]
    use std::os::unix::ffi::OsStrExt as _;
    #[cfg(target_os = "wasi")]
    use std::os::wasi::ffi::OsStrExt as _;
    #[cfg(any(unix, target_os = "wasi"))]
    return OsStr::from_bytes(bytes).to_owned();
    #[cfg(not(any(unix, target_os = "wasi")))]
    return String::from_utf8_lossy(bytes).into_owned().into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("cloister-guest-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn lines_keep_their_ends_and_odd_bytes() {
        let path = file("lines", b"a\xff\n\nlast");
        let mut input = Input::open(path.as_os_str()).unwrap();
        let (mut line, mut lines) = (Vec::new(), Vec::new());
        while input.next_line(&mut line).unwrap() {
            lines.push(line.clone());
        }
        std::fs::remove_file(path).unwrap();
        assert_eq!(lines, [b"a\xff\n".to_vec(), b"\n".to_vec(), b"last".to_vec()]);
    }

    #[test]
    fn all_reads_every_named_input_and_reports_the_missing_ones() {
        let path = file("all", b"12");
        let paths = [path.clone().into_os_string(), "no/such/file".into()];
        let mut inputs = Input::all(&paths);
        assert_eq!(inputs.next().unwrap().1.unwrap().bytes().unwrap(), b"12");
        assert!(inputs.next().unwrap().1.is_err());
        assert!(inputs.next().is_none());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn without_names_there_is_standard_input() {
        let names: Vec<_> = Input::all(&[]).map(|(name, input)| (name.to_owned(), input.is_ok())).collect();
        assert_eq!(names, [("-".into(), true)]);
    }
}
