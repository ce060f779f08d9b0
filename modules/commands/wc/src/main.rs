//! `wc`: counts lines, words and bytes.

use std::ffi::OsStr;
use std::io::{BufRead, Write};
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Input, os_bytes, run, show};

cloister_guest::help! {
    "\
usage: wc [-lwc] [FILE]...

Counts the lines, words and bytes of each FILE, or of standard input without one and for `-`.
A line is what ends with a line end; a word is what stands between white space.

  -l, --lines  only lines
  -w, --words  only words
  -c, --bytes  only bytes
"
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    lines: u64,
    words: u64,
    bytes: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Wanted {
    lines: bool,
    words: bool,
    bytes: bool,
}

fn main() -> ExitCode {
    run(|args| wc(args, &mut std::io::stdout().lock()))
}

fn wc(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (mut wanted, mut paths) = (Wanted::default(), Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('l') => wanted.lines = true,
            Arg::Short('w') => wanted.words = true,
            Arg::Short('c') => wanted.bytes = true,
            Arg::Long(name) if name == "lines" => wanted.lines = true,
            Arg::Long(name) if name == "words" => wanted.words = true,
            Arg::Long(name) if name == "bytes" => wanted.bytes = true,
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    if !(wanted.lines || wanted.words || wanted.bytes) {
        wanted = Wanted { lines: true, words: true, bytes: true };
    }
    let mut total = Counts::default();
    for (name, input) in Input::all(&paths) {
        let counts = count(&mut input?).map_err(|error| Failure::from(error).about(name.display()))?;
        total.lines += counts.lines;
        total.words += counts.words;
        total.bytes += counts.bytes;
        let name = if paths.is_empty() { OsStr::new("") } else { name };
        write_counts(out, counts, wanted, name)?;
    }
    if paths.len() > 1 {
        write_counts(out, total, wanted, OsStr::new("total"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn count(input: &mut impl BufRead) -> std::io::Result<Counts> {
    let (mut counts, mut in_word) = (Counts::default(), false);
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Ok(counts);
        }
        for byte in bytes {
            counts.lines += u64::from(*byte == b'\n');
            // A vertical tab separates words too, though Rust does not call it white space.
            let is_space = byte.is_ascii_whitespace() || *byte == 0x0b;
            counts.words += u64::from(!in_word && !is_space);
            in_word = !is_space;
        }
        let length = bytes.len();
        counts.bytes += length as u64;
        input.consume(length);
    }
}

fn write_counts(out: &mut impl Write, counts: Counts, wanted: Wanted, name: &OsStr) -> std::io::Result<()> {
    let shown = [(wanted.lines, counts.lines), (wanted.words, counts.words), (wanted.bytes, counts.bytes)];
    let columns: Vec<String> =
        shown.iter().filter(|(wanted, _)| *wanted).map(|(_, number)| format!("{number:7}")).collect();
    let mut line = columns.join(" ").into_bytes();
    if !name.is_empty() {
        line.push(b' ');
        line.extend_from_slice(os_bytes(name));
    }
    line.push(b'\n');
    out.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> (u64, u64, u64) {
        // A reader with a tiny buffer: words cross its edges.
        let counts = count(&mut std::io::BufReader::with_capacity(2, bytes)).unwrap();
        (counts.lines, counts.words, counts.bytes)
    }

    #[test]
    fn lines_words_and_bytes_are_counted() {
        assert_eq!(of(b""), (0, 0, 0));
        assert_eq!(of(b"one two\nthree"), (1, 3, 13));
        assert_eq!(of(b"  \n\t\x0b\n"), (2, 0, 6));
        assert_eq!(of(b"\xff\xfe x"), (0, 2, 4));
    }

    #[test]
    fn only_the_wanted_columns_are_shown_and_a_total_for_many_files() {
        let path = std::env::temp_dir().join(format!("cloister-wc-{}", std::process::id()));
        std::fs::write(&path, "a b\nc\n").unwrap();
        let mut out = Vec::new();
        let words = ["-lc".into(), path.clone().into_os_string(), path.clone().into_os_string()];
        wc(Args::new("wc", words), &mut out).unwrap();
        std::fs::remove_file(&path).unwrap();
        let name = path.display();
        let expected = format!("      2       6 {name}\n      2       6 {name}\n      4      12 total\n");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
