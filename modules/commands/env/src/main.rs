//! `env`: shows the environment of a run.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, os_bytes, run, show};

cloister_guest::help! {
    "\
usage: env [NAME]...

Shows all variables as NAME=VALUE, sorted by name, or the values of the named ones, one a line.
Ends with code 1 when a named one is not set.
"
}

fn main() -> ExitCode {
    run(|args| env(args, std::env::vars_os().collect(), &mut std::io::stdout().lock()))
}

fn env(
    mut args: Args,
    mut variables: Vec<(OsString, OsString)>,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let mut names = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(name) => names.push(name),
            other => return Err(args.unexpected(&other)),
        }
    }
    variables.sort();
    if names.is_empty() {
        for (name, value) in &variables {
            out.write_all(&[os_bytes(name), b"=", os_bytes(value), b"\n"].concat())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    for wanted in &names {
        let value = find(&variables, wanted).ok_or_else(|| format!("{} is not set", wanted.display()))?;
        out.write_all(&[os_bytes(value), b"\n"].concat())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn find<'a>(variables: &'a [(OsString, OsString)], wanted: &OsStr) -> Option<&'a OsStr> {
    variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_os_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str]) -> Result<String, Failure> {
        let variables = vec![("B".into(), "2=3".into()), ("A".into(), String::new().into())];
        let mut out = Vec::new();
        env(Args::new("env", words), variables, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn all_variables_are_shown_sorted() {
        assert_eq!(shown(&[]).unwrap(), "A=\nB=2=3\n");
    }

    #[test]
    fn named_variables_are_shown_as_values() {
        assert_eq!(shown(&["B", "A"]).unwrap(), "2=3\n\n");
        assert_eq!(shown(&["C"]).unwrap_err().to_string(), "C is not set");
    }
}
