//! `seq`: counts, for trying pipes, output limits and followers.

use std::io::Write;
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, run, show};

cloister_guest::help! {
    "\
usage: seq [FIRST] LAST

Writes the whole numbers from FIRST, or 1, up to LAST, one a line. Put `--` before negative ones.
"
}

fn main() -> ExitCode {
    run(|args| seq(args, &mut std::io::BufWriter::new(std::io::stdout().lock())))
}

fn seq(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let mut numbers = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(text) => {
                let text = text.to_string_lossy();
                let number = text.parse::<i64>();
                numbers.push(number.map_err(|_| Failure::new(2, format!("`{text}` is not a whole number")))?);
            }
            other => return Err(args.unexpected(&other)),
        }
    }
    let (first, last) = match numbers[..] {
        [last] => (1, last),
        [first, last] => (first, last),
        _ => return Err(Failure::new(2, "from where to where? Try `seq --help`")),
    };
    for number in first..=last {
        writeln!(out, "{number}")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(words: &[&str]) -> Result<String, Failure> {
        let mut out = Vec::new();
        seq(Args::new("seq", words), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn numbers_are_counted_up() {
        assert_eq!(counted(&["3"]).unwrap(), "1\n2\n3\n");
        assert_eq!(counted(&["--", "-1", "1"]).unwrap(), "-1\n0\n1\n");
        assert_eq!(counted(&["3", "1"]).unwrap(), "");
    }

    #[test]
    fn what_is_not_a_number_or_too_much_is_a_usage_error() {
        for words in [&[][..], &["x"], &["1", "2", "3"], &["1.5"]] {
            assert_eq!(counted(words).unwrap_err().code(), 2, "{words:?}");
        }
    }
}
