//! `head`: shows the beginning of files.

use std::io::{BufRead, BufWriter, Write};
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Input, Problems, os_bytes, run, show};

cloister_guest::help! {
    "\
usage: head [-n N | -c N | -N] [-q] [FILE]...

Writes the first 10 lines of each FILE, or of standard input without one and for `-`.
Several files have their names above them.

  -n, --lines N  the first N lines
  -c, --bytes N  the first N bytes
  -q, --quiet    no names
"
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    Lines(u64),
    Bytes(u64),
}

fn main() -> ExitCode {
    run(|args| head(args, &mut BufWriter::new(std::io::stdout().lock())))
}

fn head(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (mut wanted, mut quiet, mut paths, mut digits) =
        (Wanted::Lines(10), false, Vec::new(), String::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('n') => wanted = Wanted::Lines(args.parsed_value()?),
            Arg::Short('c') => wanted = Wanted::Bytes(args.parsed_value()?),
            Arg::Long(name) if name == "lines" => wanted = Wanted::Lines(args.parsed_value()?),
            Arg::Long(name) if name == "bytes" => wanted = Wanted::Bytes(args.parsed_value()?),
            Arg::Short('q') => quiet = true,
            Arg::Long(name) if name == "quiet" => quiet = true,
            Arg::Long(name) if name == "help" => return show(out, HELP),
            // The old way: `head -20`.
            Arg::Short(digit) if digit.is_ascii_digit() => {
                digits.push(digit);
                let number = digits.parse();
                wanted =
                    Wanted::Lines(number.map_err(|_| Failure::new(2, format!("`{digits}` is too much")))?);
            }
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    let mut problems = Problems::of(&args);
    let mut separator: &[u8] = b"==> ";
    for (name, input) in Input::all(&paths) {
        let Some(mut input) = problems.note(input) else { continue };
        if paths.len() > 1 && !quiet {
            let name = if name == "-" { b"standard input" } else { os_bytes(name) };
            out.write_all(&[separator, name, b" <==\n"].concat())?;
            separator = b"\n==> ";
        }
        let copied = match wanted {
            Wanted::Lines(lines) => first_lines(&mut input, lines, out),
            Wanted::Bytes(bytes) => first_bytes(&mut input, bytes, out),
        };
        problems.note(copied.map_err(|error| Failure::from(error).about(name.display())));
    }
    out.flush()?;
    Ok(ExitCode::from(problems.code()))
}

fn first_lines(input: &mut Input, lines: u64, out: &mut impl Write) -> std::io::Result<()> {
    let mut line = Vec::new();
    for _ in 0..lines {
        if !input.next_line_flushing(&mut line, out)? {
            break;
        }
        out.write_all(&line)?;
    }
    Ok(())
}

fn first_bytes(input: &mut Input, bytes: u64, out: &mut impl Write) -> std::io::Result<()> {
    let mut left_bytes = bytes;
    while left_bytes > 0 {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len().min(usize::try_from(left_bytes).unwrap_or(usize::MAX));
        out.write_all(&bytes[..length])?;
        out.flush()?;
        input.consume(length);
        left_bytes -= length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("cloister-head-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn shown(words: &[&str]) -> Result<String, Failure> {
        let mut out = Vec::new();
        head(Args::new("head", words), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn lines_and_bytes_are_counted() {
        let path = file("counted", b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12");
        let name = path.to_str().unwrap();
        for (flags, expected) in [
            (&[][..], "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"),
            (&["-n2"], "1\n2\n"),
            (&["--lines=1"], "1\n"),
            (&["-12"], "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12"),
            (&["-c", "3"], "1\n2"),
            (&["-n", "0"], ""),
        ] {
            assert_eq!(shown(&[flags, &[name]].concat()).unwrap(), expected, "{flags:?}");
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn several_files_have_names_above_them() {
        let (first, second) = (file("a", b"a\nb\n"), file("b", b"c\n"));
        let (a, b) = (first.to_str().unwrap(), second.to_str().unwrap());
        assert_eq!(shown(&["-n1", a, b]).unwrap(), format!("==> {a} <==\na\n\n==> {b} <==\nc\n"));
        assert_eq!(shown(&["-qn1", a, b]).unwrap(), "a\nc\n");
        std::fs::remove_file(first).unwrap();
        std::fs::remove_file(second).unwrap();
    }

    #[test]
    fn a_missing_file_does_not_keep_the_others_back() {
        let path = file("kept", b"a\n");
        let mut out = Vec::new();
        let code = head(Args::new("head", ["-q", "no/such", path.to_str().unwrap()]), &mut out).unwrap();
        assert_eq!((format!("{code:?}"), &out[..]), (format!("{:?}", ExitCode::from(1)), &b"a\n"[..]));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_no_number_is_a_usage_error() {
        for words in [&["-n", "-1"][..], &["-c", "x"], &["-n"], &["-z"], &["-99999999999999999999"]] {
            assert_eq!(shown(words).unwrap_err().code(), 2, "{words:?}");
        }
    }
}
