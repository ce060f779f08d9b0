//! A module that is compiled, loaded and linked: ready to be instantiated many times.

use wasmtime::{InstancePre, component};
use wasmtime_wasi::{p2, p3};

use crate::engine::{Flavour, Metering};
use crate::module::{ModuleError, ModuleKind, WasiVersion};
use crate::sandbox::GuestState;
use crate::trusted_code::TrustedCode;

/// A module that is ready to run.
pub struct Prepared {
    pub(crate) metering: Metering,
    pub(crate) program: Program,
    code_bytes: u64,
}

pub(crate) enum Program {
    Preview1(InstancePre<GuestState>),
    V0_2(p2::bindings::CommandPre<GuestState>),
    V0_3(p3::bindings::CommandPre<GuestState>),
}

impl Prepared {
    /// Size of the compiled code in bytes.
    #[must_use]
    pub fn code_bytes(&self) -> u64 {
        self.code_bytes
    }

    /// Loads and links compiled code. The kind and version are those of [`crate::inspect`].
    pub(crate) fn link(
        flavour: &Flavour,
        metering: Metering,
        kind: ModuleKind,
        wasi: WasiVersion,
        code: &TrustedCode<'_>,
        code_bytes: u64,
    ) -> Result<Self, ModuleError> {
        let host = |error: wasmtime::Error| ModuleError::Host { reason: error.root_cause().to_string() };
        let program = match (kind, wasi) {
            (ModuleKind::Core, _) => {
                let module = code.load_module(&flavour.engine).map_err(host)?;
                let linker = flavour.linkers.preview1().map_err(host)?;
                Program::Preview1(linker.instantiate_pre(&module).map_err(unlinkable)?)
            }
            (ModuleKind::Component, version) => {
                let component = code.load_component(&flavour.engine).map_err(host)?;
                let linker = flavour.linkers.components().map_err(host)?;
                let instance = linker.instantiate_pre(&component).map_err(unlinkable)?;
                Self::command(instance, version)?
            }
        };
        Ok(Self { metering, program, code_bytes })
    }

    fn command(
        instance: component::InstancePre<GuestState>,
        wasi: WasiVersion,
    ) -> Result<Program, ModuleError> {
        let no_entry =
            |_| ModuleError::NoEntryPoint { expected: "the export `wasi:cli/run` has another type" };
        Ok(match wasi {
            WasiVersion::V0_3 => Program::V0_3(p3::bindings::CommandPre::new(instance).map_err(no_entry)?),
            _ => Program::V0_2(p2::bindings::CommandPre::new(instance).map_err(no_entry)?),
        })
    }
}

fn unlinkable(error: wasmtime::Error) -> ModuleError {
    match error.downcast_ref::<wasmtime::UnknownImportError>() {
        Some(unknown) => {
            ModuleError::UnknownImport { name: format!("{}::{}", unknown.module(), unknown.name()) }
        }
        None => ModuleError::Invalid { reason: format!("{error:#}") },
    }
}
