//! The WASI filesystem that keeps a tenant's quota: thin layers for preview 1, 0.2 and 0.3 over one core.
//!
//! Each layer implements the interface the library generates, and delegates to the library what it asks for. Around an
//! operation that changes what the tenant's directory takes, [`Guard`](guard::Guard) holds the lock of the tenant's
//! [`Volume`]: it looks, reserves the growth, lets the library do it, and settles the exact difference. File calls stay
//! on the thread, so the library is done at the first poll and nothing waits while the lock is held.

mod at_once;
mod component;
mod component_listing;
mod file_key;
mod guard;
mod inode;
mod listing;
mod open_file;
mod preview1;
mod preview1_listing;
mod remove;
mod run_files;
#[cfg(test)]
mod tests;
mod unstable;
mod v0_2;
mod v0_2_stream;
mod v0_3;
mod v0_3_stream;
mod volume;
mod walk;

pub use inode::Inode;
pub use open_file::OpenFile;
pub use remove::{look_at, remove_tree};
pub use volume::{Change, Held, Look, LookKind, Volume, VolumeFull, VolumeLimits, VolumeUsage};
pub use walk::{WalkEnded, walk};

pub(crate) use component::add_to_linker as add_components_to_linker;
pub(crate) use file_key::FileKey;
pub(crate) use preview1::begin as begin_preview1;
pub(crate) use run_files::RunFiles;

/// Adds preview 1, and `wasi_unstable` before it. The linker must allow shadowing.
pub(crate) fn add_preview1_to_linker(
    linker: &mut wasmtime::Linker<crate::sandbox::GuestState>,
) -> wasmtime::Result<()> {
    preview1::add_to_linker(linker)?;
    unstable::add_to_linker(linker)
}
