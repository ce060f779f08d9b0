//! Rewritten modules against the originals.

use proptest::prelude::*;
use wasmtime::{Config, Engine, Instance, Module as Compiled, Store};

use super::*;

/// Small pieces, so that small memories show all cases.
const PIECE: u32 = 16;

/// `fill`, `copy`, `init` and `over` (from one memory to another) with two memories of a page each.
fn guest(memory64: bool) -> Vec<u8> {
    let (ty, memory) = if memory64 { ("i64", "i64 ") } else { ("i32", "") };
    let data = (0..200).map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let text = format!(
        r#"(module
        (memory (export "m") {memory}1) (memory (export "n") {memory}1)
        (data (memory 0) ({ty}.const 0) "{data}") (data $d "{data}")
        (func (export "fill") (param {ty} i32 {ty}) (local f32 v128 {ty})
            local.get 0 local.get 1 local.get 2 local.tee 5 memory.fill
            (if ({ty}.ne (local.get 5) (local.get 2)) (then unreachable)))
        (func (export "copy") (param {ty} {ty} {ty}) local.get 0 local.get 1 local.get 2 memory.copy)
        (func (export "over") (param {ty} {ty} {ty}) local.get 0 local.get 1 local.get 2 memory.copy 1 0)
        (func (export "init") (param {ty} i32 i32) local.get 0 local.get 1 local.get 2 memory.init $d))"#
    );
    wat::parse_str(text).unwrap()
}

struct Run {
    store: Store<()>,
    instance: Instance,
}

impl Run {
    #[expect(clippy::disallowed_methods, reason = "no guest of a tenant")]
    fn new(engine: &Engine, wasm: &[u8]) -> Self {
        let module = Compiled::new(engine, wasm).unwrap();
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        Self { store, instance }
    }

    fn call(&mut self, name: &str, wide: [bool; 3], values: [u64; 3]) -> Result<(), String> {
        let values: Vec<_> = values
            .iter()
            .zip(wide)
            .map(|(&value, wide)| match wide {
                true => wasmtime::Val::I64(value.cast_signed()),
                false => wasmtime::Val::I32((value as u32).cast_signed()),
            })
            .collect();
        self.call_with(name, &values)
    }

    fn call_with(&mut self, name: &str, values: &[wasmtime::Val]) -> Result<(), String> {
        let function = self.instance.get_func(&mut self.store, name).unwrap();
        let called = function.call(&mut self.store, values, &mut []);
        called.map_err(|error| error.root_cause().to_string())
    }

    fn memory(&mut self, name: &str) -> Vec<u8> {
        self.instance.get_memory(&mut self.store, name).unwrap().data(&self.store).to_vec()
    }
}

fn engine() -> Engine {
    let mut config = Config::new();
    config.wasm_memory64(true).wasm_multi_memory(true);
    Engine::new(&config).unwrap()
}

/// Near the ends of pieces, of the memory and of all addresses, and anything between.
fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..300_u64,
        2 => 65_536 - 100..65_536 + 20_u64,
        1 => (1_u64 << 32) - 40..(1_u64 << 32),
        1 => u64::MAX - 40..=u64::MAX,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn pieces_do_what_the_whole_does(
        memory64 in any::<bool>(),
        name in prop_oneof![Just("fill"), Just("copy"), Just("over"), Just("init"), Just("copy")],
        values in [value(), value(), value()],
    ) {
        let (engine, wasm) = (engine(), guest(memory64));
        let wide = match name {
            "fill" => [memory64, false, memory64],
            "init" => [memory64, false, false],
            _ => [memory64; 3],
        };
        let mut whole = Run::new(&engine, &wasm);
        let mut parts = Run::new(&engine, &in_pieces(&wasm, PIECE).unwrap());
        let (one, other) = (whole.call(name, wide, values), parts.call(name, wide, values));
        prop_assert_eq!(&one, &other);
        if one.is_ok() {
            prop_assert!(whole.memory("m") == parts.memory("m") && whole.memory("n") == parts.memory("n"));
        }
    }
}

#[test]
fn what_is_known_to_be_small_stays_as_it_is() {
    let only_small = r#"(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 1) (i32.const 16))))"#;
    let wasm = wat::parse_str(only_small).unwrap();
    assert!(in_pieces(&wasm, PIECE).unwrap() == wasm);
    assert!(in_pieces(&wasm, PIECE - 1).unwrap() != wasm);
}

/// Makes an array of `$elements` and answers how long it is.
fn arrays(element: &str, make: &str) -> Vec<u8> {
    let text = format!(
        r#"(module (type $a (array (mut {element})))
        (func (export "make") (param $elements i32) (result i32) {make}))"#
    );
    wat::parse_str(text).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "no guest of a tenant")]
fn make(wasm: &[u8], elements: u32) -> Result<u32, String> {
    let engine = Engine::default();
    let module = Compiled::new(&engine, wasm).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let function = instance.get_typed_func::<u32, u32>(&mut store, "make").unwrap();
    function.call(&mut store, elements).map_err(|error| error.root_cause().to_string())
}

