//! `cat`: joins files and standard input, byte for byte.

use std::io::Write;
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Input, run, show};

cloister_guest::help! {
    "\
usage: cat [-n] [FILE]...

Writes each FILE, or standard input without one and for `-`, as it is.

  -n, --number  puts its number before each line
"
}

fn main() -> ExitCode {
    run(|args| cat(args, &mut std::io::stdout().lock()))
}

fn cat(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (mut numbered, mut paths) = (false, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('n') => numbered = true,
            Arg::Long(name) if name == "number" => numbered = true,
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    let mut number = 0_u64;
    for (name, input) in Input::all(&paths) {
        let mut input = input?;
        let copied =
            if numbered { number_lines(&mut input, out, &mut number) } else { copy(&mut input, out) };
        copied.map_err(|error| Failure::from(error).about(name.display()))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What has come is passed on at once, so that `cat` echoes a person who types.
fn copy(input: &mut Input, out: &mut impl Write) -> std::io::Result<()> {
    use std::io::BufRead;
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        out.write_all(bytes)?;
        out.flush()?;
        let length = bytes.len();
        input.consume(length);
    }
}

fn number_lines(input: &mut Input, out: &mut impl Write, number: &mut u64) -> std::io::Result<()> {
    let mut line = Vec::new();
    while input.next_line(&mut line)? {
        *number += 1;
        write!(out, "{number:6}\t")?;
        out.write_all(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("cloister-cat-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn joined(words: Vec<OsString>) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::new();
        cat(Args::new("cat", words), &mut out).map(|_| out)
    }

    #[test]
    fn files_are_joined_byte_for_byte() {
        let (first, second) = (file("a", b"\0\xff\r\n"), file("b", b"no end"));
        let out = joined(vec![first.clone().into(), second.clone().into(), first.clone().into()]).unwrap();
        assert_eq!(out, b"\0\xff\r\nno end\0\xff\r\n");
        std::fs::remove_file(first).unwrap();
        std::fs::remove_file(second).unwrap();
    }

    #[test]
    fn numbers_run_on_over_all_files() {
        let path = file("n", b"x\ny\n");
        let out = joined(vec!["-n".into(), path.clone().into(), path.clone().into()]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "     1\tx\n     2\ty\n     3\tx\n     4\ty\n");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let failure = joined(vec!["no/such/file".into()]).unwrap_err();
        assert!(failure.to_string().starts_with("no/such/file: "), "{failure}");
        assert_eq!(failure.code(), 1);
    }

    #[test]
    fn an_unknown_option_is_a_usage_error() {
        assert_eq!(joined(vec!["-x".into()]).unwrap_err().code(), 2);
    }
}
