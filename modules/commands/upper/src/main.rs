//! `upper`: turns text into capitals.

use std::io::Write;
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Input, run, show, warn};

cloister_guest::help! {
    "\
usage: upper [FILE]...

Writes each FILE, or standard input without one and for `-`, in capitals, line by line.
Bytes that are not UTF-8 stay as they are; a warning in the log counts the lines that have some.
"
}

fn main() -> ExitCode {
    run(|args| upper(args, &mut std::io::stdout().lock()))
}

fn upper(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let mut paths = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    let (mut line, mut odd_lines) = (Vec::new(), 0_u64);
    for (name, input) in Input::all(&paths) {
        let mut input = input?;
        while input.next_line(&mut line).map_err(|error| Failure::from(error).about(name.display()))? {
            let (capitals, is_odd) = capitals(&line);
            odd_lines += u64::from(is_odd);
            out.write_all(&capitals)?;
        }
    }
    out.flush()?;
    if odd_lines > 0 {
        warn!("some lines are not UTF-8", lines = odd_lines);
    }
    Ok(ExitCode::SUCCESS)
}

/// The line in capitals, and whether it has bytes that are not UTF-8.
fn capitals(line: &[u8]) -> (Vec<u8>, bool) {
    let (mut capitals, mut is_odd) = (Vec::with_capacity(line.len()), false);
    for chunk in line.utf8_chunks() {
        capitals.extend_from_slice(chunk.valid().to_uppercase().as_bytes());
        capitals.extend_from_slice(chunk.invalid());
        is_odd |= !chunk.invalid().is_empty();
    }
    (capitals, is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_every_script_become_capitals() {
        assert_eq!(capitals("straße é\n".as_bytes()), ("STRASSE É\n".into(), false));
    }

    #[test]
    fn bytes_that_are_not_utf8_stay() {
        assert_eq!(capitals(b"a\xffb"), (b"A\xffB".to_vec(), true));
    }
}
