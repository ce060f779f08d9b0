//! `wasi_unstable`, which was before preview 1: mostly the same functions under another name.

use wasmtime::{AsContextMut, Caller, Linker};
use wasmtime_wasi::p0::wasi_unstable;

use super::inode::Inode;
use crate::sandbox::GuestState;

/// Functions that take and return the same as those of preview 1.
const SAME: [&str; 18] = [
    "fd_allocate",
    "fd_close",
    "fd_fdstat_set_flags",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pwrite",
    "fd_readdir",
    "fd_renumber",
    "fd_write",
    "path_create_directory",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "proc_exit",
];
/// Where the file's number is in a `filestat`, in bytes: behind the device's.
const NUMBER_AT: usize = 8;

/// Takes the place of the library's, with preview 1 there already. The linker must allow shadowing.
pub(super) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p0::add_to_linker_async(linker, |state: &mut GuestState| &mut state.wasi)?;
    for name in SAME {
        linker.alias("wasi_snapshot_preview1", name, "wasi_unstable", name)?;
    }
    linker.func_wrap_async("wasi_unstable", "fd_filestat_get", |mut caller, (fd, stat): (i32, i32)| {
        Box::new(async move {
            let memory = crate::sleep::memory(&mut caller)?;
            let (bytes, state) = memory.data_and_store_mut(&mut caller);
            let mut bytes = wiggle::GuestMemory::Unshared(bytes);
            let errno = wasi_unstable::fd_filestat_get(&mut state.wasi, &mut bytes, fd, stat).await?;
            show(&mut caller, errno, stat)
        })
    })?;
    linker.func_wrap_async(
        "wasi_unstable",
        "path_filestat_get",
        |mut caller, args: (i32, i32, i32, i32, i32)| {
            Box::new(async move {
                let (directory, flags, path, path_bytes, stat) = args;
                let memory = crate::sleep::memory(&mut caller)?;
                let fuel = caller.as_context_mut().hostcall_fuel();
                let (bytes, state) = memory.data_and_store_mut(&mut caller);
                wasi_unstable::WasiUnstable::set_hostcall_fuel(&mut state.wasi, fuel);
                let mut bytes = wiggle::GuestMemory::Unshared(bytes);
                let wasi = &mut state.wasi;
                let errno = wasi_unstable::path_filestat_get(
                    wasi, &mut bytes, directory, flags, path, path_bytes, stat,
                )
                .await?;
                show(&mut caller, errno, stat)
            })
        },
    )?;
    Ok(())
}

/// Puts the number that guests are shown in the place of the host's.
fn show(caller: &mut Caller<'_, GuestState>, errno: i32, stat: i32) -> wasmtime::Result<i32> {
    let memory = crate::sleep::memory(caller)?;
    let (bytes, state) = memory.data_and_store_mut(caller);
    let at = stat.cast_unsigned() as usize + NUMBER_AT;
    // The library has just written it there, unless it failed. A stream that is no file has number 0.
    if errno == 0
        && let Some(number) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut)
        && *number != [0; 8]
    {
        let inode = Inode::from_metadata_hash(u64::from_le_bytes(*number));
        *number = state.files.key().number(inode).to_le_bytes();
    }
    Ok(errno)
}
