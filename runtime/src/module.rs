//! What a module is: checked before it is compiled, without running or compiling any of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wasmparser::{Encoding, ExternalKind, Parser, Payload, TypeRef};

/// Tables of one run.
pub(crate) const MAX_TABLES: usize = 64;
/// Memories of one run.
pub(crate) const MAX_MEMORIES: usize = 16;

/// A core module or a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModuleKind {
    /// A core WebAssembly module.
    Core,
    /// A component.
    Component,
}

/// The version of WASI a module is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WasiVersion {
    /// `wasi_snapshot_preview1` (and its predecessor `wasi_unstable`).
    #[serde(rename = "preview1")]
    Preview1,
    /// WASI 0.2.
    #[serde(rename = "0.2")]
    V0_2,
    /// WASI 0.3.
    #[serde(rename = "0.3")]
    V0_3,
}

/// How a module is entered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryPoint {
    /// As a command: `_start` or `wasi:cli/run`.
    #[default]
    Command,
    /// For each HTTP request: `wasi:http/incoming-handler` 0.2 or `wasi:http/handler` 0.3.
    Http,
}

/// What a module turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// Core module or component.
    pub kind: ModuleKind,
    /// The WASI version it is written for.
    pub wasi: WasiVersion,
    /// How it is entered.
    #[serde(default)]
    pub entry: EntryPoint,
    /// `module::name` for a core module, interface names for a component; sorted.
    pub imports: Vec<String>,
    /// What the imports imply, of `filesystem`, `network`, `http`, `clock`, `random`, `environment`, `stdin`, `stdout`.
    pub needs: Vec<String>,
}

/// Bounds checked before a module is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleBounds {
    /// Size of the binary in bytes.
    pub size_bytes: u64,
    /// Functions in all core modules of the binary.
    pub functions: u32,
    /// Size of the largest function body in bytes.
    pub function_bytes: u32,
    /// Sum of the initial sizes of all memories in bytes.
    pub memory_bytes: u64,
    /// Sum of the initial sizes of all tables in elements.
    pub table_elements: u64,
    /// Memories of all core modules; no run may have more.
    pub memories: u32,
    /// Tables of all core modules; no run may have more.
    pub tables: u32,
    /// Core modules nested in a component.
    pub nested_modules: u32,
    /// Components nested in one another.
    pub depth: u32,
    /// Types, imports, exports, globals, segments, instances and names of whatever kind, of all modules together.
    pub items: u32,
}

impl Default for ModuleBounds {
    fn default() -> Self {
        Self {
            size_bytes: 64 << 20,
            functions: 200_000,
            function_bytes: 4 << 20,
            memory_bytes: 512 << 20,
            table_elements: 1 << 20,
            memories: MAX_MEMORIES as u32,
            tables: MAX_TABLES as u32,
            nested_modules: 64,
            depth: 16,
            items: 1_000_000,
        }
    }
}

/// Why a module is refused. Each has a stable [`ModuleError::code`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// The first bytes are not those of WebAssembly.
    #[error("this is not a WebAssembly binary: it does not start with `\\0asm`")]
    NotWasm,
    /// The binary ends too early.
    #[error("the binary is cut off at byte {offset}")]
    Truncated {
        /// Where it ends, in bytes.
        offset: u64,
    },
    /// The binary breaks the format or a rule of validation.
    #[error("the binary is not valid WebAssembly: {reason}")]
    Invalid {
        /// The engine's words.
        reason: String,
    },
    /// It has no entry point.
    #[error("there is no entry point: {expected}; a library cannot be run as a command")]
    NoEntryPoint {
        /// What was looked for.
        expected: &'static str,
    },
    /// It imports what the host does not provide.
    #[error("the host does not provide the import `{name}`")]
    UnknownImport {
        /// The import.
        name: String,
    },
    /// It is over one of the bounds.
    #[error("{what} is {actual}, more than the {bound} allowed")]
    TooLarge {
        /// What was measured, with its unit.
        what: &'static str,
        /// How much there is.
        actual: u64,
        /// How much there may be.
        bound: u64,
    },
    /// Compiling took more time or memory than allowed.
    #[error("compiling needs more than the {what} allowed")]
    CompileLimit {
        /// The limit.
        what: String,
    },
    /// The host could not compile it; not the module's fault.
    #[error("the host could not compile the module: {reason}")]
    Host {
        /// What went wrong.
        reason: String,
    },
}

