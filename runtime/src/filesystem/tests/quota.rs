//! The quota, case by case.

use super::guest::{Failed, Flags, Guest, Layer, Open};
use super::{Tenant, on_disk, usage};
use crate::budget::{Budget, BudgetLimits, Resource};
use crate::filesystem::{VolumeLimits, VolumeUsage};
use crate::grant::Access;

const LAYERS: [Layer; 3] = [Layer::Preview1, Layer::V0_2, Layer::V0_3];
const NEW: Flags =
    Flags { write: true, create: true, truncate: false, exclusive: false, directory: false, follow: true };

#[test]
fn what_goes_over_the_bytes_is_refused_and_changes_nothing() {
    for layer in LAYERS {
        let tenant = Tenant::new(100, 10);
        let mut guest = tenant.guest();
        let file = guest.open(layer, "a", NEW).unwrap();
        guest.write(&file, &[1; 60], Some(0)).unwrap();
        assert_eq!(guest.write(&file, &[2; 60], Some(50)), Err(Failed::Quota));
        assert_eq!(guest.write(&file, &[2; 41], None), Err(Failed::Quota));
        assert_eq!(guest.resize(layer, &file, 1 << 40), Err(Failed::Quota));
        assert_eq!(guest.symlink(layer, &"x".repeat(41), "link"), Err(Failed::Quota));
        tenant.check();
        assert_eq!(guest.read(&file).unwrap(), [1; 60]);
        // What is there may be written again, and what is given back may be used again.
        guest.write(&file, &[3; 60], Some(0)).unwrap();
        guest.write(&file, &[4; 40], Some(60)).unwrap();
        guest.resize(layer, &file, 10).unwrap();
        guest.write(&file, &[5; 90], None).unwrap();
        assert_eq!(tenant.volume.used(), usage(100, 1));
        tenant.check();
    }
}

#[test]
fn what_goes_over_the_entries_is_refused_and_changes_nothing() {
    for layer in LAYERS {
        let tenant = Tenant::new(1000, 2);
        let mut guest = tenant.guest();
        guest.make_directory(layer, "d").unwrap();
        let file = guest.open(layer, "a", NEW).unwrap();
        assert_eq!(guest.make_directory(layer, "e"), Err(Failed::Quota));
        assert_eq!(guest.link(layer, "a", "b"), Err(Failed::Quota));
        assert_eq!(guest.symlink(layer, "a", "b"), Err(Failed::Quota));
        assert_eq!(guest.open(layer, "b", NEW).unwrap_err(), Failed::Quota);
        tenant.check();
        // A rename takes no name more.
        guest.rename(layer, "a", "d/a").unwrap();
        guest.close(file);
        tenant.check();
        guest.unlink(layer, "d/a").unwrap();
        guest.open(layer, "b", NEW).unwrap();
        tenant.check();
    }
}

#[test]
fn an_unlinked_file_counts_until_nobody_has_it_open() {
    for layer in LAYERS {
        let tenant = Tenant::new(100, 10);
        let (mut one, mut other) = (tenant.guest(), tenant.guest());
        let file = one.open(layer, "a", NEW).unwrap();
        one.write(&file, &[1; 60], Some(0)).unwrap();
        let same = other.open(layer, "a", Flags { follow: true, ..Flags::default() }).unwrap();
        one.unlink(layer, "a").unwrap();
        assert_eq!(tenant.volume.used(), usage(60, 0));
        one.write(&file, &[1; 20], None).unwrap();
        one.close(file);
        assert_eq!(tenant.volume.used(), usage(80, 0));
        other.close(same);
        assert_eq!(tenant.volume.used(), usage(0, 0));
    }
}

#[test]
fn a_run_that_is_dropped_gives_back_what_only_it_had_open() {
    for layer in LAYERS {
        let tenant = Tenant::new(100, 10);
        let mut guest = tenant.guest();
        let file = guest.open(layer, "a", NEW).unwrap();
        guest.write(&file, &[1; 60], Some(0)).unwrap();
        guest.unlink(layer, "a").unwrap();
        drop(guest);
        assert_eq!(tenant.volume.used(), usage(0, 0));
    }
}

#[test]
fn a_hard_linked_file_counts_once_until_its_last_name_is_gone() {
    for layer in LAYERS {
        let tenant = Tenant::new(100, 10);
        let mut guest = tenant.guest();
        let file = guest.open(layer, "a", NEW).unwrap();
        guest.write(&file, &[1; 60], Some(0)).unwrap();
        guest.close(file);
        guest.link(layer, "a", "b").unwrap();
        assert_eq!(tenant.volume.used(), usage(60, 2));
        // Two names of one file: the system does nothing.
        guest.rename(layer, "a", "b").unwrap();
        assert_eq!(tenant.volume.used(), usage(60, 2));
        guest.unlink(layer, "a").unwrap();
        assert_eq!(tenant.volume.used(), usage(60, 1));
        guest.unlink(layer, "b").unwrap();
        assert_eq!(tenant.volume.used(), usage(0, 0));
        tenant.check();
    }
}

