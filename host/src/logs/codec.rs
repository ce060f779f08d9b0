//! Chunks as stored values: a header with a summary, the lines' heads, and their text, compressed when it pays.
//!
//! | at | bytes | what (numbers little-endian) |
//! |---|---|---|
//! | 0 | 1 | version, 2; the sources of version 1 have no workflow run |
//! | 1 | 4 | CRC-32 of everything after it |
//! | 5 | 1 | flags; bit 0: the text is an LZ4 block; bit 1: all lines were deleted, and neither heads nor text follow |
//! | 6 | 8, 4 | first sequence number, number of lines |
//! | 18 | 8, 8 | least and greatest time, µs since the Unix epoch |
//! | 34 | 8, 8 | Bloom filters of runs and commands |
//! | 50 | 1, 1 | sets of streams and levels |
//! | 52 | 4, 4 | bytes of the heads; bytes of the text before compression |
//! | 60 | | heads: sources, then per line source, time difference, mark, length; numbers as LEB128 |
//! | | | text to the end |

use std::ops::Range;
use std::sync::Arc;

use cloister_lines::{Head, Heads, Mark, TextCodec, put_varint, take_varint};

use super::chunk::{Chunk, Summary};
use super::line::LineSource;
use super::split::MAX_LINE_BYTES;

const VERSION: u8 = 2;
/// The oldest version that is read.
const FIRST_VERSION: u8 = 1;
const HEADER_BYTES: usize = 60;
const CHECKED_FROM: usize = 5;
const LZ4: u8 = 1;
const DELETED: u8 = 1 << 1;
/// A chunk is cut before its text and heads would take more than this; only a single longer line takes more.
pub(super) const CHUNK_COST_BYTES: usize = 32 * 1024;
/// What a line's head takes, about.
pub(super) const LINE_COST_BYTES: usize = 6;
/// What a source takes, about.
pub(super) const SOURCE_COST_BYTES: usize = 64;
const MAX_TEXT_BYTES: usize = MAX_LINE_BYTES + 1;
const MAX_LINES: usize = CHUNK_COST_BYTES / LINE_COST_BYTES;
/// Lines whose places one header keeps when all of them were deleted.
pub(super) const MAX_DELETED_LINES: u32 = 1 << 20;
const MAX_NAME_BYTES: usize = 64;

/// Why a stored value is not a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    #[error("shorter than its header or its parts")]
    Truncated,
    #[error("of an unknown version")]
    Version,
    #[error("wrong checksum")]
    Checksum,
    #[error("contents that contradict each other")]
    Contents,
}

/// Encodes chunks; keeps its buffers.
pub(super) struct Encoder {
    texts: TextCodec,
    local: Vec<u32>,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self { texts: TextCodec::default(), local: Vec::new() }
    }

    /// The stored value of some lines of a chunk; the caller keeps it within [`CHUNK_COST_BYTES`].
    pub(super) fn encode(&mut self, chunk: &Chunk, range: &Range<usize>) -> Vec<u8> {
        let heads = chunk.heads.get(range.clone()).unwrap_or_default();
        let (start, end) = text_span(heads);
        let text = chunk.text.get(start..end).unwrap_or_default();
        let mut value = vec![0; HEADER_BYTES];
        value.reserve(heads.len() * 6 + text.len() + 256);
        self.put_heads(chunk, heads, &mut value);
        let heads_bytes = value.len() - HEADER_BYTES;
        let flags = if self.texts.pack(text, &mut value) { LZ4 } else { 0 };
        put_header(&mut value, &Summary::of(chunk, range), flags, heads_bytes, text.len());
        let checksum = crc32fast::hash(&value[CHECKED_FROM..]);
        value[1..5].copy_from_slice(&checksum.to_le_bytes());
        value
    }

    /// The stored value of a chunk all of whose lines were deleted: what keeps their places.
    pub(super) fn encode_deleted(summary: &Summary) -> Vec<u8> {
        let gone = Summary { runs: 0, commands: 0, streams: 0, levels: 0, ..*summary };
        let mut value = vec![0; HEADER_BYTES];
        put_header(&mut value, &gone, DELETED, 0, 0);
        let checksum = crc32fast::hash(&value[CHECKED_FROM..]);
        value[1..5].copy_from_slice(&checksum.to_le_bytes());
        value
    }

    fn put_heads(&mut self, chunk: &Chunk, heads: &[Head], value: &mut Vec<u8>) {
        let mut used: Vec<&LineSource> = Vec::new();
        self.local.clear();
        self.local.resize(chunk.sources.len(), u32::MAX);
        for head in heads {
            let (Some(local), Some(source)) =
                (self.local.get_mut(head.source as usize), chunk.sources.get(head.source as usize))
            else {
                continue;
            };
            if *local == u32::MAX {
                *local = u32::try_from(used.len()).unwrap_or(0);
                used.push(source);
            }
        }
        put_varint(value, used.len() as u64);
        for source in used {
            put_name(value, source.run.as_str());
            put_name(value, source.command.as_str());
            put_name(value, source.step.as_deref().unwrap_or_default());
            put_name(value, source.workflow_run.as_ref().map_or("", |run| run.as_str()));
        }
        cloister_lines::put_heads(heads, &self.local, value);
    }
}