impl ModuleError {
    /// The stable code of the API.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotWasm => "module_not_wasm",
            Self::Truncated { .. } => "module_truncated",
            Self::Invalid { .. } => "module_invalid",
            Self::NoEntryPoint { .. } => "module_no_entry_point",
            Self::UnknownImport { .. } => "module_unknown_import",
            Self::TooLarge { .. } => "module_too_large",
            Self::CompileLimit { .. } => "module_compile_limit",
            Self::Host { .. } => "module_compile_failed",
        }
    }
}

/// Reads what a binary is and refuses what could not run, in one pass over its sections.
///
/// # Errors
/// See [`ModuleError`]. Function bodies are not validated here but when the module is compiled.
pub fn inspect(bytes: &[u8], bounds: &ModuleBounds) -> Result<ModuleInfo, ModuleError> {
    inspect_for(EntryPoint::Command, bytes, bounds)
}

/// As [`inspect`], for a binary that is entered in a certain way.
///
/// # Errors
/// As [`inspect`]; [`ModuleError::NoEntryPoint`] when it cannot be entered so.
pub fn inspect_for(
    entry: EntryPoint,
    bytes: &[u8],
    bounds: &ModuleBounds,
) -> Result<ModuleInfo, ModuleError> {
    check("the binary's size in bytes", bytes.len() as u64, bounds.size_bytes)?;
    if bytes.len() < 4 || &bytes[..4] != b"\0asm" {
        return Err(if b"\0asm".starts_with(bytes) && !bytes.is_empty() {
            ModuleError::Truncated { offset: bytes.len() as u64 }
        } else {
            ModuleError::NotWasm
        });
    }
    let mut found = Found::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| unreadable(&error, bytes.len()))?;
        found.read(payload, bounds).map_err(|refusal| match refusal {
            Refusal::Unreadable(error) => unreadable(&error, bytes.len()),
            Refusal::Module(error) => error,
        })?;
    }
    found.finish(entry)
}

enum Refusal {
    Unreadable(wasmparser::BinaryReaderError),
    Module(ModuleError),
}

impl From<wasmparser::BinaryReaderError> for Refusal {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Unreadable(error)
    }
}

impl From<ModuleError> for Refusal {
    fn from(error: ModuleError) -> Self {
        Self::Module(error)
    }
}

fn unreadable(error: &wasmparser::BinaryReaderError, length: usize) -> ModuleError {
    // The reader marks an early end with its own message; a section that claims to reach past the end has another.
    let text = error.message();
    if text.contains("unexpected end") || text.contains("unexpected EOF") || error.offset() >= length as _ {
        return ModuleError::Truncated { offset: length as u64 };
    }
    ModuleError::Invalid { reason: format!("{text} (at offset {:#x})", error.offset()) }
}

fn check(what: &'static str, actual: u64, bound: u64) -> Result<(), ModuleError> {
    if actual > bound { Err(ModuleError::TooLarge { what, actual, bound }) } else { Ok(()) }
}

#[derive(Default)]
struct Found {
    component: bool,
    depth: u32,
    modules: u32,
    functions: u64,
    memory_bytes: u64,
    table_elements: u64,
    memories: u64,
    tables: u64,
    items: u64,
    imports: BTreeSet<String>,
    start_function: bool,
    run_interface: Option<WasiVersion>,
    http_interface: Option<WasiVersion>,
}