#[test]
fn what_a_rename_replaces_is_given_back() {
    for layer in LAYERS {
        let tenant = Tenant::new(100, 10);
        let mut guest = tenant.guest();
        for (path, bytes) in [("a", 10), ("b", 60)] {
            let file = guest.open(layer, path, NEW).unwrap();
            guest.write(&file, &vec![1; bytes], Some(0)).unwrap();
            guest.close(file);
        }
        guest.rename(layer, "a", "b").unwrap();
        assert_eq!(tenant.volume.used(), usage(10, 1));
        guest.rename(layer, "b", "b").unwrap();
        tenant.check();
    }
}

#[test]
fn a_link_on_the_way_does_not_hide_a_name() {
    for layer in LAYERS {
        let tenant = Tenant::new(100, 10);
        let mut guest = tenant.guest();
        guest.make_directory(layer, "d").unwrap();
        guest.symlink(layer, "d", "l").unwrap();
        // Afterwards the new path leads nowhere: the link on it was moved.
        guest.rename(layer, "l", "l/c").unwrap();
        tenant.check();
        // Created through a link that leads to nothing yet.
        guest.symlink(layer, "new", "to").unwrap();
        guest.open(layer, "to", NEW).unwrap();
        tenant.check();
    }
}

#[test]
fn truncation_by_opening_gives_back() {
    for layer in LAYERS {
        let tenant = Tenant::new(100, 10);
        let (mut guest, mut other) = (tenant.guest(), tenant.guest());
        let file = guest.open(layer, "a", NEW).unwrap();
        guest.write(&file, &[1; 60], Some(0)).unwrap();
        let cut = other.open(layer, "a", Flags { truncate: true, ..NEW }).unwrap();
        assert_eq!(tenant.volume.used(), usage(0, 1));
        guest.write(&file, &[1; 5], Some(10)).unwrap();
        guest.close(file);
        other.close(cut);
        other.open(layer, "a", Flags { truncate: true, ..NEW }).unwrap();
        tenant.check();
        // What fails cuts nothing.
        assert!(guest.open(layer, "a", Flags { exclusive: true, truncate: true, ..NEW }).is_err());
        tenant.check();
    }
}

#[test]
fn a_lower_limit_holds_at_once_and_only_growth_is_refused() {
    let tenant = Tenant::new(100, 10);
    let mut guest = tenant.guest();
    let file = guest.open(Layer::V0_2, "a", NEW).unwrap();
    guest.write(&file, &[1; 60], Some(0)).unwrap();
    tenant.volume.set_limits(VolumeLimits { bytes: 10, entries: 1 });
    assert_eq!(guest.write(&file, &[1], None), Err(Failed::Quota));
    guest.write(&file, &[2; 60], Some(0)).unwrap();
    guest.resize(Layer::V0_2, &file, 20).unwrap();
    tenant.check();
}

#[test]
fn nothing_changes_in_a_read_only_directory() {
    for layer in LAYERS {
        let tenant = Tenant::new(1000, 100);
        std::fs::write(tenant.root().join("a"), "text").unwrap();
        std::fs::create_dir(tenant.root().join("d")).unwrap();
        let before = on_disk(&tenant.root());
        let mut guest = Guest::new(&tenant.root(), Access::ReadOnly, Some(tenant.volume.clone()));
        let refused = Err(Failed::NotPermitted);
        assert_eq!(guest.open(layer, "new", NEW).unwrap_err(), Failed::NotPermitted);
        let cut = Flags { truncate: true, ..Flags::default() };
        assert_eq!(guest.open(layer, "a", cut).unwrap_err(), Failed::NotPermitted);
        assert_eq!(guest.open(layer, "a", Flags { write: true, ..cut }).unwrap_err(), Failed::NotPermitted);
        assert_eq!(guest.make_directory(layer, "e"), refused);
        assert_eq!(guest.remove_directory(layer, "d"), refused);
        assert_eq!(guest.unlink(layer, "a"), refused);
        assert_eq!(guest.rename(layer, "a", "b"), refused);
        assert_eq!(guest.link(layer, "a", "b"), refused);
        assert_eq!(guest.symlink(layer, "a", "b"), refused);
        let file = guest.open(layer, "a", Flags::default()).unwrap();
        assert_eq!(guest.write(&file, b"x", Some(0)), refused);
        assert_eq!(guest.resize(layer, &file, 0), refused);
        assert_eq!(guest.read(&file).unwrap(), b"text");
        assert_eq!(on_disk(&tenant.root()), before);
    }
}

