//! How far each tenant's log was durable, in a small file beside the database.
//!
//! A damaged database may open with an older state of itself: lines that were acknowledged are gone, and nothing in it says
//! so. What this file remembers is then ahead of the log, and the lines in between are known to be lost. It is written after
//! each commit, so it is never ahead of what was durable.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use parking_lot::Mutex;

use super::StoreError;
use crate::ids::TenantId;

const FILE: &str = "log-marks";
/// A checksum of the rest, a sequence number, the tenant's id, zeros.
const SLOT_BYTES: usize = 64;
const SEQ_AT: usize = 4;
const TENANT_AT: usize = 12;

/// The marks of all tenants.
pub(super) struct LogMarks {
    file: File,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    of_tenant: HashMap<TenantId, (u64, u64)>,
    count: u64,
    free: Vec<u64>,
}

impl LogMarks {
    /// Reads the marks of a data directory. One that cannot be read counts as absent. Blocks.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let attempt = "open the marks of the logs";
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = file.open(dir.join(FILE)).map_err(StoreError::io(attempt))?;
        let bytes = std::fs::read(dir.join(FILE)).map_err(StoreError::io(attempt))?;
        let mut slots = Slots::default();
        for slot in bytes.chunks(SLOT_BYTES) {
            match read_slot(slot) {
                Some((tenant, seq)) => drop(slots.of_tenant.insert(tenant, (slots.count, seq))),
                None => slots.free.push(slots.count),
            }
            slots.count += 1;
        }
        Ok(Self { file, slots: Mutex::new(slots) })
    }

    /// The last line known to have been durable; 0 when none is.
    pub(super) fn get(&self, tenant: &TenantId) -> u64 {
        self.slots.lock().of_tenant.get(tenant).map_or(0, |(_, seq)| *seq)
    }

    /// Remembers that lines up to this one are durable. Not flushed: a crash of the machine may forget it, which only
    /// means that less is known.
    pub(super) fn set(&self, tenant: &TenantId, seq: u64) -> Result<(), StoreError> {
        let mut slots = self.slots.lock();
        let at = match slots.of_tenant.get(tenant) {
            Some((at, _)) => *at,
            None => slots.free.pop().unwrap_or_else(|| {
                slots.count += 1;
                slots.count - 1
            }),
        };
        slots.of_tenant.insert(tenant.clone(), (at, seq));
        self.write(at, &slot(tenant, seq))
    }

    /// Forgets a tenant.
    pub(super) fn remove(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let mut slots = self.slots.lock();
        let Some((at, _)) = slots.of_tenant.remove(tenant) else { return Ok(()) };
        slots.free.push(at);
        self.write(at, &[0; SLOT_BYTES])
    }

    fn write(&self, at: u64, slot: &[u8; SLOT_BYTES]) -> Result<(), StoreError> {
        let written = self.file.write_all_at(slot, at * SLOT_BYTES as u64);
        written.map_err(StoreError::io("write a mark of a log"))
    }
}

fn slot(tenant: &TenantId, seq: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[SEQ_AT..TENANT_AT].copy_from_slice(&seq.to_le_bytes());
    let name = tenant.as_str().as_bytes();
    slot[TENANT_AT..TENANT_AT + name.len()].copy_from_slice(name);
    let checksum = crc32fast::hash(&slot[SEQ_AT..]);
    slot[..SEQ_AT].copy_from_slice(&checksum.to_le_bytes());
    slot
}

fn read_slot(slot: &[u8]) -> Option<(TenantId, u64)> {
    let slot: &[u8; SLOT_BYTES] = slot.try_into().ok()?;
    let checksum = u32::from_le_bytes(slot[..SEQ_AT].try_into().ok()?);
    if checksum != crc32fast::hash(&slot[SEQ_AT..]) {
        return None;
    }
    let seq = u64::from_le_bytes(slot[SEQ_AT..TENANT_AT].try_into().ok()?);
    let name = slot[TENANT_AT..].split(|byte| *byte == 0).next()?;
    Some((std::str::from_utf8(name).ok()?.parse().ok()?, seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back_and_damaged_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let tenant = |number: u8| -> TenantId { format!("ten_{number:026}").parse().unwrap() };
        let marks = LogMarks::open(dir.path()).unwrap();
        for number in 0..5 {
            marks.set(&tenant(number), u64::from(number) + 10).unwrap();
        }
        marks.set(&tenant(3), u64::MAX).unwrap();
        marks.remove(&tenant(1)).unwrap();
        marks.set(&tenant(7), 7).unwrap();
        let mut bytes = std::fs::read(dir.path().join(FILE)).unwrap();
        assert_eq!(bytes.len(), 5 * SLOT_BYTES);
        bytes[4 * SLOT_BYTES + 9] ^= 1;
        bytes.push(0);
        std::fs::write(dir.path().join(FILE), bytes).unwrap();
        let marks = LogMarks::open(dir.path()).unwrap();
        let seqs: Vec<u64> = [0, 1, 2, 3, 4, 7].map(|number| marks.get(&tenant(number))).to_vec();
        assert_eq!(seqs, [10, 0, 12, u64::MAX, 0, 7]);
    }
}
