//! `uniq`: leaves out lines that repeat the one before.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Input, run, show};

cloister_guest::help! {
    "\
usage: uniq [-c] [FILE]

Writes FILE, or standard input without one and for `-`, without lines that are the same as the one before.
Sorted input has no line twice then.

  -c, --count  puts before each line how often it stood there
"
}

fn main() -> ExitCode {
    run(|args| uniq(args, &mut BufWriter::new(std::io::stdout().lock())))
}

fn uniq(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (mut counted, mut path) = (false, None);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('c') => counted = true,
            Arg::Long(name) if name == "count" => counted = true,
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(file) if path.is_none() => path = Some(file),
            other => return Err(args.unexpected(&other)),
        }
    }
    let path = path.unwrap_or_else(|| "-".into());
    let mut input = Input::open(&path)?;
    copy(&mut input, counted, out).map_err(|error| Failure::from(error).about(path.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn copy(input: &mut Input, counted: bool, out: &mut impl Write) -> std::io::Result<()> {
    let (mut line, mut before, mut times) = (Vec::new(), Vec::new(), 0_u64);
    while input.next_line_flushing(&mut line, out)? {
        // A last line without an end is the same line.
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        if times > 0 && line == before {
            times += 1;
        } else {
            write_line(&before, times, counted, out)?;
            std::mem::swap(&mut line, &mut before);
            times = 1;
        }
    }
    write_line(&before, times, counted, out)?;
    out.flush()
}

fn write_line(line: &[u8], times: u64, counted: bool, out: &mut impl Write) -> std::io::Result<()> {
    match times {
        0 => return Ok(()),
        _ if counted => write!(out, "{times:7} ")?,
        _ => {}
    }
    out.write_all(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, bytes: &[u8], flags: &[&str]) -> String {
        let path = std::env::temp_dir().join(format!("cloister-uniq-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let mut out = Vec::new();
        uniq(Args::new("uniq", [flags, &[path.to_str().unwrap()]].concat()), &mut out).unwrap();
        std::fs::remove_file(path).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn repeated_lines_are_left_out() {
        assert_eq!(shown("plain", b"a\na\nb\n\n\na\na", &[]), "a\nb\n\na\n");
        assert_eq!(shown("empty", b"", &["-c"]), "");
        assert_eq!(shown("blank", b"\n", &[]), "\n");
    }

    #[test]
    fn lines_are_counted() {
        assert_eq!(shown("counted", b"a\na\nb\na", &["-c"]), "      2 a\n      1 b\n      1 a\n");
    }

    #[test]
    fn a_second_file_is_a_usage_error() {
        let failure = uniq(Args::new("uniq", ["a", "b"]), &mut Vec::new()).unwrap_err();
        assert_eq!(failure.code(), 2);
    }
}
