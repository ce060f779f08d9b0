//! The filesystem of components: our functions take the place of the library's in its linker.

use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::p2::bindings::filesystem as v0_2;
use wasmtime_wasi::p3::bindings::filesystem as v0_3;

use crate::sandbox::GuestState;

/// The guest's state, as the generated functions reach it.
pub(super) struct Filesystem;

impl HasData for Filesystem {
    type Data<'a> = &'a mut GuestState;
}

/// Takes the place of the library's filesystem. The linker must allow shadowing.
pub(crate) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    v0_2::types::add_to_linker::<GuestState, Filesystem>(linker, |state| state)?;
    v0_2::preopens::add_to_linker::<GuestState, Filesystem>(linker, |state| state)?;
    v0_3::types::add_to_linker::<GuestState, Filesystem>(linker, |state| state)?;
    v0_3::preopens::add_to_linker::<GuestState, Filesystem>(linker, |state| state)
}
