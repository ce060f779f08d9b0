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
fn of_two_entry_points_the_newer_one_is_called() {
    for names in [["wasi:cli/run@0.2.6", "wasi:cli/run@0.3.0"], ["wasi:cli/run@0.3.0", "wasi:cli/run@0.2.6"]]
    {
        let [one, other] = names.map(|name| format!(r#"(export "{name}" (instance $run))"#));
        let info = inspect_wat(&format!("(component (instance $run) {one} {other})")).unwrap();
        assert_eq!(info.wasi, WasiVersion::V0_3, "{names:?}");
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

#[test]
fn many_small_things_are_counted_together() {
    let pages = |text: &str| inspect_wat(&format!("(module {text} (func (export \"_start\")))"));
    // Each is within the bound, and the sum is not.
    let error = pages("(memory 5000) (memory 5000)").unwrap_err();
    assert!(matches!(error, ModuleError::TooLarge { what: "the initial memory in bytes", .. }), "{error:?}");
    let error = pages(&"(memory 0)".repeat(17)).unwrap_err();
    assert!(
        matches!(error, ModuleError::TooLarge { what: "the number of memories", actual: 17, .. }),
        "{error:?}"
    );
    let error = pages(&"(table 0 funcref)".repeat(65)).unwrap_err();
    assert!(matches!(error, ModuleError::TooLarge { what: "the number of tables", .. }), "{error:?}");
    let nested = format!("{}{}", "(component ".repeat(17), ")".repeat(17));
    let error = inspect_wat(&nested).unwrap_err();
    assert!(
        matches!(error, ModuleError::TooLarge { what: "the depth of nested components", .. }),
        "{error:?}"
    );
    let bounds = ModuleBounds { items: 1000, ..ModuleBounds::default() };
    let globals =
        format!("(module {} (func (export \"_start\")))", "(global i32 (i32.const 0))".repeat(1000));
    let error = inspect(&wat::parse_str(globals).unwrap(), &bounds).unwrap_err();
    assert!(matches!(error, ModuleError::TooLarge { what: "the number of definitions", .. }), "{error:?}");
}

#[test]
fn a_page_size_beyond_all_numbers_is_refused() {
    // A memory of one page with a page size of two to the power of 100.
    let bytes = b"\0asm\x01\0\0\0\x05\x04\x01\x08\x01\x64";
    assert!(inspect(bytes, &ModuleBounds::default()).is_err());
}

/// Binaries to start from: a command, a component in components, and one of many kinds of sections.
fn seeds() -> Vec<Vec<u8>> {
    let many = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
        (type (struct (field i32))) (table 4 funcref) (memory 1 9) (memory 2) (global (mut i32) (i32.const 1))
        (tag (param i32)) (elem (i32.const 0) func $f) (data "abc") (data (i32.const 3) "x") (start $f)
        (func $f (local i32 i64) (block (br_table 0 0 0 (i32.const 1)))) (export "_start" (func $f)))"#;
    let component = r#"(component (component (component (core module (func (export "f")))))
        (type (func)) (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f"))) (export "g" (func $f)))"#;
    [COMMAND, many, component].iter().map(|text| wat::parse_str(text).unwrap()).collect()
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4000))]

    #[test]
    fn mutated_binaries_are_read_or_refused_and_never_panic(
        seed in 0..3_usize,
        changes in proptest::collection::vec((0..4000_usize, proptest::prelude::any::<u8>(), 0..4_u8), 0..12),
    ) {
        let mut bytes = seeds().swap_remove(seed);
        for (at, byte, kind) in changes {
            let at = at % bytes.len();
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); bytes.push(byte); }
                // A length or a count that says much more than there is.
                _ => { bytes.splice(at..=at, [0xff, 0xff, 0xff, 0xff, byte & 0x0f]); }
            }
        }
        let _ = inspect(&bytes, &ModuleBounds::default());
    }

    #[test]
    fn whatever_follows_the_magic_is_read_or_refused(
        component in proptest::prelude::any::<bool>(),
        rest in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
    ) {
        let mut bytes = b"\0asm".to_vec();
        bytes.extend(if component { [0x0d, 0, 1, 0] } else { [1, 0, 0, 0] });
        bytes.extend(rest);
        let _ = inspect(&bytes, &ModuleBounds::default());
    }
}
