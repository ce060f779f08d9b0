//! Random sequences of operations, through every version of WASI at once, against the model and against the disk.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::guest::{Failed, Flags, Guest, Layer, Open};
use super::model::Model;
use super::{Tenant, usage};

const LIMIT_BYTES: u64 = 200;
const LIMIT_ENTRIES: u64 = 8;
/// Runs that work in the directory at the same time.
const GUESTS: usize = 3;
const SLOTS: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    Open { path: String, truncate: bool, exclusive: bool, slot: usize },
    Close { slot: usize },
    Write { slot: usize, offset: Option<u64>, length: usize },
    Resize { slot: usize, bytes: u64 },
    MakeDirectory { path: String },
    RemoveDirectory { path: String },
    Unlink { path: String },
    Rename { old: String, new: String },
    Link { old: String, new: String },
    Symlink { target: String, path: String },
}

fn path() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/a"]).prop_map(str::to_owned)
}

fn step() -> impl Strategy<Value = Step> {
    let slot = 0..SLOTS;
    prop_oneof![
        4 => (path(), any::<bool>(), prop::bool::weighted(0.2), slot.clone())
            .prop_map(|(path, truncate, exclusive, slot)| Step::Open { path, truncate, exclusive, slot }),
        2 => slot.clone().prop_map(|slot| Step::Close { slot }),
        6 => (slot.clone(), prop::option::of(0..150_u64), 0..90_usize)
            .prop_map(|(slot, offset, length)| Step::Write { slot, offset, length }),
        2 => (slot, prop_oneof![0..250_u64, Just(1 << 40), Just(u64::MAX)])
            .prop_map(|(slot, bytes)| Step::Resize { slot, bytes }),
        3 => path().prop_map(|path| Step::MakeDirectory { path }),
        1 => path().prop_map(|path| Step::RemoveDirectory { path }),
        2 => path().prop_map(|path| Step::Unlink { path }),
        3 => (path(), path()).prop_map(|(old, new)| Step::Rename { old, new }),
        2 => (path(), path()).prop_map(|(old, new)| Step::Link { old, new }),
        // They lead nowhere: the model follows none.
        1 => ("[x-z]{1,3}", path()).prop_map(|(target, path)| Step::Symlink { target, path }),
    ]
}

fn layer() -> impl Strategy<Value = Layer> {
    prop::sample::select(vec![Layer::Preview1, Layer::V0_2, Layer::V0_3])
}

struct World {
    tenant: Tenant,
    guests: Vec<Guest>,
    model: Model,
    /// Whose each open file is.
    open: BTreeMap<usize, (usize, Open)>,
}

impl World {
    fn new() -> Self {
        let tenant = Tenant::new(LIMIT_BYTES, LIMIT_ENTRIES);
        let guests = (0..GUESTS).map(|_| tenant.guest()).collect();
        Self { tenant, guests, model: Model::default(), open: BTreeMap::new() }
    }

    /// Does it; the model follows when the file system did.
    fn step(&mut self, guest: usize, layer: Layer, step: &Step) -> Result<(), Failed> {
        let model = &mut self.model;
        match step {
            Step::Open { path, truncate, exclusive, slot } => {
                if self.open.contains_key(slot) {
                    return Ok(());
                }
                let flags = Flags {
                    write: true,
                    create: true,
                    truncate: *truncate,
                    exclusive: *exclusive,
                    ..Flags::default()
                };
                let open = self.guests[guest].open(layer, path, flags)?;
                model.opened(path, *truncate, *slot);
                self.open.insert(*slot, (guest, open));
            }
            Step::Close { slot } => {
                if let Some((guest, open)) = self.open.remove(slot) {
                    self.guests[guest].close(open);
                    model.closed(*slot);
                }
            }
            Step::Write { slot, offset, length } => {
                let Some((guest, open)) = self.open.get(slot) else { return Ok(()) };
                self.guests[*guest].write(open, &vec![7; *length], *offset)?;
                let before = model.length(*slot);
                let end = if *length == 0 { 0 } else { offset.unwrap_or(before) + *length as u64 };
                model.resized(*slot, before.max(end));
            }
            Step::Resize { slot, bytes } => {
                let Some((guest, open)) = self.open.get(slot) else { return Ok(()) };
                self.guests[*guest].resize(layer, open, *bytes)?;
                model.resized(*slot, *bytes);
            }
            Step::MakeDirectory { path } => {
                self.guests[guest].make_directory(layer, path)?;
                model.made_directory(path);
            }
            Step::RemoveDirectory { path } => {
                self.guests[guest].remove_directory(layer, path)?;
                model.removed_directory(path);
            }
            Step::Unlink { path } => {
                self.guests[guest].unlink(layer, path)?;
                model.unlinked(path);
            }
            Step::Rename { old, new } => {
                self.guests[guest].rename(layer, old, new)?;
                model.renamed(old, new);
            }
            Step::Link { old, new } => {
                self.guests[guest].link(layer, old, new)?;
                model.linked(old, new);
            }
            Step::Symlink { target, path } => {
                self.guests[guest].symlink(layer, target, path)?;
                model.symlinked(target, path);
            }
        }
        Ok(())
    }

