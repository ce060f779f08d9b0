//! Guests that want the CPU for themselves, or never to end.

use super::{End, Probe, Stage};

const SLICES: &str = "epoch interruption at every tick; CPU, wall and fuel limits looked at between slices";
const CALLS: &str = "host calls end the slice too; CPU and wall limits looked at between slices";
const SLEEP: &str = "waiting is asynchronous: the ticker ends the run and the future is dropped";
const BULK: &str = "bulk instructions are cut into chunks that look at the epoch";
const ARRAYS: &str = "no array is larger than 16 MiB, so that no instruction on one takes long";
const STACK: &str = "max_wasm_stack 512 KiB on an async stack of 2 MiB";

const ENDLESS: &[End] = &[End::Wall, End::Cpu, End::Fuel, End::Kill];
const ENDLESS_CALLS: &[End] = &[End::Wall, End::Cpu, End::Kill];
const PARKED: &[End] = &[End::Wall, End::Kill];

pub(super) const PROBES: &[Probe] = &[
    Probe::new("cpu_loop", SLICES, ENDLESS),
    Probe::new("cpu_start_loop", SLICES, ENDLESS),
    Probe::new("cpu_tail_calls", SLICES, ENDLESS),
    Probe::new("cpu_indirect_calls", SLICES, ENDLESS),
    Probe::new("cpu_exceptions", SLICES, ENDLESS),
    Probe::new("cpu_garbage", SLICES, ENDLESS),
    Probe::new("cpu_memory_fill", BULK, ENDLESS_CALLS),
    Probe::new("cpu_memory_copy", BULK, ENDLESS_CALLS),
    Probe::new("cpu_table_fill", BULK, ENDLESS_CALLS),
    Probe::new("cpu_table_init", BULK, ENDLESS_CALLS),
    Probe::new("cpu_array_fill", ARRAYS, ENDLESS_CALLS),
    Probe::new("cpu_array_new", ARRAYS, ENDLESS_CALLS),
    Probe::new("cpu_recursion", STACK, &[End::Trap("call stack exhausted")]),
    Probe::new("cpu_deep_host_call", STACK, &[End::Trap("call stack exhausted")]),
    Probe::new("cpu_sleep", SLEEP, PARKED).idle(),
    Probe::new("cpu_sleep_until", SLEEP, PARKED).idle(),
    Probe::new("cpu_sleep_twice", SLEEP, PARKED).idle(),
    // Each of its waits is short and costs next to nothing: its CPU time grows slowly.
    Probe::new("cpu_poll_storm", CALLS, PARKED),
    Probe::new("cpu_yield", CALLS, ENDLESS_CALLS),
    Probe::new("cpu_clock", CALLS, ENDLESS_CALLS),
    Probe::new("cpu_random", CALLS, ENDLESS_CALLS),
    Probe::new("cpu_random_drain", "max_random_size 64 KiB a call", &[End::Trap("")]),
    Probe::new("cpu_poll_flood", "hostcall_fuel 16 MiB a call", &[End::Held]),
    Probe::new("cpu_trap", "a trap ends the run and nothing else", &[End::Trap("unreachable")]),
];

#[tokio::test]
async fn cpu_probes_are_stopped() {
    Stage::set().await.play("cpu", PROBES).await;
}
