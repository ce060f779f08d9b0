//! Numbers and sections of the binary format (WebAssembly 3.0, chapter 5).

use super::BulkError;

/// One section of a module or component.
pub(super) struct Section<'a> {
    pub(super) id: u8,
    pub(super) payload: &'a [u8],
}

/// The sections after the eight bytes that every binary begins with.
pub(super) fn sections(binary: &[u8]) -> impl Iterator<Item = Result<Section<'_>, BulkError>> {
    let mut rest = binary.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&id, after) = rest.split_first()?;
        let section = take_u32(after).and_then(|(length, after)| {
            let (payload, after) = after.split_at_checked(length as usize)?;
            Some((Section { id, payload }, after))
        });
        match section {
            Some((section, after)) => {
                rest = after;
                Some(Ok(section))
            }
            None => {
                rest = &[];
                Some(Err(BulkError::Unsupported("a section reaches past the end")))
            }
        }
    })
}

pub(super) fn push_section(out: &mut Vec<u8>, id: u8, payload: &[u8]) {
    out.push(id);
    push_u32(out, u32::try_from(payload.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(payload);
}

/// The name of a custom section.
pub(super) fn custom_name(payload: &[u8]) -> Option<&[u8]> {
    let (length, rest) = take_u32(payload)?;
    rest.get(..length as usize)
}

/// An unsigned number in LEB128.
pub(super) fn push_u32(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed number in LEB128.
pub(super) fn push_i64(out: &mut Vec<u8>, mut value: i64) {
    while !(-0x40..0x40).contains(&value) {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Reads what [`push_u32`] writes, and longer spellings of the same number up to five bytes.
pub(super) fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, &bytes[at + 1..]));
        }
    }
    None
}
