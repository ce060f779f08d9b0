//! The nodes of trees, as they are written in pages.

use crate::log::PageId;

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its right neighbour.
    pub(crate) next: Option<PageId>,
    /// Its first possible key.
    pub(crate) low: Vec<u8>,
    /// The first key beyond it; none after the last node.
    pub(crate) high: Option<Vec<u8>>,
    pub(crate) data: Data,
    prefix_bytes: usize,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Data {
    /// Keys and values; keys without the prefix that all have.
    Leaf(Vec<(Vec<u8>, Vec<u8>)>),
    /// The nodes below.
    Index(Vec<PageId>),
}

impl Node {
    /// Reads a node; `None` when it is none.
    pub(crate) fn read(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let next = Some(take_number(bytes)?).filter(|page| *page > 0);
        let _merging_child = take_number(bytes)?;
        let _is_merging = take_byte(bytes)?;
        let prefix_bytes = usize::from(take_byte(bytes)?);
        let low = take_bytes(bytes)?.to_vec();
        let high = Some(take_bytes(bytes)?.to_vec()).filter(|high| !high.is_empty());
        let is_index = take_byte(bytes)? == 1;
        let count = usize::try_from(take_number(bytes)?).ok()?;
        // Each has at least a length, so a wrong number cannot ask for much memory.
        if count > bytes.len() || prefix_bytes > low.len() {
            return None;
        }
        let mut keys = Vec::with_capacity(count);
        for _ in 0..count {
            keys.push(take_bytes(bytes)?.to_vec());
        }
        let data = if is_index {
            Data::Index(keys.iter().map(|_| take_number(bytes)).collect::<Option<_>>()?)
        } else {
            let pair = |key: Vec<u8>| Some((key, take_bytes(bytes)?.to_vec()));
            Data::Leaf(keys.into_iter().map(pair).collect::<Option<_>>()?)
        };
        Some(Self { next, low, high, data, prefix_bytes })
    }

    /// Makes a change to a leaf. Others are about nodes that are being joined, which changes no record. `None` when it is no
    /// change of this state of the node.
    pub(crate) fn apply(&mut self, mut change: &[u8]) -> Option<()> {
        let change = &mut change;
        let kind = take_byte(change)?;
        if !matches!(kind, 0 | 1) || matches!(self.data, Data::Index(_)) {
            return Some(());
        }
        let key = take_bytes(change)?;
        if !self.is_its(key) {
            return None;
        }
        let Data::Leaf(pairs) = &mut self.data else { return Some(()) };
        match kind {
            0 => {
                let value = take_bytes(change)?.to_vec();
                match pairs.binary_search_by(|(known, _)| known.as_slice().cmp(key)) {
                    Ok(at) => pairs[at].1 = value,
                    Err(at) => pairs.insert(at, (key.to_vec(), value)),
                }
            }
            _ => {
                if let Ok(at) = pairs.binary_search_by(|(known, _)| known.as_slice().cmp(key)) {
                    pairs.remove(at);
                }
            }
        }
        Some(())
    }

    /// True when the node may hold a key, given without the prefix.
    fn is_its(&self, key: &[u8]) -> bool {
        let key = [self.prefix(), key].concat();
        key >= self.low && self.high.as_ref().is_none_or(|high| key < *high)
    }

    /// What all its keys begin with.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.low[..self.prefix_bytes]
    }
}

/// Names of trees and the pages of their roots.
pub(crate) fn read_names(mut bytes: &[u8]) -> Option<Vec<(Vec<u8>, PageId)>> {
    let (bytes, mut names) = (&mut bytes, Vec::new());
    while !bytes.is_empty() {
        names.push((take_bytes(bytes)?.to_vec(), take_number(bytes)?));
    }
    Some(names)
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

/// A length and so many bytes.
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take_number(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(bytes)
}

/// A number as sled writes it: one byte up to 240, two and three for the next ones, then a length and its bytes.
pub(crate) fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let first = take_byte(rest)?;
    let mut bytes = |count: usize| {
        let (bytes, after) = rest.split_at_checked(count)?;
        *rest = after;
        let number = bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Some((number, bytes))
    };
    match first {
        0..=240 => Some(u64::from(first)),
        241..=248 => Some(240 + 256 * (u64::from(first) - 241) + bytes(1)?.0),
        249 => bytes(2).map(|(_, two)| 2288 + 256 * u64::from(two[0]) + u64::from(two[1])),
        _ => bytes(usize::from(first) - 247).map(|(number, _)| number),
    }
}
