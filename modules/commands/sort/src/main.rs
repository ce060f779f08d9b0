//! `sort`: sorts lines.

mod number;

use std::cmp::Ordering;
use std::io::{BufRead, BufWriter, Write};
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Input, run, show};

cloister_guest::help! {
    "\
usage: sort [-nru] [FILE]...

Writes the lines of all FILEs, or of standard input without one and for `-`, sorted by their bytes. They are held in memory:
at most 512 MiB, and no more than about a third of what the run may use.

  -n, --numeric-sort  by the number a line begins with
  -r, --reverse       the other way round
  -u, --unique        of lines that compare the same only the first
"
}

/// The input that is sorted. Positions in it are of 32 bits.
const MAX_INPUT_BYTES: usize = 512 << 20;
/// The least the memory for the input grows by.
const GROWTH_BYTES: usize = 1 << 20;

#[derive(Debug, Default, Clone, Copy)]
struct Options {
    numeric: bool,
    reverse: bool,
    unique: bool,
}

fn main() -> ExitCode {
    run(|args| sort(args, &mut BufWriter::new(std::io::stdout().lock())))
}

fn sort(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (mut options, mut paths) = (Options::default(), Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('n') => options.numeric = true,
            Arg::Short('r') => options.reverse = true,
            Arg::Short('u') => options.unique = true,
            Arg::Long(name) if name == "numeric-sort" => options.numeric = true,
            Arg::Long(name) if name == "reverse" => options.reverse = true,
            Arg::Long(name) if name == "unique" => options.unique = true,
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    let mut text = Vec::new();
    for (name, input) in Input::all(&paths) {
        // As with the usual tool: 1 is for other things.
        let failed = |failure: Failure| Failure::new(2, failure.to_string());
        read(&mut input.map_err(failed)?, &mut text, MAX_INPUT_BYTES)
            .map_err(|failure| failed(failure.about(name.display())))?;
    }
    write_sorted(&text, options, out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Adds an input to the text. Its last line gets an end.
fn read(input: &mut impl BufRead, text: &mut Vec<u8>, max_bytes: usize) -> Result<(), Failure> {
    loop {
        let bytes = input.fill_buf()?;
        let ends_open = text.last().is_some_and(|byte| *byte != b'\n');
        let piece = match bytes.is_empty() {
            true if ends_open => b"\n",
            true => return Ok(()),
            false => bytes,
        };
        if text.len() + piece.len() > max_bytes {
            return Err(format!("more than {max_bytes} bytes are not sorted").into());
        }
        if text.capacity() - text.len() < piece.len() {
            // Not doubled: much of the memory would never be used.
            let growth_bytes = (text.len() / 4).max(GROWTH_BYTES);
            text.try_reserve_exact(growth_bytes.max(piece.len())).map_err(|_| too_large())?;
        }
        text.extend_from_slice(piece);
        let length = bytes.len();
        input.consume(length);
    }
}

fn too_large() -> Failure {
    Failure::from("the input does not fit into the memory of this run")
}

fn write_sorted(text: &[u8], options: Options, out: &mut impl Write) -> Result<(), Failure> {
    let mut lines: Vec<(u32, u32)> = Vec::new();
    let count = text.iter().filter(|byte| **byte == b'\n').count();
    lines.try_reserve_exact(count).map_err(|_| too_large())?;
    let mut start = 0;
    for (end, _) in text.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        lines.push((start, end as u32));
        start = end as u32 + 1;
    }
    let line = |&(start, end): &(u32, u32)| &text[start as usize..end as usize];
    let compare = |a: &(u32, u32), b: &(u32, u32)| {
        let ordering = match options.numeric {
            true => number::compare(line(a), line(b)),
            false => line(a).cmp(line(b)),
        };
        // What compares the same is ordered by its bytes, unless one of them is left out.
        let ordering = ordering.then_with(|| {
            if options.numeric && !options.unique { line(a).cmp(line(b)) } else { Ordering::Equal }
        });
        if options.reverse { ordering.reverse() } else { ordering }
    };
    // In place; where lines compare the same, their places keep them in order.
    lines.sort_unstable_by(|a, b| compare(a, b).then(a.0.cmp(&b.0)));
    if options.unique {
        lines.dedup_by(|later, first| compare(later, first) == Ordering::Equal);
    }
    for (start, end) in lines {
        out.write_all(&text[start as usize..=end as usize])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(text: &str, options: Options) -> String {
        let (mut read_text, mut out) = (Vec::new(), Vec::new());
        read(&mut std::io::BufReader::with_capacity(3, text.as_bytes()), &mut read_text, 1_000).unwrap();
        write_sorted(&read_text, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_sorted_by_bytes() {
        let options = Options::default();
        assert_eq!(sorted("b\na\n\nB\nab", options), "\nB\na\nab\nb\n");
        assert_eq!(sorted("", options), "");
        assert_eq!(sorted("b\na\nb\n", Options { reverse: true, ..options }), "b\nb\na\n");
        assert_eq!(sorted("b\na\nb\n", Options { unique: true, ..options }), "a\nb\n");
    }

    #[test]
    fn numbers_are_sorted_by_value() {
        let options = Options { numeric: true, ..Options::default() };
        assert_eq!(sorted("10\n9\n-1\nx\n 2\n", options), "-1\nx\n 2\n9\n10\n");
        assert_eq!(sorted("1 b\n1 a\n2\n", Options { reverse: true, ..options }), "2\n1 b\n1 a\n");
        // Of those with the same number the first one stays, whatever the order.
        for (reverse, expected) in [(false, "1 b\n2\n"), (true, "2\n1 b\n")] {
            assert_eq!(sorted("1 b\n2\n01 a\n", Options { unique: true, reverse, ..options }), expected);
        }
    }

    #[test]
    fn files_are_sorted_together_and_missing_ones_named() {
        let path = std::env::temp_dir().join(format!("cloister-sort-{}", std::process::id()));
        std::fs::write(&path, "b\na").unwrap();
        let name = path.to_str().unwrap();
        let mut out = Vec::new();
        sort(Args::new("sort", ["-r", name, name]), &mut out).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(out, b"b\nb\na\na\n");
        let failure = sort(Args::new("sort", [name]), &mut Vec::new()).unwrap_err();
        assert!(failure.code() == 2 && failure.to_string().starts_with(name), "{failure}");
    }

    #[test]
    fn input_past_the_bound_is_refused() {
        for (bytes, fits) in [(&b"12\n"[..], true), (b"12", true), (b"1234", false), (b"123", false)] {
            assert_eq!(read(&mut &bytes[..], &mut Vec::new(), 3).is_ok(), fits, "{bytes:?}");
        }
    }
}
