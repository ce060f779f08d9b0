//! `yes`: repeats a line until nobody reads it any more.

use std::io::Write;
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, os_bytes, run, show};

cloister_guest::help! {
    "\
usage: yes [TEXT]...

Writes a line with each TEXT, or with `y`, again and again until it is ended.
"
}

/// What is written at once, unless a line is longer.
const PIECE_BYTES: usize = 8 << 10;

fn main() -> ExitCode {
    run(|args| yes(args, &mut std::io::stdout().lock()))
}

fn yes(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let mut texts = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(text) => texts.push(text),
            other => return Err(args.unexpected(&other)),
        }
    }
    let words: Vec<_> = texts.iter().map(|text| os_bytes(text)).collect();
    let mut line = if words.is_empty() { b"y".to_vec() } else { words.join(&b' ') };
    line.push(b'\n');
    let lines = line.repeat((PIECE_BYTES / line.len()).max(1));
    loop {
        out.write_all(&lines)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes this many bytes, then nobody reads any more.
    struct Pipe(usize, Vec<u8>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.1.len() >= self.0 {
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            let length = bytes.len().min(self.0 - self.1.len());
            self.1.extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_repeated_until_nobody_reads() {
        for (words, expected) in [(&[][..], "y\ny\ny\ny\n"), (&["a", "b"], "a b\na b\n")] {
            let mut pipe = Pipe(8, Vec::new());
            assert_eq!(yes(Args::new("yes", words), &mut pipe).unwrap_err().code(), 141);
            assert_eq!(pipe.1, expected.as_bytes());
        }
    }

    #[test]
    fn options_are_usage_errors() {
        assert_eq!(yes(Args::new("yes", ["-n"]), &mut Pipe(0, Vec::new())).unwrap_err().code(), 2);
    }
}
