//! Fairness against a simulation: threads and a clock that are numbers, tenants that spin, sleep or are capped.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use cloister_scheduler::{
    CAP_BURST_MS, CAP_RESUME_NS, Next, PLAIN_WEIGHT, Queues, SLEEPER_CREDIT_NS, TenantIndex,
};
use proptest::prelude::*;

const MS: u64 = 1_000_000;
/// The longest slice of the simulation: one tick.
const SLICE_NS: u64 = MS;

/// A tenant that always has this many tasks.
#[derive(Debug, Clone)]
struct Spinner {
    weight: u32,
    tasks: u64,
    slice_ns: u64,
    cap: Option<u32>,
}

/// A tenant that wakes, runs one short slice, and sleeps.
#[derive(Debug, Clone)]
struct Sleeper {
    every_ns: u64,
    slice_ns: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Wakes(usize),
    Ends { tenant: TenantIndex, run: u64, slice_ns: u64 },
}

/// The simulated machine.
struct Machine {
    queues: Queues<u64>,
    events: BTreeSet<(u64, u64, Event)>,
    numbers: u64,
    idle_threads: usize,
    now_ns: u64,
    idle_ns: u64,
    spinners: Vec<(TenantIndex, Spinner)>,
    sleepers: Vec<(TenantIndex, Sleeper)>,
    woke_ns: Vec<Option<u64>>,
    worst_wait_ns: u64,
    last_served_ns: Vec<u64>,
    worst_gap_ns: u64,
}

impl Machine {
    fn new(threads: usize, spinners: &[Spinner], sleepers: &[Sleeper]) -> Self {
        let mut queues = Queues::default();
        let of = |queues: &mut Queues<u64>, weight, cap| queues.add_tenant(weight, cap, 0);
        let spinners = spinners
            .iter()
            .map(|spinner| (of(&mut queues, spinner.weight * PLAIN_WEIGHT, spinner.cap), spinner.clone()))
            .collect::<Vec<_>>();
        let sleepers = sleepers
            .iter()
            .map(|sleeper| (of(&mut queues, PLAIN_WEIGHT, None), sleeper.clone()))
            .collect::<Vec<_>>();
        let mut machine = Self {
            queues,
            events: BTreeSet::new(),
            numbers: 0,
            idle_threads: threads,
            now_ns: 0,
            idle_ns: 0,
            woke_ns: vec![None; sleepers.len()],
            last_served_ns: vec![0; spinners.len() + sleepers.len()],
            spinners,
            sleepers,
            worst_wait_ns: 0,
            worst_gap_ns: 0,
        };
        for (index, spinner) in machine.spinners.clone() {
            for run in 0..spinner.tasks {
                machine.push(index, run);
            }
        }
        for number in 0..machine.sleepers.len() {
            machine.after(machine.sleepers[number].1.every_ns, Event::Wakes(number));
        }
        machine
    }

    fn push(&mut self, tenant: TenantIndex, run: u64) {
        self.queues.push(tenant, run, run, self.now_ns).unwrap();
    }

    fn after(&mut self, wait_ns: u64, event: Event) {
        self.numbers += 1;
        self.events.insert((self.now_ns + wait_ns, self.numbers, event));
    }

    /// Gives every idle thread a slice; the time at which one has to look again.
    fn dispatch(&mut self) -> Option<u64> {
        while self.idle_threads > 0 {
            match self.queues.pop(self.now_ns) {
                Next::Wait(until_ns) => return until_ns,
                Next::Slice(slice) => {
                    self.idle_threads -= 1;
                    let slice_ns = self.slice_of(slice.tenant);
                    self.after(slice_ns, Event::Ends { tenant: slice.tenant, run: slice.task, slice_ns });
                }
            }
        }
        None
    }

    fn slice_of(&mut self, tenant: TenantIndex) -> u64 {
        if let Some((_, spinner)) = self.spinners.iter().find(|(index, _)| *index == tenant) {
            self.worst_gap_ns = self.worst_gap_ns.max(self.now_ns - self.last_served_ns[tenant]);
            self.last_served_ns[tenant] = self.now_ns;
            return spinner.slice_ns;
        }
        let number = self.sleepers.iter().position(|(index, _)| *index == tenant).unwrap();
        let woke_ns = self.woke_ns[number].take().unwrap();
        self.worst_wait_ns = self.worst_wait_ns.max(self.now_ns - woke_ns);
        self.sleepers[number].1.slice_ns
    }

    fn run(&mut self, until_ns: u64) {
        loop {
            let look_at_ns = self.dispatch();
            let next_ns = self.events.first().map(|(at_ns, _, _)| *at_ns);
            let Some(at_ns) = next_ns.into_iter().chain(look_at_ns).min() else { return };
            if at_ns > until_ns {
                return;
            }
            self.idle_ns += (at_ns - self.now_ns) * self.idle_threads as u64;
            self.now_ns = at_ns;
            while let Some(&(due_ns, _, event)) = self.events.first()
                && due_ns <= at_ns
            {
                self.events.pop_first();
                self.apply(event);
            }
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Wakes(number) => {
                let (tenant, _) = self.sleepers[number];
                self.woke_ns[number] = Some(self.now_ns);
                self.push(tenant, 0);
            }
            Event::Ends { tenant, run, slice_ns } => {
                self.idle_threads += 1;
                if self.spinners.iter().any(|(index, _)| *index == tenant) {
                    // A yield queues the task before its slice is charged, as a guest's does.
                    self.push(tenant, run);
                    self.queues.charge(tenant, slice_ns, self.now_ns);
                } else {
                    self.queues.charge(tenant, slice_ns, self.now_ns);
                    let number = self.sleepers.iter().position(|(index, _)| *index == tenant).unwrap();
                    self.after(self.sleepers[number].1.every_ns, Event::Wakes(number));
                }
            }
        }
    }

