//! A bounded map of what was looked up in the store, which a change empties.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::RwLock;

/// What was known when a lookup began. A change in between makes the lookup's result stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Era(u64);

/// Remembers lookups. Since the process owns the data directory, what it changes itself is all that changes.
pub(crate) struct Cache<K, V> {
    capacity: usize,
    state: RwLock<State<K, V>>,
}

struct State<K, V> {
    era: u64,
    entries: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, state: RwLock::new(State { era: 0, entries: HashMap::new() }) }
    }

    pub(crate) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.state.read().entries.get(key).cloned()
    }

    /// Call before looking something up in the store.
    pub(crate) fn era(&self) -> Era {
        Era(self.state.read().era)
    }

    /// Remembers what a lookup found, unless something changed since it began.
    pub(crate) fn remember(&self, era: Era, key: K, value: V) {
        let mut state = self.state.write();
        if state.era != era.0 {
            return;
        }
        if state.entries.len() >= self.capacity {
            // Rare, and filled again at the price of one lookup each; no order needs to be kept for it.
            state.entries.clear();
        }
        state.entries.insert(key, value);
    }

    /// Call after a change in the store, before the change is acknowledged.
    pub(crate) fn forget<Q>(&self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut state = self.state.write();
        state.era += 1;
        state.entries.remove(key);
    }

    /// As `forget`, for a change that may touch any entry.
    pub(crate) fn forget_all(&self) {
        let mut state = self.state.write();
        state.era += 1;
        state.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_that_was_overtaken_by_a_change_is_not_remembered() {
        let cache = Cache::new(2);
        let era = cache.era();
        cache.forget("a");
        cache.remember(era, "a", 1);
        assert_eq!(cache.get("a"), None);
        cache.remember(cache.era(), "a", 2);
        assert_eq!(cache.get("a"), Some(2));
    }

    #[test]
    fn it_stays_within_its_capacity() {
        let cache = Cache::new(2);
        for key in 0..10 {
            cache.remember(cache.era(), key, ());
            assert!(cache.state.read().entries.len() <= 2);
        }
    }
}