#[test]
fn a_pipe_or_device_is_refused_before_it_is_opened() {
    for layer in LAYERS {
        let tenant = Tenant::new(1000, 100);
        let pipe = tenant.root().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let mut guest = tenant.guest();
        // Opening it would wait for a writer.
        let read = Flags { follow: true, ..Flags::default() };
        assert_eq!(guest.open(layer, "pipe", read).unwrap_err(), Failed::Unsupported);
        assert_eq!(guest.open(layer, "pipe", NEW).unwrap_err(), Failed::Unsupported);
    }
}

#[test]
fn without_a_volume_nothing_is_counted_or_refused() {
    for layer in LAYERS {
        let tenant = Tenant::new(0, 0);
        let mut guest = Guest::new(&tenant.root(), Access::ReadWrite, None);
        let file = guest.open(layer, "a", NEW).unwrap();
        guest.write(&file, &[1; 60], Some(0)).unwrap();
        guest.write(&file, &[1; 60], None).unwrap();
        guest.close(file);
        guest.unlink(layer, "a").unwrap();
        assert_eq!(tenant.volume.used(), VolumeUsage::default());
    }
}

#[test]
fn open_files_come_out_of_the_tenants_budget_and_go_back() {
    for layer in LAYERS {
        let tenant = Tenant::new(1000, 100);
        let budget = Budget::new(&BudgetLimits { open_files: 2, ..BudgetLimits::UNLIMITED });
        let volume = Some(tenant.volume.clone());
        let mut guest = Guest::within(&tenant.root(), Access::ReadWrite, volume, budget.clone());
        let file = guest.open(layer, "a", NEW).unwrap();
        let root = guest.open(layer, ".", Flags { directory: true, ..Flags::default() }).unwrap();
        assert_eq!(guest.open(layer, "b", NEW).unwrap_err(), Failed::TooManyOpen);
        // What was refused made nothing.
        tenant.check();
        guest.close(root);
        let again = guest.open(layer, "b", NEW).unwrap();
        guest.close(file);
        guest.close(again);
        assert_eq!(budget.usage(Resource::OpenFiles).used, 0);
        guest.open(layer, "a", NEW).unwrap();
        drop(guest);
        assert_eq!(budget.usage(Resource::OpenFiles).used, 0);
    }
}

#[test]
fn a_full_table_of_resources_is_one_file_too_many() {
    use wasmtime_wasi::filesystem::WasiFilesystemView as _;

    const CAPACITY: usize = 32;
    for layer in LAYERS {
        let tenant = Tenant::new(1000, 100);
        let mut guest = tenant.guest();
        guest.state().wasi.filesystem().table.set_max_capacity(CAPACITY);
        let mut open = Vec::new();
        let refused = loop {
            assert!(open.len() <= CAPACITY, "nothing bounds what is open");
            match guest.open(layer, &format!("f{}", open.len()), NEW) {
                Ok(file) => open.push(file),
                Err(error) => break error,
            }
        };
        assert_eq!(refused, Failed::TooManyOpen);
        // What was refused made nothing, and what is given back can be used again.
        tenant.check();
        guest.close(open.pop().unwrap());
        guest.open(layer, "again", NEW).unwrap();
    }
}

#[test]
fn a_stream_keeps_an_unlinked_file_counted_after_its_descriptor_is_gone() {
    use wasmtime_wasi::filesystem::WasiFilesystemView as _;
    use wasmtime_wasi::p2::bindings::filesystem::types::HostDescriptor as _;

    let tenant = Tenant::new(1000, 100);
    let mut guest = tenant.guest();
    let file = guest.open(Layer::V0_2, "a", NEW).unwrap();
    guest.write(&file, &[1; 60], Some(0)).unwrap();
    let Open::Place(place) = file else { panic!("{file:?}") };
    let stream = guest.state().read_via_stream(wasmtime::component::Resource::new_borrow(place), 0).unwrap();
    guest.unlink(Layer::V0_2, "a").unwrap();
    guest.close(file);
    assert_eq!(tenant.volume.used(), usage(60, 0));
    guest.state().wasi.filesystem().table.delete(stream).unwrap();
    // The next change finds that nobody reads it any more.
    guest.make_directory(Layer::V0_2, "d").unwrap();
    assert_eq!(tenant.volume.used(), usage(0, 1));
}