#[test]
fn an_array_is_as_large_as_it_may_be_and_no_larger() {
    for (element, value, bytes) in [
        ("i8", "i32.const 7", 1),
        ("i16", "i32.const 7", 2),
        ("i64", "i64.const 7", 8),
        ("anyref", "ref.null any", 8),
    ] {
        for made in [
            format!("(array.len (array.new $a ({value}) (local.get $elements)))"),
            "(array.len (array.new_default $a (local.get $elements)))".to_owned(),
        ] {
            let wasm = in_pieces(&arrays(element, &made), PIECE).unwrap();
            let most = MAX_ARRAY_BYTES / bytes;
            for few in [0, 1, 100, most] {
                assert_eq!(make(&wasm, few), Ok(few), "{element}");
            }
            for many in [most + 1, 1 << 31, u32::MAX] {
                assert_eq!(make(&wasm, many), Err("wasm trap: allocation size too large".to_owned()));
            }
        }
    }
    let known = arrays("i8", "(array.len (array.new_default $a (i32.const 100)))");
    assert!(in_pieces(&known, PIECE).unwrap() == known);
}

#[test]
fn arrays_in_constant_expressions_are_counted_together() {
    let module = |arrays: &str| {
        let text = format!("(module (type $a (array (mut i64))) {arrays})");
        in_pieces(&wat::parse_str(text).unwrap(), PIECE)
    };
    let global = |length: &str| format!("(global (ref $a) (array.new_default $a {length}))");
    let half = global(&format!("(i32.const {})", MAX_ARRAY_BYTES / 16));
    assert!(module(&half.repeat(2)).is_ok());
    assert!(matches!(module(&half.repeat(3)), Err(BulkError::Unsupported(_))));
    let table = format!("(table 1 1 (ref null $a) (array.new_default $a (i32.const {})))", MAX_ARRAY_BYTES);
    assert!(matches!(module(&table), Err(BulkError::Unsupported(_))));
    let computed = global("(i32.mul (i32.const 4096) (i32.const 65536))");
    assert!(matches!(module(&computed), Err(BulkError::Unsupported(_))));
}

#[test]
fn memories_of_both_kinds_and_functions_full_of_locals_are_done_in_pieces() {
    let (engine, full) = (engine(), MAX_LOCALS - 2);
    let text = format!(
        r#"(module (memory $m (export "m") 1) (memory $n (export "n") i64 1)
        (func (export "both") (param i32 i64) (local v128)
            (memory.fill $m (i32.const 3) (i32.const 1) (local.get 0)) (memory.fill $n (i64.const 3) (i32.const 1) (local.get 1))
            (loop (memory.copy $n $n (i64.const 9) (i64.const 0) (local.get 1))
                (memory.copy $m $m (i32.const 9) (i32.const 0) (local.get 0))))
        (func (export "full") (param i32 i64) (local {})
            (memory.fill $m (i32.const 3) (i32.const 1) (local.get 0)) (memory.fill $n (i64.const 3) (i32.const 1) (local.get 1)))
        (func (export "dead") (param i32 i64) return memory.fill $m memory.copy $n $n))"#,
        "i64 ".repeat(full as usize)
    );
    let wasm = wat::parse_str(text).unwrap();
    let (mut whole, mut parts) =
        (Run::new(&engine, &wasm), Run::new(&engine, &in_pieces(&wasm, PIECE).unwrap()));
    for (name, values) in
        [("both", [7, 400]), ("both", [400, 7]), ("full", [500, 3]), ("full", [3, 500]), ("dead", [1, 1])]
    {
        for run in [&mut whole, &mut parts] {
            run.call_with(name, &[wasmtime::Val::I32(values[0]), wasmtime::Val::I64(i64::from(values[1]))])
                .unwrap();
        }
        assert!(whole.memory("m") == parts.memory("m") && whole.memory("n") == parts.memory("n"), "{name}");
    }
}

#[test]
fn modules_in_components_are_rewritten_too() {
    let inner = r#"(core module (memory 1)
        (func (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0))))"#;
    let wasm = wat::parse_str(format!("(component (component {inner}) {inner})")).unwrap();
    let rewritten = in_pieces(&wasm, PIECE).unwrap();
    let functions = |bytes: &[u8]| {
        let parsed = Parser::new(0).parse_all(bytes);
        let counts = parsed.map(|payload| match payload.unwrap() {
            Payload::FunctionSection(section) => section.count(),
            _ => 0,
        });
        counts.sum::<u32>()
    };
    assert_eq!((functions(&wasm), functions(&rewritten)), (2, 4));
    wasmtime::component::Component::new(&engine(), &rewritten).unwrap();
}

#[test]
fn names_and_other_sections_are_kept_and_places_in_the_code_dropped() {
    let text = r#"(module (@custom "metadata.code.branch_hint" "\00") (@custom "mine" "kept")
        (memory 1) (func $named (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0))))"#;
    let rewritten = in_pieces(&wat::parse_str(text).unwrap(), PIECE).unwrap();
    let found = |text: &[u8]| rewritten.windows(text.len()).any(|window| window == text);
    assert!(found(b"mine") && found(b"kept") && found(b"named") && !found(b"branch_hint"));
}

#[test]
fn what_cannot_be_read_is_refused() {
    let wasm = guest(false);
    let last_section = wasm.len() - 1;
    assert!(in_pieces(&wasm[..last_section], PIECE).is_err());
    let mut deep = wat::parse_str("(component)").unwrap();
    for _ in 0..102 {
        let mut around = deep[..8].to_vec();
        push_section(&mut around, COMPONENT, &deep);
        deep = around;
    }
    assert!(matches!(in_pieces(&deep, PIECE), Err(BulkError::Unsupported(_))));
}
