//! Which pages belong to which tree, and the records in them.

use std::collections::{BTreeMap, HashMap};
use std::io;

use crate::log::{Log, META_PAGE, Page, PageId};
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
    let meta_lsn = log.pages.get(&META_PAGE).map_or(0, Page::lsn);
    let mut parents = Parents::default();
    let mut owners: HashMap<PageId, Option<usize>> = HashMap::new();
    for (index, (_, root)) in names.iter().enumerate() {
        parents.add(log, *root, meta_lsn, META_PAGE);
        owners.insert(*root, Some(index));
    }
    let mut leaves = Vec::new();
    for (page, at) in &log.pages {
        let Some(node) = node(log, *page)? else { continue };
        let below = match node.data {
            Data::Leaf(pairs) => {
                leaves.push((*page, pairs.is_empty()));
                Vec::new()
            }
            Data::Index(below) => below,
        };
        for child in below.into_iter().chain(node.next) {
            parents.add(log, child, at.lsn(), *page);
        }
    }
    let mut found = log.found;
    let mut trees: Vec<Tree> = names.into_iter().map(|(name, _)| Tree { name, leaves: Vec::new() }).collect();
    for (page, is_empty) in leaves {
        match parents.tree_of(page, &mut owners) {
            Some(index) => trees[index].leaves.push(page),
            None => found.pages_unplaced += u64::from(!is_empty),
        }
    }
    let pages: Vec<PageId> = parents.newest.keys().copied().collect();
    for page in pages {
        // Pages that nothing leads to any more may lead to what was given back long ago.
        if !log.pages.contains_key(&page) && parents.tree_of(page, &mut owners).is_some() {
            found.pages_missing += 1;
        }
    }
    // An intact database has pages, too, that were given up before anything led to them.
    if found.damaged == 0 && found.pages_missing == 0 {
        found.pages_unplaced = 0;
    }
    Ok((trees, found))
}

/// Of each page, the newest that leads to it. A page's number is given again after the page was freed, perhaps in another
/// tree: what led to it before does not count, so that no tenant's records get into another's tree.
#[derive(Default)]
struct Parents {
    newest: HashMap<PageId, (u64, PageId)>,
}

impl Parents {
    fn add(&mut self, log: &Log, child: PageId, lsn: u64, parent: PageId) {
        if log.freed.get(&child).is_some_and(|freed| *freed > lsn) {
            return;
        }
        let newest = self.newest.entry(child).or_insert((lsn, parent));
        if newest.0 < lsn {
            *newest = (lsn, parent);
        }
    }

    /// The tree of a page: that of the page which leads to it, and so on up to a root.
    fn tree_of(&self, page: PageId, owners: &mut HashMap<PageId, Option<usize>>) -> Option<usize> {
        let (mut path, mut at) = (Vec::new(), page);
        let owner = loop {
            if let Some(owner) = owners.get(&at) {
                break *owner;
            }
            // For now it is nobody's, so that a circle ends.
            owners.insert(at, None);
            path.push(at);
            match self.newest.get(&at) {
                Some((_, parent)) => at = *parent,
                None => break None,
            }
        };
        for page in path {
            owners.insert(page, owner);
        }
        owner
    }
}

/// All records of a tree. Where two pages hold a key, because one of them is an older state, the newer page has it.
pub(crate) fn records<E: From<io::Error>>(
    log: &Log,
    tree: &Tree,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut leaves = tree.leaves.clone();
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
