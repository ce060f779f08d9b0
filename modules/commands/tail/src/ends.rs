//! The end of an input, in bounded memory: files are read backwards, and of what cannot be, the last pieces are held.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use cloister_guest::{Failure, Input};

/// What is read at once.
const PIECE_BYTES: usize = 64 << 10;
/// What is held of an input that cannot be read backwards.
const MAX_HELD_BYTES: usize = 64 << 20;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Lines,
    Bytes,
}

/// What is to be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) unit: Unit,
    pub(crate) count: u64,
    /// `count` says where to begin, from 1, and not how many.
    pub(crate) from_start: bool,
}

/// Where the end is to be found.
pub(crate) enum Source {
    File(File),
    Stream(Input),
}

/// Opens a file, or standard input for `-`.
pub(crate) fn open(path: &OsStr) -> Result<Source, Failure> {
    let input = Input::open(path)?;
    if path == "-" {
        return Ok(Source::Stream(input));
    }
    let about = |error: io::Error| Failure::from(error).about(path.display());
    let mut file = File::open(path).map_err(about)?;
    Ok(match file.metadata().map_err(about)?.is_file() && file.rewind().is_ok() {
        true => Source::File(file),
        false => Source::Stream(input),
    })
}

/// Writes what is wanted.
pub(crate) fn write_end(source: Source, wanted: Wanted, out: &mut impl Write) -> Result<(), Failure> {
    match source {
        Source::File(mut file) if wanted.from_start => skip(&mut file, wanted, out),
        Source::Stream(mut input) if wanted.from_start => skip(&mut input, wanted, out),
        Source::File(mut file) => {
            let start = start_of_end(&mut file, wanted)?;
            file.seek(SeekFrom::Start(start))?;
            Ok(io::copy(&mut file, out).map(|_| ())?)
        }
        Source::Stream(mut input) => hold(&mut input, wanted, MAX_HELD_BYTES, out),
    }
}

/// Leaves out what comes before the wanted line or byte, and writes the rest as it comes.
fn skip(input: &mut impl Read, wanted: Wanted, out: &mut impl Write) -> Result<(), Failure> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = wanted.count.saturating_sub(1);
    loop {
        let length = input.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        let bytes = &piece[..length];
        out.write_all(match wanted.unit {
            Unit::Bytes => {
                let skipped = length.min(usize::try_from(left).unwrap_or(usize::MAX));
                left -= skipped as u64;
                &bytes[skipped..]
            }
            Unit::Lines => after_lines(bytes, &mut left),
        })?;
        out.flush()?;
    }
}

/// What follows that many line ends. Those that are found are taken off.
fn after_lines<'a>(bytes: &'a [u8], left: &mut u64) -> &'a [u8] {
    let mut rest = bytes;
    while *left > 0 {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return &[] };
        rest = &rest[end + 1..];
        *left -= 1;
    }
    rest
}

/// Where the wanted end of a file begins: read backwards, piece by piece.
fn start_of_end(file: &mut (impl Read + Seek), wanted: Wanted) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    if wanted.unit == Unit::Bytes {
        return Ok(length.saturating_sub(wanted.count));
    }
    if wanted.count == 0 {
        return Ok(length);
    }
    let mut piece = vec![0; PIECE_BYTES];
    let (mut position, mut ends) = (length, 0);
    while position > 0 {
        let bytes = (PIECE_BYTES as u64).min(position);
        position -= bytes;
        let piece = &mut piece[..bytes as usize];
        file.seek(SeekFrom::Start(position))?;
        file.read_exact(piece)?;
        for (index, _) in piece.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let after = position + index as u64 + 1;
            // The last line's own end is none between lines.
            ends += u64::from(after < length);
            if ends == wanted.count {
                return Ok(after);
            }
        }
    }
    Ok(0)
}

