//! Searching one input.

use std::io::{self, Write};

use cloister_guest::Input;
use regex::bytes::Regex;

/// What is written of the lines that were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Lines,
    Count,
    Names,
    Nothing,
}

/// What is searched for, and whether it was found yet.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) pattern: Regex,
    pub(crate) invert: bool,
    pub(crate) numbers: bool,
    pub(crate) shown: Shown,
    /// A line was found in one of the inputs.
    pub(crate) selected: bool,
}

impl Search {
    /// Whether nothing that is still to come matters.
    pub(crate) fn is_over(&self) -> bool {
        self.selected && self.shown == Shown::Nothing
    }

    /// Searches an input that is called `name`; `shown_name` stands before its lines.
    pub(crate) fn input(
        &mut self,
        input: &mut Input,
        name: &[u8],
        shown_name: Option<&[u8]>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let (mut line, mut number, mut count) = (Vec::new(), 0_u64, 0_u64);
        while input.next_line_flushing(&mut line, out)? {
            number += 1;
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            if self.pattern.is_match(text) == self.invert {
                continue;
            }
            self.selected = true;
            count += 1;
            match self.shown {
                Shown::Count => {}
                Shown::Nothing => return Ok(()),
                Shown::Names => return out.write_all(&[name, b"\n"].concat()),
                // A terminal is not to be shown what is no text.
                Shown::Lines if text.contains(&0) => {
                    return out.write_all(&[b"Binary file ", name, b" matches\n"].concat());
                }
                Shown::Lines => {
                    write_name(shown_name, out)?;
                    if self.numbers {
                        write!(out, "{number}:")?;
                    }
                    out.write_all(text)?;
                    out.write_all(b"\n")?;
                }
            }
        }
        if self.shown == Shown::Count {
            write_name(shown_name, out)?;
            writeln!(out, "{count}")?;
        }
        Ok(())
    }
}

fn write_name(name: Option<&[u8]>, out: &mut impl Write) -> io::Result<()> {
    match name {
        Some(name) => {
            out.write_all(name)?;
            out.write_all(b":")
        }
        None => Ok(()),
    }
}
