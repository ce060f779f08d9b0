//! Guests that want memory: more than they may have, somebody else's, or what somebody else left.

use super::{End, Probe, Stage};
use crate::harness::Shape;

const LIMITER: &str = "the limiter sums all memories and tables of a run";
const UPLOAD: &str = "declared sizes are checked when the module is uploaded";
const GUARD: &str = "guard pages and bounds checks of the engine";
const BOUNDS: &str = "host calls check every address against the guest's memory";
const FRESH: &str = "a new store for each run; the pool clears its slots";
const OBJECTS: &str = "the heap of garbage-collected objects counts as memory of the run";

/// Looked at several times: a slot is used again by the next run.
const AGAIN: &[End] = &[End::Held, End::Held, End::Held, End::Held];

pub(super) const PROBES: &[Probe] = &[
    Probe::new("mem_grow", LIMITER, &[End::Held]),
    Probe::new("mem_grow_touch", LIMITER, &[End::Held]),
    Probe::new("mem_grow_storm", LIMITER, &[End::Wall, End::Cpu, End::Kill]),
    Probe::new("mem_table_grow", LIMITER, &[End::Held]),
    Probe::new("mem_many_memories", LIMITER, &[End::Held]),
    Probe::new("mem_minimum_of_run", LIMITER, &[End::Memory]).memory_bytes(64 << 20),
    Probe::new("mem_allocate", LIMITER, &[End::Held]),
    Probe::new("mem_objects", OBJECTS, &[End::Memory]),
    Probe::new("mem_array", "no array is larger than 16 MiB", &[End::Trap("allocation size too large")]),
    Probe::new("mem_exceptions", OBJECTS, &[End::Memory]).memory_bytes(4 << 20),
    Probe::new("mem_memories", UPLOAD, &[End::Refused(413, "module_too_large")]),
    Probe::new("mem_tables", UPLOAD, &[End::Refused(413, "module_too_large")]),
    Probe::new("mem_minimum", UPLOAD, &[End::Refused(413, "module_too_large")]),
    Probe::new("mem_minimum_64", UPLOAD, &[End::Refused(413, "module_too_large")]),
    Probe::new("mem_table_minimum", UPLOAD, &[End::Refused(413, "module_too_large")]),
    Probe::new("mem_outside", GUARD, &[End::Trap("out of bounds memory access")]),
    Probe::new("mem_far_outside", GUARD, &[End::Trap("out of bounds memory access")]),
    Probe::new("mem_residue", FRESH, AGAIN),
    Probe::new("mem_residue_small", FRESH, AGAIN),
    Probe::new("mem_residue_table", FRESH, AGAIN),
    Probe::new("mem_residue_stack", FRESH, AGAIN),
];

#[tokio::test]
async fn memory_probes_are_stopped() {
    Stage::set().await.play("mem", PROBES).await;
}

#[tokio::test]
async fn addresses_outside_the_guests_memory_are_refused() {
    const TRAPS: [&[&str]; 8] = [&["0"], &["1"], &["3"], &["4"], &["6"], &["7"], &["9"], &["10"]];
    // These are refused by an error number before anything is touched.
    const REFUSED: [&[&str]; 3] = [&["2"], &["5"], &["8"]];
    let probe = |end| Probe::new("mem_bad_pointers", BOUNDS, end).only(Shape::Core);
    let traps = TRAPS.map(|attack| probe(&[End::Trap("out of bounds")]).args(attack));
    let refused = REFUSED.map(|attack| probe(&[End::Held]).args(attack));
    Stage::set().await.play("mem_pointers", &[&traps[..], &refused].concat()).await;
}
