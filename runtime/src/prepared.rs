//! A module that is compiled, loaded and linked: ready to be instantiated many times.

use wasmtime::{ExternType, InstancePre, Module, component};
use wasmtime_wasi::{p2, p3};
use wasmtime_wasi_http::handler::ProxyPre;

use crate::engine::{Flavour, Metering};
use crate::module::{EntryPoint, ModuleError, ModuleInfo, ModuleKind, WasiVersion};
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
    Http(ProxyPre<GuestState>),
}

impl Prepared {
    /// Size of the compiled code in bytes.
    #[must_use]
    pub fn code_bytes(&self) -> u64 {
        self.code_bytes
    }

    /// Loads and links compiled code.
    pub(crate) fn link(
        flavour: &Flavour,
        metering: Metering,
        info: &ModuleInfo,
        code: &TrustedCode<'_>,
        code_bytes: u64,
    ) -> Result<Self, ModuleError> {
        let host = |error: wasmtime::Error| ModuleError::Host { reason: error.root_cause().to_string() };
        let program = match (info.kind, info.entry) {
            (ModuleKind::Core, _) => {
                let module = code.load_module(&flavour.engine).map_err(host)?;
                check_entry_point(&module)?;
                let linker = flavour.linkers.preview1().map_err(host)?;
                Program::Preview1(linker.instantiate_pre(&module).map_err(unlinkable)?)
            }
            (ModuleKind::Component, entry) => {
                let component = code.load_component(&flavour.engine).map_err(host)?;
                let linker = flavour.linkers.components().map_err(host)?;
                let instance = linker.instantiate_pre(&component).map_err(unlinkable)?;
                match entry {
                    EntryPoint::Command => Self::command(instance, info.wasi)?,
                    EntryPoint::Http => Self::server(instance, info.wasi)?,
                }
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

impl Prepared {
    fn server(
        instance: component::InstancePre<GuestState>,
        wasi: WasiVersion,
    ) -> Result<Program, ModuleError> {
        use wasmtime_wasi_http::{p2, p3};
        let no_entry =
            |_| ModuleError::NoEntryPoint { expected: "the exported HTTP handler has another type" };
        Ok(Program::Http(match wasi {
            WasiVersion::V0_3 => ProxyPre::P3(p3::bindings::ServicePre::new(instance).map_err(no_entry)?),
            _ => ProxyPre::P2(p2::bindings::ProxyPre::new(instance).map_err(no_entry)?),
        }))
    }
}

/// Commands of preview 1 start at `_start`, which takes and returns nothing (WASI application ABI).
fn check_entry_point(module: &Module) -> Result<(), ModuleError> {
    match module.get_export("_start") {
        Some(ExternType::Func(start)) if start.params().len() == 0 && start.results().len() == 0 => Ok(()),
        _ => Err(ModuleError::NoEntryPoint {
            expected: "`_start` of a core module must be a function that takes and returns nothing",
        }),
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
