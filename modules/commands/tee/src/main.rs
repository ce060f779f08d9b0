//! `tee`: copies input to output, and to files on its way.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, Write};
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Input, Problems, run, show};

cloister_guest::help! {
    "\
usage: tee [-a] [FILE]...

Writes standard input to standard output and to each FILE, as it comes.
A file that cannot be written does not keep the others back.

  -a, --append  adds to the files instead of overwriting them
"
}

fn main() -> ExitCode {
    run(|args| tee(args, &mut Input::stdin(), &mut std::io::stdout().lock()))
}

fn tee(mut args: Args, input: &mut impl BufRead, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (mut append, mut paths) = (false, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('a') => append = true,
            Arg::Long(name) if name == "append" => append = true,
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    let mut problems = Problems::of(&args);
    let mut files: Vec<_> = paths.into_iter().filter_map(|path| problems.note(open(path, append))).collect();
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Ok(ExitCode::from(problems.code()));
        }
        out.write_all(bytes)?;
        out.flush()?;
        files.retain_mut(|(path, file)| {
            let written = file.write_all(bytes);
            problems.note(written.map_err(|error| Failure::from(error).about(path.display()))).is_some()
        });
        let length = bytes.len();
        input.consume(length);
    }
}

fn open(path: OsString, append: bool) -> Result<(OsString, File), Failure> {
    let opened = OpenOptions::new().write(!append).append(append).create(true).truncate(!append).open(&path);
    let file = opened.map_err(|error| Failure::from(error).about(path.display()))?;
    Ok((path, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_get_what_the_output_gets() {
        let path = std::env::temp_dir().join(format!("cloister-tee-{}", std::process::id()));
        let name = path.to_str().unwrap();
        for (words, text, kept) in [
            (&[name][..], "long before", "long before"),
            (&[name], "one\n", "one\n"),
            (&["-a", name], "two", "one\ntwo"),
        ] {
            let mut out = Vec::new();
            // A tiny buffer: the text comes in pieces.
            let mut input = std::io::BufReader::with_capacity(2, text.as_bytes());
            tee(Args::new("tee", words), &mut input, &mut out).unwrap();
            assert_eq!(out, text.as_bytes());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_made_keeps_nothing_back() {
        let mut out = Vec::new();
        let code = tee(Args::new("tee", ["no/such/file"]), &mut &b"text"[..], &mut out).unwrap();
        assert_eq!((format!("{code:?}"), &out[..]), (format!("{:?}", ExitCode::from(1)), &b"text"[..]));
    }
}
