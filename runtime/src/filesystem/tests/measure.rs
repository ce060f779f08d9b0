//! What the quota costs, on the thread. Run with `--run-ignored only --no-capture`.

#![expect(clippy::print_stdout, reason = "measurements are printed")]

use std::time::Instant;

use super::guest::{Flags, Guest, Layer};
use super::{Tenant, usage};
use crate::grant::Access;

const WRITES: u64 = 20_000;
const FILES: u64 = 5_000;
const BLOCK: [u8; 4096] = [7; 4096];

#[test]
#[ignore = "a measurement"]
fn what_the_quota_costs() {
    for layer in [Layer::Preview1, Layer::V0_2] {
        for round in 0..3 {
            for quota in [false, true] {
                let tenant = Tenant::new(u64::MAX, u64::MAX);
                let volume = quota.then(|| tenant.volume.clone());
                let mut guest = Guest::new(&tenant.root(), Access::ReadWrite, volume);
                let new = Flags { write: true, create: true, ..Flags::default() };
                let file = guest.open(layer, "a", new).unwrap();
                let started = Instant::now();
                for number in 0..WRITES {
                    guest.write(&file, &BLOCK, Some(number % 256 * 4096)).unwrap();
                }
                let write_ns = started.elapsed().as_nanos() / u128::from(WRITES);
                guest.close(file);
                let started = Instant::now();
                for _ in 0..FILES {
                    let file = guest.open(layer, "b", new).unwrap();
                    guest.close(file);
                    guest.unlink(layer, "b").unwrap();
                }
                let create_ns = started.elapsed().as_nanos() / u128::from(FILES);
                println!(
                    "{layer:?}, round {round}, quota {quota}: 4 KiB write {write_ns} ns, create and unlink {create_ns} ns"
                );
                if quota {
                    assert_eq!(tenant.volume.used(), usage(256 * 4096, 1));
                }
            }
        }
    }
}
