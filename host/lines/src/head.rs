//! The heads of a chunk's lines: everything of a line but its bytes, in a few bytes each.

use super::mark::Mark;

/// One line of a chunk, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Microseconds since the Unix epoch.
    pub time_us: u64,
    /// Where its bytes begin in the chunk's text.
    pub start: u32,
    /// How many they are, without the line feed that follows them.
    pub len_bytes: u32,
    /// Index into the chunk's sources.
    pub source: u32,
    /// Stream, level and flags.
    pub mark: Mark,
}

/// What the stored heads of a chunk are read with.
#[derive(Debug, Clone, Copy)]
pub struct Heads<'a> {
    /// The bytes that [`put_heads`] wrote.
    pub bytes: &'a [u8],
    /// Number of lines.
    pub lines: u32,
    /// Time of the first line.
    pub first_time_us: u64,
    /// Number of the chunk's sources.
    pub sources: usize,
    /// Bytes of the chunk's text.
    pub text_bytes: usize,
}

/// Appends heads: per line source, time difference, mark, length; numbers as LEB128. `local` says which number a source has
/// in this chunk.
pub fn put_heads(heads: &[Head], local: &[u32], out: &mut Vec<u8>) {
    let mut time_us = heads.first().map_or(0, |head| head.time_us);
    for head in heads {
        put_varint(out, u64::from(local.get(head.source as usize).copied().unwrap_or(0)));
        put_varint(out, head.time_us.saturating_sub(time_us));
        out.push(head.mark.byte());
        put_varint(out, u64::from(head.len_bytes));
        time_us = head.time_us;
    }
}

/// Reads heads. `None` when they are too few, too many, or contradict each other.
#[must_use]
pub fn read_heads(stored: &Heads<'_>) -> Option<Vec<Head>> {
    // Four bytes are the fewest that a head takes.
    if stored.bytes.len() / 4 < stored.lines as usize {
        return None;
    }
    let mut heads = Vec::with_capacity(stored.lines as usize);
    let (mut rest, mut time_us, mut start) = (stored.bytes, stored.first_time_us, 0_u32);
    for _ in 0..stored.lines {
        let source = u32::try_from(take_varint(&mut rest)?).ok()?;
        time_us = time_us.checked_add(take_varint(&mut rest)?)?;
        let (byte, after) = rest.split_first()?;
        rest = after;
        let mark = Mark::from_byte(*byte)?;
        let len_bytes = u32::try_from(take_varint(&mut rest)?).ok()?;
        if source as usize >= stored.sources {
            return None;
        }
        heads.push(Head { time_us, start, len_bytes, source, mark });
        start = start.checked_add(len_bytes)?.checked_add(1)?;
    }
    (start as usize == stored.text_bytes && rest.is_empty()).then_some(heads)
}

/// Index of the line in whose text (or line feed) the byte at `offset` lies.
pub(crate) fn line_at(heads: &[Head], offset: usize) -> usize {
    heads.partition_point(|head| head.start as usize <= offset).saturating_sub(1)
}

/// Appends a number as LEB128.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front; `None` when there is none, or one too large.
pub fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{LogLevel, LogStream};

    fn heads() -> impl Strategy<Value = Vec<Head>> {
        let line = (0_u32..3, any::<u32>(), 0_u32..70_000, 0_usize..3, any::<bool>());
        proptest::collection::vec(line, 1..60).prop_map(|lines| {
            let (mut time_us, mut start) = (1_700_000_000_000_000, 0);
            let head = |(source, pause_us, len_bytes, stream, warn): (u32, u32, u32, usize, bool)| {
                time_us += u64::from(pause_us);
                let mark = Mark::new(LogStream::ALL[stream], warn.then_some(LogLevel::Warn));
                let head = Head { time_us, start, len_bytes, source, mark };
                start += len_bytes + 1;
                head
            };
            lines.into_iter().map(head).collect()
        })
    }

    fn stored<'a>(heads: &[Head], bytes: &'a [u8]) -> Heads<'a> {
        let last = heads.last().unwrap();
        let text_bytes = (last.start + last.len_bytes + 1) as usize;
        let lines = u32::try_from(heads.len()).unwrap();
        Heads { bytes, lines, first_time_us: heads[0].time_us, sources: 3, text_bytes }
    }

    proptest! {
        #[test]
        fn heads_are_read_back_and_others_are_refused(heads in heads(), at in any::<proptest::sample::Index>()) {
            let mut bytes = Vec::new();
            put_heads(&heads, &[0, 1, 2], &mut bytes);
            let whole = stored(&heads, &bytes);
            prop_assert_eq!(read_heads(&whole), Some(heads.clone()));
            prop_assert_eq!(read_heads(&Heads { text_bytes: whole.text_bytes + 1, ..whole }), None);
            prop_assert_eq!(read_heads(&Heads { lines: whole.lines + 1, ..whole }), None);
            prop_assert_eq!(read_heads(&Heads { bytes: &bytes[..at.index(bytes.len())], ..whole }), None);
            let most = heads.iter().map(|head| head.source as usize).max().unwrap();
            prop_assert_eq!(read_heads(&Heads { sources: most, ..whole }), None);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), lines in any::<u32>()) {
            let _ = read_heads(&Heads { bytes: &bytes, lines, first_time_us: u64::MAX, sources: 300, text_bytes: 9 });
        }
    }

    #[test]
    fn a_line_is_found_by_any_of_its_bytes() {
        let head = |start, len_bytes| Head {
            time_us: 0,
            start,
            len_bytes,
            source: 0,
            mark: Mark::new(LogStream::Stdout, None),
        };
        let heads = [head(0, 2), head(3, 0), head(4, 5)];
        let found: Vec<usize> = (0..10).map(|offset| line_at(&heads, offset)).collect();
        assert_eq!(found, [0, 0, 0, 1, 2, 2, 2, 2, 2, 2]);
    }
}