/// Bytes of a chunk's text which these lines take.
fn text_span(heads: &[Head]) -> (usize, usize) {
    match (heads.first(), heads.last()) {
        (Some(first), Some(last)) => {
            (first.start as usize, last.start as usize + last.len_bytes as usize + 1)
        }
        _ => (0, 0),
    }
}

fn put_header(value: &mut [u8], summary: &Summary, flags: u8, heads_bytes: usize, text_bytes: usize) {
    value[0] = VERSION;
    value[5] = flags;
    value[6..14].copy_from_slice(&summary.first_seq.to_le_bytes());
    value[14..18].copy_from_slice(&summary.lines.to_le_bytes());
    value[18..26].copy_from_slice(&summary.min_time_us.to_le_bytes());
    value[26..34].copy_from_slice(&summary.max_time_us.to_le_bytes());
    value[34..42].copy_from_slice(&summary.runs.to_le_bytes());
    value[42..50].copy_from_slice(&summary.commands.to_le_bytes());
    value[50] = summary.streams;
    value[51] = summary.levels;
    #[expect(clippy::cast_possible_truncation, reason = "chunks are cut far below 4 GiB")]
    {
        value[52..56].copy_from_slice(&(heads_bytes as u32).to_le_bytes());
        value[56..60].copy_from_slice(&(text_bytes as u32).to_le_bytes());
    }
}

