//! Counts equal events instead of recording each, so that a flood of refusals is no flood of records.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Chain, Event};

/// Equal events within so much time become one, in milliseconds.
const WINDOW_MS: u64 = 60_000;
/// Different events that are held; when there are more, all are recorded and forgotten.
const MAX_HELD: usize = 4_096;

/// What makes two events equal.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Likeness {
    chain: Chain,
    actor: String,
    address: Option<IpAddr>,
    action: String,
    code: Option<&'static str>,
}

struct Held {
    event: Event,
    since_ms: u64,
    times: u64,
}

/// Events of the last minute.
#[derive(Default)]
pub(super) struct Coalesced {
    held: HashMap<Likeness, Held>,
}

impl Coalesced {
    /// What is to be recorded now: the event if it is the first of its kind, and whatever has to make room for it.
    pub(super) fn take(&mut self, chain: Chain, event: Event, now_ms: u64) -> Vec<(Chain, Event)> {
        let likeness = Likeness {
            chain: chain.clone(),
            actor: event.actor.name.clone(),
            address: event.address,
            action: event.action.clone(),
            code: event.code,
        };
        let mut ready = Vec::new();
        match self.held.get_mut(&likeness) {
            Some(held) if now_ms.saturating_sub(held.since_ms) < WINDOW_MS => {
                held.times += event.times;
                return ready;
            }
            Some(_) => ready.extend(self.held.remove(&likeness).and_then(|held| finish(&likeness, held))),
            None => {}
        }
        if self.held.len() >= MAX_HELD {
            ready.extend(self.due(now_ms, true));
        }
        self.held.insert(likeness, Held { event: event.clone(), since_ms: now_ms, times: 0 });
        ready.push((chain, event));
        ready
    }

    /// What was repeated, and is due: older than a minute, or all of it.
    pub(super) fn due(&mut self, now_ms: u64, all: bool) -> Vec<(Chain, Event)> {
        let old = |held: &Held| all || now_ms.saturating_sub(held.since_ms) >= WINDOW_MS;
        let due = self.held.extract_if(|_, held| old(held));
        due.filter_map(|(likeness, held)| finish(&likeness, held)).collect()
    }
}

fn finish(likeness: &Likeness, held: Held) -> Option<(Chain, Event)> {
    (held.times > 0).then(|| (likeness.chain.clone(), Event { times: held.times, ..held.event }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str) -> Event {
        Event::of_host(action, "r")
    }

    #[test]
    fn the_first_is_recorded_at_once_and_the_rest_as_one() {
        let mut held = Coalesced::default();
        assert_eq!(held.take(Chain::Host, event("a"), 0).len(), 1);
        for now_ms in 1..1_000 {
            assert!(held.take(Chain::Host, event("a"), now_ms).is_empty());
        }
        assert_eq!(held.take(Chain::Host, event("b"), 5).len(), 1);
        assert!(held.due(WINDOW_MS - 1, false).is_empty());
        let due = held.due(WINDOW_MS + 5, false);
        assert_eq!(due.iter().map(|(_, event)| event.times).collect::<Vec<_>>(), [999]);
        assert!(held.held.is_empty());
    }

    #[test]
    fn it_stays_within_its_bound_and_loses_no_count() {
        let mut held = Coalesced::default();
        let mut recorded = 0;
        for number in 0..3 * MAX_HELD {
            for _ in 0..2 {
                let ready = held.take(Chain::Host, event(&number.to_string()), 0);
                recorded += ready.iter().map(|(_, event)| event.times).sum::<u64>();
                assert!(held.held.len() <= MAX_HELD);
            }
        }
        recorded += held.due(0, true).iter().map(|(_, event)| event.times).sum::<u64>();
        assert_eq!(recorded, 6 * MAX_HELD as u64);
    }
}