    fn cpu_ns(&self, number: usize) -> u64 {
        self.queues.cpu_ns(self.spinners[number].0)
    }
}

fn spinner(cap: impl Strategy<Value = Option<u32>>) -> impl Strategy<Value = Spinner> {
    (1..=8_u32, 1..=64_u64, 100_000..=SLICE_NS, cap).prop_map(|(weight, tasks, slice_ns, cap)| Spinner {
        weight,
        tasks,
        slice_ns,
        cap,
    })
}

fn sleeper() -> impl Strategy<Value = Sleeper> {
    (MS..50 * MS, 10_000..500_000_u64).prop_map(|(every_ns, slice_ns)| Sleeper { every_ns, slice_ns })
}

/// Uses less than its part beside the heaviest spinners: at most one hundredth of a core.
fn light_sleeper() -> impl Strategy<Value = Sleeper> {
    (20 * MS..50 * MS, 10_000..200_000_u64).prop_map(|(every_ns, slice_ns)| Sleeper { every_ns, slice_ns })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Two tenants that never rest lag each other, scaled by weight, by no more than their slices and the credit.
    #[test]
    fn saturating_tenants_get_cpu_by_weight(
        mut spinners in prop::collection::vec(spinner(Just(None)), 2..6),
        sleepers in prop::collection::vec(sleeper(), 0..4),
        threads in 1..4_usize,
    ) {
        // A tenant can use no more threads than it has tasks.
        spinners.iter_mut().for_each(|spinner| spinner.tasks += threads as u64);
        let mut machine = Machine::new(threads, &spinners, &sleepers);
        machine.run(2_000 * MS);
        let scaled = |number: usize| machine.cpu_ns(number) / u64::from(spinners[number].weight);
        let lag_ns = (0..spinners.len()).map(scaled).max().unwrap() - (0..spinners.len()).map(scaled).min().unwrap();
        let bound_ns = SLEEPER_CREDIT_NS + (threads as u64 + 1) * SLICE_NS;
        prop_assert!(lag_ns <= bound_ns, "lag {lag_ns} ns, bound {bound_ns} ns");
        prop_assert_eq!(machine.idle_ns, 0, "a thread idled beside waiting tasks");
    }

    /// A tenant that uses less than its part and wakes waits for the slices that run and for other sleepers, never for a queue of spinning tasks.
    #[test]
    fn a_sleeper_waits_for_no_queue(
        spinners in prop::collection::vec(spinner(Just(None)), 1..4),
        sleepers in prop::collection::vec(light_sleeper(), 1..4),
        threads in 1..4_usize,
    ) {
        let mut machine = Machine::new(threads, &spinners, &sleepers);
        machine.run(1_000 * MS);
        // The first wakes find everyone at the same virtual time: each other tenant may go first, once.
        let bound_ns = (spinners.len() + sleepers.len()) as u64 * SLICE_NS;
        prop_assert!(machine.worst_wait_ns <= bound_ns, "{} ns, bound {bound_ns} ns", machine.worst_wait_ns);
    }

    /// Nobody starves: between two slices of a tenant lies at most a round of all the others by weight.
    #[test]
    fn every_tenant_is_served_within_a_round(
        spinners in prop::collection::vec(spinner(Just(None)), 1..6),
        threads in 1..4_usize,
    ) {
        let mut machine = Machine::new(threads, &spinners, &[]);
        machine.run(1_000 * MS);
        let weights: u64 = spinners.iter().map(|spinner| u64::from(spinner.weight)).sum();
        let bound_ns = (weights + spinners.len() as u64 + threads as u64) * SLICE_NS + SLEEPER_CREDIT_NS;
        prop_assert!(machine.worst_gap_ns <= bound_ns, "{} ns, bound {bound_ns} ns", machine.worst_gap_ns);
    }

    /// A cap holds over any time from the start, and its tenant gets it when the threads are free.
    #[test]
    fn a_cap_is_kept_and_reached(cap in 50..1_900_u32, slice_ns in 100_000..=SLICE_NS, threads in 2..4_usize) {
        let capped = Spinner { weight: 8, tasks: 8, slice_ns, cap: Some(cap) };
        let mut machine = Machine::new(threads, &[capped], &[]);
        let span_ns = 2_000 * MS;
        machine.run(span_ns);
        let fair_ns = span_ns / 1_000 * u64::from(cap);
        let slack_ns = u64::from(cap) * CAP_BURST_MS * 1_000 + 2 * CAP_RESUME_NS + threads as u64 * SLICE_NS;
        let cpu_ns = machine.cpu_ns(0);
        prop_assert!(cpu_ns <= fair_ns + slack_ns, "{cpu_ns} ns of {fair_ns} ns");
        prop_assert!(cpu_ns + slack_ns >= fair_ns, "only {cpu_ns} ns of {fair_ns} ns");
    }

    /// What a capped tenant leaves goes to the others.
    #[test]
    fn others_use_what_a_cap_leaves(cap in 50..900_u32, weight in 1..8_u32) {
        let capped = Spinner { weight: 8, tasks: 8, slice_ns: SLICE_NS, cap: Some(cap) };
        let open = Spinner { weight, tasks: 8, slice_ns: SLICE_NS, cap: None };
        let mut machine = Machine::new(2, &[capped, open], &[]);
        machine.run(1_000 * MS);
        prop_assert_eq!(machine.idle_ns, 0);
        prop_assert!(machine.cpu_ns(1) >= 2_000 * MS - machine.cpu_ns(0) - 4 * SLICE_NS);
    }
}