impl Found {
    fn read(&mut self, payload: Payload<'_>, bounds: &ModuleBounds) -> Result<(), Refusal> {
        self.items += u64::from(items(&payload));
        check("the number of definitions", self.items, bounds.items.into())?;
        match payload {
            Payload::Version { encoding, .. } => {
                if self.depth == 0 {
                    self.component = encoding == Encoding::Component;
                }
                self.depth += 1;
                check("the depth of nested components", self.depth.into(), bounds.depth.into())?;
                if encoding == Encoding::Module {
                    self.modules += 1;
                    check("the number of nested modules", self.modules.into(), bounds.nested_modules.into())?;
                }
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::ImportSection(section) if self.depth == 1 => {
                for import in section.into_imports() {
                    let import = import?;
                    self.core_import(import.module, import.name, import.ty)?;
                }
            }
            Payload::ExportSection(section) if self.depth == 1 => {
                for export in section {
                    let export = export?;
                    self.start_function |= export.name == "_start" && export.kind == ExternalKind::Func;
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory?;
                    // What is no page size is refused when the module is validated; until then it is a huge one.
                    let log2 = memory.page_size_log2.unwrap_or(16);
                    let bytes = memory.initial.saturating_mul(1_u64.checked_shl(log2).unwrap_or(u64::MAX));
                    self.memory_bytes = self.memory_bytes.saturating_add(bytes);
                    self.memories += 1;
                }
                check("the number of memories", self.memories, bounds.memories.into())?;
                check("the initial memory in bytes", self.memory_bytes, bounds.memory_bytes)?;
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.table_elements = self.table_elements.saturating_add(table?.ty.initial);
                    self.tables += 1;
                }
                check("the number of tables", self.tables, bounds.tables.into())?;
                check("the initial table size in elements", self.table_elements, bounds.table_elements)?;
            }
            Payload::FunctionSection(section) => {
                self.functions += u64::from(section.count());
                check("the number of functions", self.functions, bounds.functions.into())?;
            }
            Payload::CodeSectionEntry(body) => {
                let bytes = body.range().len() as u64;
                check("the largest function in bytes", bytes, bounds.function_bytes.into())?;
            }
            Payload::ComponentImportSection(section) if self.depth == 1 => {
                for import in section {
                    self.component_import(import?.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) if self.depth == 1 => {
                for export in section {
                    self.component_export(export?.name.name);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn core_import(&mut self, module: &str, name: &str, ty: TypeRef) -> Result<(), ModuleError> {
        let full = format!("{module}::{name}");
        let known = matches!(ty, TypeRef::Func(_) | TypeRef::FuncExact(_))
            && matches!(module, "wasi_snapshot_preview1" | "wasi_unstable")
            && PREVIEW1_FUNCTIONS.contains(&name);
        if !known {
            return Err(ModuleError::UnknownImport { name: full });
        }
        self.imports.insert(full);
        Ok(())
    }

    fn component_import(&mut self, name: &str) -> Result<(), ModuleError> {
        let interface = name.split('@').next().unwrap_or(name);
        let package = interface.split('/').next().unwrap_or(interface);
        if !COMPONENT_PACKAGES.contains(&package) {
            return Err(ModuleError::UnknownImport { name: name.to_owned() });
        }
        self.imports.insert(name.to_owned());
        Ok(())
    }

    /// Of a component that has both, the newer one is called, as by other hosts: what the older one leads to may be a stub.
    fn component_export(&mut self, name: &str) {
        let Some((interface, version)) = name.split_once('@') else { return };
        match interface {
            "wasi:cli/run" if version.starts_with("0.2.") => {
                self.run_interface.get_or_insert(WasiVersion::V0_2);
            }
            "wasi:cli/run" if version.starts_with("0.3.") => self.run_interface = Some(WasiVersion::V0_3),
            "wasi:http/incoming-handler" if version.starts_with("0.2.") => {
                self.http_interface.get_or_insert(WasiVersion::V0_2);
            }
            "wasi:http/handler" if version.starts_with("0.3.") => {
                self.http_interface = Some(WasiVersion::V0_3);
            }
            _ => {}
        }
    }

    fn finish(self, entry: EntryPoint) -> Result<ModuleInfo, ModuleError> {
        let (kind, wasi) = if entry == EntryPoint::Http {
            let expected = "a component that serves must export `wasi:http/incoming-handler` 0.2 or `wasi:http/handler` 0.3";
            (ModuleKind::Component, self.http_interface.ok_or(ModuleError::NoEntryPoint { expected })?)
        } else if self.component {
            let expected = "a component must export `wasi:cli/run` 0.2 or 0.3";
            (ModuleKind::Component, self.run_interface.ok_or(ModuleError::NoEntryPoint { expected })?)
        } else if self.start_function {
            (ModuleKind::Core, WasiVersion::Preview1)
        } else {
            return Err(ModuleError::NoEntryPoint {
                expected: "a core module must export the function `_start`",
            });
        };
        let needs: BTreeSet<_> = self.imports.iter().filter_map(|import| need_of(import)).collect();
        Ok(ModuleInfo {
            kind,
            wasi,
            entry,
            needs: needs.into_iter().map(str::to_owned).collect(),
            imports: self.imports.into_iter().collect(),
        })
    }
}

/// How many definitions a section holds, whatever they are.
fn items(payload: &Payload<'_>) -> u32 {
    match payload {
        Payload::TypeSection(section) => section.count(),
        Payload::ImportSection(section) => section.count(),
        Payload::TagSection(section) => section.count(),
        Payload::GlobalSection(section) => section.count(),
        Payload::ExportSection(section) => section.count(),
        Payload::ElementSection(section) => section.count(),
        Payload::DataSection(section) => section.count(),
        Payload::InstanceSection(section) => section.count(),
        Payload::CoreTypeSection(section) => section.count(),
        Payload::ComponentInstanceSection(section) => section.count(),
        Payload::ComponentAliasSection(section) => section.count(),
        Payload::ComponentTypeSection(section) => section.count(),
        Payload::ComponentCanonicalSection(section) => section.count(),
        Payload::ComponentImportSection(section) => section.count(),
        Payload::ComponentExportSection(section) => section.count(),
        // A section for each of these, one definition a section.
        Payload::ModuleSection { .. } | Payload::ComponentSection { .. } | Payload::CustomSection(_) => 1,
        _ => 0,
    }
}

fn need_of(import: &str) -> Option<&'static str> {
    let name = import.split_once("::").map_or(import, |(_, name)| name);
    Some(match name {
        _ if name.starts_with("wasi:filesystem/") => "filesystem",
        _ if name.starts_with("wasi:sockets/") => "network",
        _ if name.starts_with("wasi:http/") => "http",
        _ if name.starts_with("wasi:clocks/") => "clock",
        _ if name.starts_with("wasi:random/") => "random",
        _ if name.starts_with("wasi:cli/environment") => "environment",
        _ if name.starts_with("wasi:cli/stdin") => "stdin",
        _ if name.starts_with("wasi:cli/std") => "stdout",
        _ if name.starts_with("path_") || name == "fd_readdir" || name.starts_with("fd_prestat") => {
            "filesystem"
        }
        _ if name.starts_with("sock_") => "network",
        _ if name.starts_with("clock_") || name == "poll_oneoff" => "clock",
        "random_get" => "random",
        _ if name.starts_with("environ_") => "environment",
        "fd_read" => "stdin",
        "fd_write" => "stdout",
        _ => return None,
    })
}

/// Packages whose interfaces the host provides to components.
const COMPONENT_PACKAGES: [&str; 7] =
    ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:http", "wasi:io", "wasi:random", "wasi:sockets"];

/// The functions of `wasi_snapshot_preview1` (WASI preview 1, witx).
const PREVIEW1_FUNCTIONS: [&str; 46] = [
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "poll_oneoff",
    "proc_exit",
    "proc_raise",
    "random_get",
    "sched_yield",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

#[cfg(test)]
#[path = "module_tests.rs"]
mod tests;
