//! `tail`: shows the end of files.

mod ends;

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Problems, os_bytes, run, show};

use crate::ends::{Unit, Wanted, write_end};

cloister_guest::help! {
    "\
usage: tail [-n N | -c N | -N] [-q] [FILE]...

Writes the last 10 lines of each FILE, or of standard input without one and for `-`. Several files have their names
above them. Of standard input at most 64 MiB are held; a file's end is found whatever its size.

  -n, --lines N  the last N lines; with +N all from line N on
  -c, --bytes N  the last N bytes; with +N all from byte N on
  -q, --quiet    no names
"
}

fn main() -> ExitCode {
    run(|args| tail(args, &mut BufWriter::new(std::io::stdout().lock())))
}

fn tail(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let mut wanted = Wanted { unit: Unit::Lines, count: 10, from_start: false };
    let (mut quiet, mut paths, mut digits) = (false, Vec::new(), String::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('n') => wanted = parse(&mut args, Unit::Lines)?,
            Arg::Short('c') => wanted = parse(&mut args, Unit::Bytes)?,
            Arg::Long(name) if name == "lines" => wanted = parse(&mut args, Unit::Lines)?,
            Arg::Long(name) if name == "bytes" => wanted = parse(&mut args, Unit::Bytes)?,
            Arg::Short('q') => quiet = true,
            Arg::Long(name) if name == "quiet" => quiet = true,
            Arg::Long(name) if name == "help" => return show(out, HELP),
            // The old way: `tail -20`.
            Arg::Short(digit) if digit.is_ascii_digit() => {
                digits.push(digit);
                let count = digits.parse().map_err(|_| Failure::new(2, format!("`{digits}` is too much")))?;
                wanted = Wanted { unit: Unit::Lines, count, from_start: false };
            }
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    let named = paths.len() > 1 && !quiet;
    if paths.is_empty() {
        paths.push("-".into());
    }
    let mut problems = Problems::of(&args);
    let mut separator: &[u8] = b"==> ";
    for path in &paths {
        let Some(input) = problems.note(ends::open(path)) else { continue };
        if named {
            let name = if path == "-" { b"standard input" } else { os_bytes(path) };
            out.write_all(&[separator, name, b" <==\n"].concat())?;
            separator = b"\n==> ";
        }
        problems.note(write_end(input, wanted, out).map_err(|failure| failure.about(path.display())));
    }
    out.flush()?;
    Ok(ExitCode::from(problems.code()))
}

fn parse(args: &mut Args, unit: Unit) -> Result<Wanted, Failure> {
    let text: String = args.parsed_value()?;
    let number = text.strip_prefix('+').unwrap_or(&text);
    // Parsing would take a plus sign as well.
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = number.parse().ok().filter(|_| is_number);
    let count = parsed.ok_or_else(|| Failure::new(2, format!("`{text}` is not a number")))?;
    Ok(Wanted { unit, count, from_start: number.len() < text.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str]) -> Result<String, Failure> {
        let mut out = Vec::new();
        tail(Args::new("tail", words), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn flags_say_what_is_shown() {
        let path = std::env::temp_dir().join(format!("cloister-tail-{}", std::process::id()));
        std::fs::write(&path, (1..=12).map(|number| format!("{number}\n")).collect::<String>()).unwrap();
        let name = path.to_str().unwrap();
        for (flags, expected) in [
            (&[][..], "3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n"),
            (&["-n2"], "11\n12\n"),
            (&["-1"], "12\n"),
            (&["--lines=+12"], "12\n"),
            (&["-c", "4"], "\n12\n"),
            (&["-c", "+26"], "2\n"),
        ] {
            assert_eq!(shown(&[flags, &[name]].concat()).unwrap(), expected, "{flags:?}");
        }
        let both = format!("==> {name} <==\n12\n\n==> {name} <==\n12\n");
        assert_eq!(shown(&["-n1", name, name]).unwrap(), both);
        assert_eq!(shown(&["-q", "-n1", name, name]).unwrap(), "12\n12\n");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_no_number_is_a_usage_error() {
        for words in [&["-n", "-1"][..], &["-c", "++1"], &["-n+"], &["-f"]] {
            assert_eq!(shown(words).unwrap_err().code(), 2, "{words:?}");
        }
    }
}
