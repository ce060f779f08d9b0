//! Which pages belong to which tree, and the records in them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use crate::log::{Log, META_PAGE, PageId};
use crate::node::{Data, Node, read_names};
use crate::{Found, Tree};

/// The node of a page as it was last; `None` when it cannot be read.
fn node(log: &Log, page: PageId) -> io::Result<Option<Node>> {
    let Some((whole, changes)) = log.parts(page)? else { return Ok(None) };
    let Some(mut node) = Node::read(&whole) else { return Ok(None) };
    for change in changes {
        if node.apply(&change).is_none() {
            break;
        }
    }
    Ok(Some(node))
}

/// All trees with their pages.
pub(crate) fn trees(log: &Log) -> io::Result<(Vec<Tree>, Found)> {
    let names = match log.parts(META_PAGE)? {
        Some((whole, _)) => read_names(&whole).unwrap_or_default(),
        None => Vec::new(),
    };
    let mut found = log.found;
    let mut trees = Vec::new();
    // Of each page, the tree that leads to it.
    let mut known: HashMap<PageId, usize> = HashMap::new();
    let mut torn = Vec::new();
    for (name, root) in names {
        let index = trees.len();
        let mut tree = Tree { name, leaves: Vec::new() };
        let missing = walk(log, root, index, &mut tree, &mut known)?;
        found.pages_missing += missing;
        if missing > 0 {
            torn.push(index);
        }
        trees.push(tree);
    }
    if found.damaged > 0 || !torn.is_empty() {
        found.pages_unplaced = place(log, &mut trees, &mut known, &torn)?;
    }
    Ok((trees, found))
}

/// Goes through all that a page leads to; how many pages were missing.
fn walk(
    log: &Log,
    root: PageId,
    index: usize,
    tree: &mut Tree,
    known: &mut HashMap<PageId, usize>,
) -> io::Result<u64> {
    let (mut waiting, mut missing) = (vec![root], 0);
    while let Some(page) = waiting.pop() {
        if known.contains_key(&page) {
            continue;
        }
        known.insert(page, index);
        let Some(node) = node(log, page)? else {
            missing += 1;
            continue;
        };
        waiting.extend(node.next);
        match node.data {
            Data::Leaf(_) => tree.leaves.push(page),
            Data::Index(below) => waiting.extend(below),
        }
    }
    Ok(missing)
}

/// Finds the trees of pages that none leads to, because an index node is lost: by the neighbour that each names, and when
/// only one tree lost something, then what is left is its. How many pages remain.
fn place(
    log: &Log,
    trees: &mut [Tree],
    known: &mut HashMap<PageId, usize>,
    torn: &[usize],
) -> io::Result<u64> {
    let mut unplaced: BTreeMap<PageId, Option<PageId>> = BTreeMap::new();
    for page in log.pages.keys().filter(|page| !known.contains_key(page)) {
        if let Some(Node { next, data: Data::Leaf(pairs), .. }) = node(log, *page)?
            && !pairs.is_empty()
        {
            unplaced.insert(*page, next);
        }
    }
    loop {
        let tree_of = |next: &Option<PageId>| next.and_then(|next| known.get(&next)).copied();
        let placed: Vec<(PageId, usize)> =
            unplaced.iter().filter_map(|(page, next)| Some((*page, tree_of(next)?))).collect();
        if placed.is_empty() {
            break;
        }
        for (page, index) in placed {
            unplaced.remove(&page);
            known.insert(page, index);
            trees[index].leaves.push(page);
        }
    }
    if let [only] = torn {
        trees[*only].leaves.extend(std::mem::take(&mut unplaced).into_keys());
    }
    Ok(unplaced.len() as u64)
}

/// All records of a tree. Where two pages hold a key, because one of them is an older state, the newer page has it.
pub(crate) fn records<E: From<io::Error>>(
    log: &Log,
    tree: &Tree,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let unique: HashSet<PageId> = tree.leaves.iter().copied().collect();
    let mut leaves: Vec<PageId> = unique.into_iter().collect();
    leaves.sort_by_key(|page| std::cmp::Reverse(log.pages.get(page).map_or(0, |page| page.lsn())));
    let mut covered = Covered::default();
    for page in leaves {
        let Some(node) = node(log, page)? else { continue };
        if let Data::Leaf(pairs) = &node.data {
            for (key, value) in pairs {
                let key = [node.prefix(), key].concat();
                if !covered.contains(&key) {
                    take(&key, value)?;
                }
            }
        }
        covered.add(node.low, node.high);
    }
    Ok(())
}

/// Ranges of keys, by their first key; the key beyond each, or none.
#[derive(Default)]
struct Covered {
    ranges: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Covered {
    fn contains(&self, key: &[u8]) -> bool {
        let below =
            self.ranges.range::<[u8], _>((std::ops::Bound::Unbounded, std::ops::Bound::Included(key)));
        let high = below.last().map(|(_, high)| high);
        high.is_some_and(|high| high.as_deref().is_none_or(|high| key < high))
    }

    fn add(&mut self, low: Vec<u8>, high: Option<Vec<u8>>) {
        let is_beyond = |one: &Option<Vec<u8>>, other: &Option<Vec<u8>>| match (one, other) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(one), Some(other)) => one >= other,
        };
        let (mut low, mut high) = (low, high);
        // What it touches becomes part of it.
        while let Some((known_low, known_high)) = self.touching(&low, high.as_deref()) {
            self.ranges.remove(&known_low);
            if is_beyond(&known_high, &high) {
                high = known_high;
            }
            low = low.min(known_low);
        }
        self.ranges.insert(low, high);
    }

    fn touching(&self, low: &[u8], high: Option<&[u8]>) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let upto = high.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included);
        if high.is_some_and(|high| high < low) {
            return None;
        }
        let (known_low, known_high) =
            self.ranges.range::<[u8], _>((std::ops::Bound::Unbounded, upto)).next_back()?;
        let touches = known_high.as_deref().is_none_or(|known_high| known_high >= low);
        touches.then(|| (known_low.clone(), known_high.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_together() {
        let mut covered = Covered::default();
        let mut add = |low: &str, high: &str| {
            covered.add(low.into(), (!high.is_empty()).then(|| high.into()));
            let keys = ["", "a", "b", "c", "d", "e", "f", "g"];
            keys.iter().filter(|key| covered.contains(key.as_bytes())).copied().collect::<Vec<_>>().join("")
        };
        assert_eq!(add("b", "c"), "b");
        assert_eq!(add("e", "f"), "be");
        assert_eq!(add("c", "d"), "bce");
        assert_eq!(add("a", "g"), "abcdef");
        assert_eq!(add("b", ""), "abcdefg");
        assert_eq!(covered.ranges.len(), 1);
    }
}
