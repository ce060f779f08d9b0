//! What is refused before compiling, and with which words.

use super::*;

fn inspect_wat(text: &str) -> Result<ModuleInfo, ModuleError> {
    inspect(&wat::parse_str(text).unwrap(), &ModuleBounds::default())
}

const COMMAND: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")))"#;

#[test]
fn a_command_tells_its_imports_and_what_they_need() {
    let info = inspect_wat(COMMAND).unwrap();
    assert_eq!((info.kind, info.wasi), (ModuleKind::Core, WasiVersion::Preview1));
    assert_eq!(info.imports, ["wasi_snapshot_preview1::fd_write", "wasi_snapshot_preview1::path_open"]);
    assert_eq!(info.needs, ["filesystem", "stdout"]);
}

#[test]
fn what_is_not_wasm_is_refused() {
    for bytes in [&b""[..], b"#!/bin/sh", b"PK\x03\x04", b"\x7fELF"] {
        assert_eq!(inspect(bytes, &ModuleBounds::default()), Err(ModuleError::NotWasm));
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = wat::parse_str(COMMAND).unwrap();
    for length in 1..bytes.len() {
        let error = inspect(&bytes[..length], &ModuleBounds::default()).unwrap_err();
        // A cut between two sections leaves a shorter module that lacks its entry point.
        let named = matches!(error, ModuleError::Truncated { .. } | ModuleError::NoEntryPoint { .. });
        assert!(named, "{length}: {error:?}");
    }
}

#[test]
fn an_import_nobody_provides_is_named() {
    for (text, name) in [
        (r#"(module (import "env" "system" (func)) (func (export "_start")))"#, "env::system"),
        (
            r#"(module (import "wasi_snapshot_preview1" "proc_spawn" (func)) (func (export "_start")))"#,
            "wasi_snapshot_preview1::proc_spawn",
        ),
        (r#"(module (import "env" "memory" (memory 1)) (func (export "_start")))"#, "env::memory"),
        (r#"(component (import "acme:db/query@1.0.0" (instance)))"#, "acme:db/query@1.0.0"),
    ] {
        assert_eq!(inspect_wat(text), Err(ModuleError::UnknownImport { name: name.to_owned() }));
    }
}

#[test]
fn a_library_has_no_entry_point() {
    for text in
        [r#"(module (func (export "add")))"#, "(component)", r#"(module (memory (export "_start") 1))"#]
    {
        assert_eq!(inspect_wat(text).unwrap_err().code(), "module_no_entry_point");
    }
}

#[test]
fn bounds_are_checked_before_compiling() {
    let bounds = ModuleBounds {
        size_bytes: 4096,
        functions: 3,
        memory_bytes: 1 << 20,
        table_elements: 10,
        ..Default::default()
    };
    for (text, what) in [
        ("(module (memory 17) (func (export \"_start\")))", "the initial memory in bytes"),
        ("(module (table 11 funcref) (func (export \"_start\")))", "the initial table size in elements"),
        ("(module (func) (func) (func) (func (export \"_start\")))", "the number of functions"),
    ] {
        let error = inspect(&wat::parse_str(text).unwrap(), &bounds).unwrap_err();
        assert!(matches!(error, ModuleError::TooLarge { what: found, .. } if found == what), "{error:?}");
    }
    assert_eq!(inspect(&[0; 5000], &bounds).unwrap_err().code(), "module_too_large");
}
