//! Input from a file or from standard input, as bytes.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, StdinLock, Write};

use crate::exit::Failure;

/// Longest line that [`Input::next_line`] takes, with its end.
const MAX_LINE_BYTES: usize = 16 << 20;

/// A file, or standard input. It is read through a buffer, and need not be UTF-8.
pub struct Input {
    source: Source,
    /// Bytes in the buffer, as far as they are known: they can be had without waiting.
    ready_bytes: usize,
}

enum Source {
    Stdin(StdinLock<'static>),
    File(BufReader<File>),
}

impl Input {
    /// Standard input.
    pub fn stdin() -> Self {
        Self { source: Source::Stdin(io::stdin().lock()), ready_bytes: 0 }
    }

    /// A file by its path, or standard input for `-`. A failure names the path; a directory is one.
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
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.is_dir(), file)));
        match opened.map_err(|error| Failure::from(error).about(path.display()))? {
            // WASI opens it as well, and says at the first read that the descriptor is bad.
            (true, _) => Err(Failure::from("is a directory").about(path.display())),
            (false, file) => Ok(Self { source: Source::File(BufReader::new(file)), ready_bytes: 0 }),
        }
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
    ///
    /// # Errors
    /// When reading fails, and for a line of more than 16 MiB.
    pub fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        self.next_line_flushing(line, &mut io::sink())
    }

    /// As [`Input::next_line`], and flushes `out` before each read that may wait: so output can be gathered in a buffer, and
    /// still a person who types sees the answer to each line at once.
    ///
    /// # Errors
    /// As [`Input::next_line`], and when flushing fails.
    pub fn next_line_flushing(&mut self, line: &mut Vec<u8>, out: &mut impl Write) -> io::Result<bool> {
        line.clear();
        loop {
            if self.ready_bytes == 0 {
                out.flush()?;
                if self.fill_buf()?.is_empty() {
                    return Ok(!line.is_empty());
                }
            }
            let ready_bytes = self.ready_bytes as u64;
            self.take(ready_bytes).read_until(b'\n', line)?;
            if line.len() > MAX_LINE_BYTES {
                return Err(io::Error::other(format!("a line has more than {MAX_LINE_BYTES} bytes")));
            }
            if line.ends_with(b"\n") {
                return Ok(true);
            }
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = match &mut self.source {
            Source::Stdin(stdin) => stdin.read(buffer),
            Source::File(file) => file.read(buffer),
        }?;
        self.ready_bytes = self.ready_bytes.saturating_sub(length);
        Ok(length)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = match &mut self.source {
            Source::Stdin(stdin) => stdin.fill_buf(),
            Source::File(file) => file.fill_buf(),
        }?;
        self.ready_bytes = bytes.len();
        Ok(bytes)
    }

    fn consume(&mut self, amount: usize) {
        self.ready_bytes = self.ready_bytes.saturating_sub(amount);
        match &mut self.source {
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
    fn what_was_answered_is_flushed_before_each_read_and_not_more_often() {
        #[derive(Default)]
        struct Flushes(usize);
        impl Write for Flushes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                self.0 += 1;
                Ok(())
            }
        }
        let path = file("flushes", b"a\nb\nc");
        let mut input = Input::open(path.as_os_str()).unwrap();
        let (mut line, mut lines, mut flushes) = (Vec::new(), 0, Flushes::default());
        while input.next_line_flushing(&mut line, &mut flushes).unwrap() {
            lines += 1;
        }
        std::fs::remove_file(path).unwrap();
        // The first read, the one after the line without an end, and the one at the end.
        assert_eq!((lines, flushes.0), (3, 3));
    }

    #[test]
    fn a_line_that_does_not_end_is_refused() {
        let path = file("long", &vec![b'x'; MAX_LINE_BYTES + 1]);
        let mut line = Vec::new();
        let error = Input::open(path.as_os_str()).unwrap().next_line(&mut line).unwrap_err();
        std::fs::remove_file(path).unwrap();
        assert!(error.to_string().contains("more than 16777216 bytes"), "{error}");
    }

    #[test]
    fn a_directory_is_no_input() {
        let failure = Input::open(std::env::temp_dir().as_os_str()).err().unwrap();
        assert!(failure.to_string().ends_with(": is a directory"), "{failure}");
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