    fn check(&self) {
        assert_eq!(self.tenant.volume.used(), self.model.usage());
        assert_eq!(self.tenant.on_disk(), self.model.on_disk());
        let used = self.tenant.volume.used();
        assert!(used.bytes <= LIMIT_BYTES && used.entries <= LIMIT_ENTRIES, "{used:?}");
        assert!(!self.tenant.volume.doubtful());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn usage_is_what_the_model_says_and_what_the_disk_holds(
        steps in prop::collection::vec((0..GUESTS, layer(), step()), 1..60)
    ) {
        let mut world = World::new();
        for (guest, layer, step) in &steps {
            // What was refused changed nothing, as the check shows.
            let _ = world.step(*guest, *layer, step);
            world.check();
        }
        // Runs that end at once give back what they alone had open.
        world.guests.clear();
        world.tenant.check();
    }
}

#[test]
fn usage_is_exact_whatever_many_runs_do_at_the_same_time() {
    let tenant = Tenant::new(LIMIT_BYTES, LIMIT_ENTRIES);
    std::thread::scope(|scope| {
        for seed in 0..4_u8 {
            let mut guest = tenant.guest();
            let volume = &tenant.volume;
            scope.spawn(move || {
                let mut runner = proptest::test_runner::TestRunner::new_with_rng(
                    ProptestConfig::default(),
                    proptest::test_runner::TestRng::from_seed(
                        proptest::test_runner::RngAlgorithm::ChaCha,
                        &[seed; 32],
                    ),
                );
                let mut open: BTreeMap<usize, Open> = BTreeMap::new();
                for _ in 0..1500 {
                    let drawn = (layer(), step()).new_tree(&mut runner).unwrap().current();
                    let _ = at_random(&mut guest, &mut open, drawn.0, &drawn.1);
                    let used = volume.used();
                    assert!(used.bytes <= LIMIT_BYTES && used.entries <= LIMIT_ENTRIES, "{used:?}");
                }
            });
        }
    });
    tenant.check();
    // Everything that is left can be removed, and then nothing is counted.
    std::fs::remove_dir_all(tenant.root()).unwrap();
    std::fs::create_dir(tenant.root()).unwrap();
    assert!(tenant.volume.reconcile(tenant.on_disk(), tenant.volume.changes()));
    assert_eq!(tenant.volume.used(), usage(0, 0));
}

fn at_random(
    guest: &mut Guest,
    open: &mut BTreeMap<usize, Open>,
    layer: Layer,
    step: &Step,
) -> Result<(), Failed> {
    match step {
        Step::Open { path, truncate, exclusive, slot } => {
            let flags = Flags {
                write: true,
                create: true,
                truncate: *truncate,
                exclusive: *exclusive,
                ..Flags::default()
            };
            let opened = guest.open(layer, path, flags)?;
            if let Some(replaced) = open.insert(*slot, opened) {
                guest.close(replaced);
            }
        }
        Step::Close { slot } => {
            if let Some(closed) = open.remove(slot) {
                guest.close(closed);
            }
        }
        Step::Write { slot, offset, length } => {
            if let Some(open) = open.get(slot) {
                guest.write(open, &vec![7; *length], *offset)?;
            }
        }
        Step::Resize { slot, bytes } => {
            if let Some(open) = open.get(slot) {
                guest.resize(layer, open, *bytes)?;
            }
        }
        Step::MakeDirectory { path } => guest.make_directory(layer, path)?,
        Step::RemoveDirectory { path } => guest.remove_directory(layer, path)?,
        Step::Unlink { path } => guest.unlink(layer, path)?,
        Step::Rename { old, new } => guest.rename(layer, old, new)?,
        Step::Link { old, new } => guest.link(layer, old, new)?,
        Step::Symlink { target, path } => guest.symlink(layer, target, path)?,
    }
    Ok(())
}
