//! UTF-8, a byte at a time.

/// Turns bytes into characters, whatever calls they are split over. Each part that is not UTF-8 becomes U+FFFD.
#[derive(Debug, Clone, Default)]
pub(crate) struct Utf8Decoder {
    pending: [u8; 4],
    length: usize,
}

impl Utf8Decoder {
    /// Takes one byte; `emit` gets each character that it completes: none, one, or a replacement and one.
    pub(crate) fn push(&mut self, byte: u8, emit: &mut impl FnMut(char)) {
        if self.length == 0 && byte.is_ascii() {
            return emit(char::from(byte));
        }
        self.pending[self.length] = byte;
        self.length += 1;
        match std::str::from_utf8(&self.pending[..self.length]) {
            Ok(text) => {
                text.chars().for_each(&mut *emit);
                self.length = 0;
            }
            // What was pending was the beginning of a character; it ends here, and the byte begins anew.
            Err(error) if error.error_len().is_some() => {
                let alone = self.length == 1;
                self.length = 0;
                emit(char::REPLACEMENT_CHARACTER);
                if !alone {
                    self.push(byte, emit);
                }
            }
            Err(_) => {}
        }
    }

    /// True when a character has begun and not ended.
    pub(crate) fn is_inside(&self) -> bool {
        self.length > 0
    }

    /// Nothing follows: a character that has begun becomes U+FFFD.
    pub(crate) fn finish(&mut self, emit: &mut impl FnMut(char)) {
        if std::mem::take(&mut self.length) > 0 {
            emit(char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_decode_as_the_standard_library_decodes_them(bytes: Vec<u8>) {
            let (mut decoder, mut text) = (Utf8Decoder::default(), String::new());
            bytes.iter().for_each(|byte| decoder.push(*byte, &mut |c| text.push(c)));
            decoder.finish(&mut |c| text.push(c));
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