/// A stored value whose checksum was right; decoded as far as asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoded<'a> {
    pub(super) summary: Summary,
    /// Bytes of the text once unpacked.
    pub(super) text_bytes: usize,
    version: u8,
    flags: u8,
    heads: &'a [u8],
    text: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// Checks a stored value and reads its summary.
    pub(super) fn open(value: &'a [u8]) -> Result<Self, Damage> {
        let mut header = Reader { rest: value.get(..HEADER_BYTES).ok_or(Damage::Truncated)? };
        if !(FIRST_VERSION..=VERSION).contains(&header.byte()?) {
            return Err(Damage::Version);
        }
        if header.u32()? != crc32fast::hash(&value[CHECKED_FROM..]) {
            return Err(Damage::Checksum);
        }
        Self::reopen(value)
    }

    /// Reads the summary of a stored value that was checked before.
    pub(super) fn reopen(value: &'a [u8]) -> Result<Self, Damage> {
        let mut header = Reader { rest: value.get(CHECKED_FROM..HEADER_BYTES).ok_or(Damage::Truncated)? };
        let version = value[0];
        let flags = header.byte()?;
        let summary = Summary {
            first_seq: header.u64()?,
            lines: header.u32()?,
            min_time_us: header.u64()?,
            max_time_us: header.u64()?,
            runs: header.u64()?,
            commands: header.u64()?,
            streams: header.byte()?,
            levels: header.byte()?,
        };
        let heads_bytes = header.u32()? as usize;
        let text_bytes = header.u32()? as usize;
        let (heads, text) = value[HEADER_BYTES..].split_at_checked(heads_bytes).ok_or(Damage::Truncated)?;
        let most_lines = if flags & DELETED == 0 { MAX_LINES } else { MAX_DELETED_LINES as usize };
        let fits = text_bytes <= MAX_TEXT_BYTES && (1..=most_lines).contains(&(summary.lines as usize));
        if !fits || summary.first_seq.checked_add(u64::from(summary.lines)).is_none() {
            return Err(Damage::Contents);
        }
        Ok(Self { summary, text_bytes, version, flags, heads, text })
    }

    /// All of it.
    pub(super) fn decode(&self) -> Result<Chunk, Damage> {
        let mut text = Vec::new();
        self.unpack(&mut text)?;
        self.decode_with(text)
    }

    /// All of it, when the text was unpacked before.
    pub(super) fn decode_with(&self, text: Vec<u8>) -> Result<Chunk, Damage> {
        self.decode_heads()?.with_text(text).ok_or(Damage::Contents)
    }

    /// Bytes of the heads.
    pub(super) fn heads_bytes(&self) -> usize {
        self.heads.len()
    }

    /// True when all its lines were deleted.
    pub(super) fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }

    /// All but the text.
    pub(super) fn decode_heads(&self) -> Result<Chunk, Damage> {
        let mut chunk = Chunk { first_seq: self.summary.first_seq, ..Chunk::default() };
        if self.is_deleted() {
            let gone = |start| Head {
                time_us: self.summary.min_time_us,
                start,
                len_bytes: 0,
                source: 0,
                mark: Mark::GONE,
            };
            chunk.heads = (0..self.summary.lines).map(gone).collect();
            return Ok(chunk);
        }
        let mut reader = Reader { rest: self.heads };
        let sources = usize::try_from(reader.varint()?).map_err(|_| Damage::Contents)?;
        for _ in 0..sources {
            chunk.sources.push(Arc::new(reader.source(self.version)?));
        }
        let heads = Heads {
            bytes: reader.rest,
            lines: self.summary.lines,
            first_time_us: self.summary.min_time_us,
            sources,
            text_bytes: self.text_bytes,
        };
        chunk.heads = cloister_lines::read_heads(&heads).ok_or(Damage::Contents)?;
        Ok(chunk)
    }

    /// The text alone, into a buffer that is used again.
    pub(super) fn unpack(&self, text: &mut Vec<u8>) -> Result<(), Damage> {
        if self.flags & LZ4 != 0 {
            let is_whole = cloister_lines::unpack(self.text, self.text_bytes, text);
            return if is_whole { Ok(()) } else { Err(Damage::Contents) };
        }
        text.clear();
        if self.is_deleted() {
            text.resize(self.summary.lines as usize, b'\n');
        } else {
            text.extend_from_slice(self.text);
        }
        Ok(())
    }
}

/// Reads numbers and names off a value; every step says when there are too few bytes.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Damage::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Damage> {
        let (byte, rest) = self.rest.split_first().ok_or(Damage::Truncated)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn u32(&mut self) -> Result<u32, Damage> {
        let bytes = self.take(4)?.try_into().map_err(|_| Damage::Truncated)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Result<u64, Damage> {
        let bytes = self.take(8)?.try_into().map_err(|_| Damage::Truncated)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn varint(&mut self) -> Result<u64, Damage> {
        take_varint(&mut self.rest).ok_or(Damage::Truncated)
    }

    fn name(&mut self) -> Result<&'a str, Damage> {
        let len = usize::from(self.byte()?);
        std::str::from_utf8(self.take(len)?).map_err(|_| Damage::Contents)
    }

    fn source(&mut self, version: u8) -> Result<LineSource, Damage> {
        let run = self.name()?.parse().map_err(|_| Damage::Contents)?;
        let command = self.name()?.parse().map_err(|_| Damage::Contents)?;
        let step = self.name()?;
        let workflow_run = if version > FIRST_VERSION { self.name()? } else { "" };
        let workflow_run = (!workflow_run.is_empty()).then(|| workflow_run.parse()).transpose();
        Ok(LineSource {
            run,
            command,
            workflow_run: workflow_run.map_err(|_| Damage::Contents)?,
            step: (!step.is_empty()).then(|| step.into()),
        })
    }
}

/// A length byte and the name, cut at [`MAX_NAME_BYTES`] between characters.
fn put_name(out: &mut Vec<u8>, name: &str) {
    let name = &name[..name.floor_char_boundary(MAX_NAME_BYTES)];
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
