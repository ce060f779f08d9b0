//! The newest bytes of a session, at offsets that count from its first.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes with offsets; the oldest go when there are too many.
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    start: u64,
    capacity_bytes: usize,
}

impl Ring {
    pub(super) fn new(capacity_bytes: usize) -> Self {
        Self { bytes: VecDeque::new(), start: 0, capacity_bytes: capacity_bytes.max(1) }
    }

    /// The offset of the oldest byte that is kept.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The offset after the newest.
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let skipped = bytes.len().saturating_sub(self.capacity_bytes);
        let kept = &bytes[skipped..];
        let surplus = (self.bytes.len() + kept.len()).saturating_sub(self.capacity_bytes);
        self.bytes.drain(..surplus);
        self.bytes.extend(kept);
        self.start += (surplus + skipped) as u64;
    }

    /// At most so many bytes from an offset on, which is one that is kept.
    pub(super) fn read(&self, offset: u64, limit_bytes: usize) -> Bytes {
        let from =
            usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.bytes.len());
        let to = from.saturating_add(limit_bytes).min(self.bytes.len());
        let (head, tail) = self.bytes.as_slices();
        let split = head.len();
        let mut found = BytesMut::with_capacity(to - from);
        found.extend_from_slice(&head[from.min(split)..to.min(split)]);
        found.extend_from_slice(&tail[from.max(split) - split..to.max(split) - split]);
        found.freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is pushed, what is kept is the end of all of it, and reads give exactly that.
        #[test]
        fn a_ring_keeps_the_newest_bytes(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            capacity in 1_usize..64, at in 0_u64..64, limit in 0_usize..64,
        ) {
            let mut ring = Ring::new(capacity);
            let mut all = Vec::new();
            for piece in &pieces {
                ring.push(piece);
                all.extend_from_slice(piece);
                prop_assert_eq!(ring.end(), all.len() as u64);
                prop_assert_eq!(ring.end() - ring.start(), all.len().min(capacity) as u64);
            }
            let from = ring.start() + at;
            let start = usize::try_from(from).unwrap().min(all.len());
            let end = (start + limit).min(all.len());
            prop_assert_eq!(&ring.read(from, limit)[..], &all[start..end]);
        }
    }
}