/// Holds pieces of the input as long as they may belong to its end, then writes that.
fn hold(
    input: &mut impl Read,
    wanted: Wanted,
    max_held_bytes: usize,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let count = |piece: &[u8]| match wanted.unit {
        Unit::Bytes => piece.len() as u64,
        Unit::Lines => piece.iter().filter(|byte| **byte == b'\n').count() as u64,
    };
    let mut pieces: VecDeque<(Vec<u8>, u64)> = VecDeque::new();
    let (mut held_bytes, mut total) = (0, 0);
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        // Small reads are gathered, so that no piece is much larger than what is in it.
        if input.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece)? == 0 {
            break;
        }
        let counted = count(&piece);
        total += counted;
        held_bytes += piece.len();
        pieces.push_back((piece, counted));
        while let Some((piece, counted)) = pieces.front()
            && total - counted > wanted.count
        {
            total -= counted;
            held_bytes -= piece.len();
            pieces.pop_front();
        }
        if held_bytes > max_held_bytes {
            return Err(format!("the end has more than {max_held_bytes} bytes").into());
        }
    }
    // A last line without an end is one.
    let ends_open = pieces.back().is_some_and(|(piece, _)| piece.last() != Some(&b'\n'));
    total += u64::from(wanted.unit == Unit::Lines && ends_open);
    let mut left = total.saturating_sub(wanted.count);
    for (piece, counted) in &pieces {
        if left > *counted {
            left -= counted;
            continue;
        }
        out.write_all(match wanted.unit {
            Unit::Bytes => &piece[std::mem::take(&mut left) as usize..],
            Unit::Lines => after_lines(piece, &mut left),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(unit: Unit, count: u64) -> Wanted {
        Wanted { unit, count, from_start: false }
    }

    /// By its definition.
    fn expected(bytes: &[u8], wanted: Wanted) -> Vec<u8> {
        let count = wanted.count as usize;
        match wanted.unit {
            Unit::Bytes => bytes[bytes.len().saturating_sub(count)..].to_vec(),
            Unit::Lines => {
                let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                lines[lines.len().saturating_sub(count)..].concat()
            }
        }
    }

    #[test]
    fn both_ways_find_the_same_end() {
        let long = [vec![b'x'; PIECE_BYTES - 1], b"\ny\n".to_vec(), vec![b'z'; 2 * PIECE_BYTES]].concat();
        let lines = b"some line\n".repeat(30_000);
        for bytes in [&b""[..], b"\n", b"a", b"a\nb", b"a\n\nb\n", &long, &lines, &lines[..299_999]] {
            for unit in [Unit::Lines, Unit::Bytes] {
                for count in [0, 1, 2, 3, 10, 6_553, 6_554, 29_999, 30_000, 65_536, 65_537, 300_000, u64::MAX]
                {
                    let wanted = wanted(unit, count);
                    let expected = expected(bytes, wanted);
                    let start = start_of_end(&mut io::Cursor::new(bytes), wanted).unwrap() as usize;
                    assert!(bytes[start..] == expected, "{wanted:?} of {} bytes, backwards", bytes.len());
                    let mut out = Vec::new();
                    hold(&mut &bytes[..], wanted, MAX_HELD_BYTES, &mut out).unwrap();
                    assert!(out == expected, "{wanted:?} of {} bytes, held", bytes.len());
                }
            }
        }
    }

    #[test]
    fn an_end_that_is_too_large_to_be_held_is_refused() {
        let bytes = vec![b'x'; 4 * PIECE_BYTES];
        let held = |wanted: Wanted| hold(&mut &bytes[..], wanted, 2 * PIECE_BYTES, &mut Vec::new());
        held(wanted(Unit::Bytes, 10)).unwrap();
        assert!(held(wanted(Unit::Lines, 1)).unwrap_err().to_string().contains("more than 131072 bytes"));
    }

    #[test]
    fn from_a_line_or_byte_on_counts_from_one() {
        let skipped = |unit: Unit, count: u64| {
            let mut out = Vec::new();
            let wanted = Wanted { unit, count, from_start: true };
            skip(&mut &b"a\nb\nc"[..], wanted, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        for (count, lines, bytes) in
            [(0, "a\nb\nc", "a\nb\nc"), (1, "a\nb\nc", "a\nb\nc"), (2, "b\nc", "\nb\nc"), (9, "", "")]
        {
            assert_eq!(skipped(Unit::Lines, count), lines, "{count}");
            assert_eq!(skipped(Unit::Bytes, count), bytes, "{count}");
        }
    }
}
