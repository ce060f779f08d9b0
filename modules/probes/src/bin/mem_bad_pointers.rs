//! Hands the host addresses outside the guest's memory, and lengths that wrap around: the attack that its argument numbers.
#![expect(unsafe_code, reason = "addresses that are none are what this guest is for")]

use probes::{number, refused};
use wasi::{Ciovec, Errno};

fn main() {
    let attack = number(0);
    refused(format_args!("attack {attack}"), hand_over(attack));
}

fn hand_over(attack: u64) -> Result<(), Errno> {
    let end = core_pages() << 16;
    let at = |address: usize| std::ptr::with_exposed_provenance_mut::<u8>(address);
    let write = |address: usize, length: usize| {
        // SAFETY: none; the sandbox has to stop this, here and below.
        unsafe { wasi::fd_write(1, &[Ciovec { buf: at(address), buf_len: length }]) }.map(drop)
    };
    match attack {
        0 => write(end, 1),
        1 => write(end - 1, 2),
        2 => write(16, usize::MAX),
        3 => write(usize::MAX, 1),
        4 => {
            let vectors = at(usize::MAX - 7).cast::<Ciovec>();
            unsafe { wasi::fd_write(1, std::slice::from_raw_parts(vectors, 1)) }.map(drop)
        }
        5 => {
            // As many vectors as fit an integer of half the size; the host may not multiply carelessly.
            let vectors = at(8).cast::<Ciovec>();
            unsafe { wasi::fd_write(1, std::slice::from_raw_parts(vectors, (1 << 28) - 1)) }.map(drop)
        }
        6 => unsafe { wasi::random_get(at(end - 8), 16) },
        7 => unsafe { wasi::random_get(at(usize::MAX), 1) },
        8 => unsafe { wasi::poll_oneoff(at(end - 47).cast(), at(8).cast(), 1) }.map(drop),
        9 => unsafe { wasi::args_get(at(end - 2).cast(), at(end - 1)) },
        _ => unsafe { wasi::path_open(3, 0, text(at(end - 2), 4), 0, 0, 0, 0) }.map(drop),
    }
}

/// A path that reaches outside. Nothing here looks at it.
fn text(start: *mut u8, length: usize) -> &'static str {
    unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(start, length)) }
}

/// Pages of the guest's memory.
fn core_pages() -> usize {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size(0);
    #[cfg(not(target_arch = "wasm32"))]
    return 0;
}
