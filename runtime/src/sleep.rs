//! `poll_oneoff` of preview 1, so that a guest that only sleeps gives its sandbox thread back.
//!
//! The library blocks the thread for a lone relative timer when file calls may stay on the thread. Nothing could end
//! such a guest, and as many of them as there are threads would stop everybody.

use std::time::Duration;

use wasmtime::{AsContextMut, Caller, Extern, Linker};
use wasmtime_wasi::p0::wasi_unstable::{self, WasiUnstable};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self, WasiSnapshotPreview1};

use crate::sandbox::GuestState;

/// Where the parts of a `subscription` are, in bytes.
struct Layout {
    tag: usize,
    timeout: usize,
    flags: usize,
    size: usize,
}

const PREVIEW1: Layout = Layout { tag: 8, timeout: 24, flags: 40, size: 48 };
/// Before it, a clock's subscription began with an identifier.
const UNSTABLE: Layout = Layout { tag: 8, timeout: 32, flags: 48, size: 56 };
/// Bytes of an `event`.
const EVENT_BYTES: usize = 32;
/// Tag of a clock's subscription, and type of its event.
const CLOCK: u8 = 0;
/// Flag of a point in time, rather than a span.
const ABSOLUTE: u8 = 1;
/// `errno.fault`: an address outside the memory.
const FAULT: i32 = 21;

/// Takes the place of both versions' `poll_oneoff`. The linker must allow shadowing.
pub(crate) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        "wasi_snapshot_preview1",
        "poll_oneoff",
        |mut caller, args: (i32, i32, i32, i32)| {
            Box::new(async move {
                if let Some(errno) = sleep(&mut caller, &PREVIEW1, args).await? {
                    return Ok(errno);
                }
                let fuel = caller.as_context_mut().hostcall_fuel();
                let memory = memory(&mut caller)?;
                let (bytes, state) = memory.data_and_store_mut(&mut caller);
                WasiSnapshotPreview1::set_hostcall_fuel(&mut state.wasi, fuel);
                let mut bytes = wiggle::GuestMemory::Unshared(bytes);
                wasi_snapshot_preview1::poll_oneoff(
                    &mut state.wasi,
                    &mut bytes,
                    args.0,
                    args.1,
                    args.2,
                    args.3,
                )
                .await
            })
        },
    )?;
    linker.func_wrap_async("wasi_unstable", "poll_oneoff", |mut caller, args: (i32, i32, i32, i32)| {
        Box::new(async move {
            if let Some(errno) = sleep(&mut caller, &UNSTABLE, args).await? {
                return Ok(errno);
            }
            let fuel = caller.as_context_mut().hostcall_fuel();
            let memory = memory(&mut caller)?;
            let (bytes, state) = memory.data_and_store_mut(&mut caller);
            WasiUnstable::set_hostcall_fuel(&mut state.wasi, fuel);
            let mut bytes = wiggle::GuestMemory::Unshared(bytes);
            wasi_unstable::poll_oneoff(&mut state.wasi, &mut bytes, args.0, args.1, args.2, args.3).await
        })
    })?;
    Ok(())
}

/// The guest's memory, as WASI finds it.
pub(crate) fn memory(caller: &mut Caller<'_, GuestState>) -> wasmtime::Result<wasmtime::Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => wasmtime::bail!("missing required memory export"),
    }
}

/// Sleeps when that is all that is asked for; the errno then.
async fn sleep(
    caller: &mut Caller<'_, GuestState>,
    layout: &Layout,
    (subscriptions, events, count, written): (i32, i32, i32, i32),
) -> wasmtime::Result<Option<i32>> {
    if count != 1 {
        return Ok(None);
    }
    let memory = memory(caller)?;
    let Some(subscription) = at(memory.data(&*caller), subscriptions, layout.size) else {
        return Ok(Some(FAULT));
    };
    if subscription[layout.tag] != CLOCK || subscription[layout.flags] & ABSOLUTE != 0 {
        return Ok(None);
    }
    let timeout_ns = number(&subscription[layout.timeout..]);
    let mut event = [0; EVENT_BYTES];
    event[..8].copy_from_slice(&subscription[..8]);
    tokio::time::sleep(Duration::from_nanos(timeout_ns)).await;
    let data = memory.data_mut(caller);
    let one = 1_u32.to_le_bytes();
    let wrote = put(data, events, &event).and_then(|()| put(data, written, &one));
    Ok(Some(if wrote.is_some() { 0 } else { FAULT }))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

/// Guests' addresses are unsigned.
fn offset(address: i32) -> usize {
    address.cast_unsigned() as usize
}

fn at(data: &[u8], address: i32, length: usize) -> Option<&[u8]> {
    data.get(offset(address)..)?.get(..length)
}

fn put(data: &mut [u8], address: i32, bytes: &[u8]) -> Option<()> {
    data.get_mut(offset(address)..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(())
}
