//! The text of a chunk, compressed when it pays.

use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};

/// Shorter texts are stored as they are.
const MIN_COMPRESS_BYTES: usize = 256;

/// Compresses texts; keeps its buffers.
pub struct TextCodec {
    table: CompressTable,
    packed: Vec<u8>,
}

impl Default for TextCodec {
    fn default() -> Self {
        Self { table: CompressTable::large(), packed: Vec::new() }
    }
}

impl TextCodec {
    /// Appends the text, as an LZ4 block when that saves an eighth; whether it is one.
    pub fn pack(&mut self, text: &[u8], out: &mut Vec<u8>) -> bool {
        if text.len() >= MIN_COMPRESS_BYTES {
            self.packed.resize(get_maximum_output_size(text.len()), 0);
            let packed = compress_into_with_table(text, &mut self.packed, &mut self.table);
            if let Ok(len) = packed
                && len <= text.len() - text.len() / 8
            {
                out.extend_from_slice(&self.packed[..len]);
                return true;
            }
        }
        out.extend_from_slice(text);
        false
    }
}

/// Unpacks an LZ4 block of `text_bytes` bytes into a buffer that is used again. False when it is none; the buffer then
/// holds anything.
#[must_use]
pub fn unpack(packed: &[u8], text_bytes: usize, text: &mut Vec<u8>) -> bool {
    // Not cleared before: what is there is written over, and zeros would only be written for it.
    text.resize(text_bytes, 0);
    decompress_into(packed, text).is_ok_and(|len| len == text_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(part in proptest::collection::vec(any::<u8>(), 0..400), times in 1_usize..50) {
            let (text, mut packed) = (part.repeat(times), Vec::new());
            let mut buffer = vec![7; 1000];
            match TextCodec::default().pack(&text, &mut packed) {
                true => {
                    prop_assert!(unpack(&packed, text.len(), &mut buffer));
                    prop_assert_eq!(buffer, text);
                }
                false => prop_assert_eq!(packed, text),
            }
        }

        #[test]
        fn what_is_no_block_is_refused_or_unpacked_to_something(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            text_bytes in 0_usize..2000,
        ) {
            let mut buffer = Vec::new();
            if unpack(&bytes, text_bytes, &mut buffer) {
                prop_assert_eq!(buffer.len(), text_bytes);
            }
        }
    }
}
