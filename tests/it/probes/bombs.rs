//! Modules that no assembler makes: bombs for the reader, the validator and the compiler, and what only pretends to be a module.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::{Report, Stage};
use crate::harness::{Client, Shape, binary, eventually, fixture, leb, name, section};

/// A bomb and every answer that is a clean one.
struct Bomb {
    title: &'static str,
    mechanism: &'static str,
    make: fn() -> Vec<u8>,
    /// Codes of refusals; an empty one stands for being taken.
    answers: &'static [&'static str],
}

const BOUNDS: &str = "counts and sizes are checked in one pass before anything is compiled";
const COMPILER: &str = "compiling happens in a process of its own, bounded in time and memory";
const VALIDATION: &str = "the engine's validation";
const NEVER: &str = "only what our own compiler made and the data directory's key authenticates is loaded";

const TOO_LARGE: &[&str] = &["module_too_large"];
const LIMITED: &[&str] = &["module_compile_limit", "module_invalid", ""];
const INVALID: &[&str] = &["module_invalid", "module_too_large", "module_no_entry_point"];
const NOT_WASM: &[&str] = &["module_not_wasm"];

const BOMBS: &[Bomb] = &[
    Bomb { title: "300,000 functions", mechanism: BOUNDS, make: functions, answers: TOO_LARGE },
    Bomb {
        title: "a function of 5 MB",
        mechanism: BOUNDS,
        make: || function(&[0x01; 5 << 20]),
        answers: TOO_LARGE,
    },
    Bomb {
        title: "blocks nested a million deep",
        mechanism: COMPILER,
        make: nested_blocks,
        answers: LIMITED,
    },
    Bomb {
        title: "50,000 locals in each of 2,000 functions",
        mechanism: COMPILER,
        make: locals,
        answers: LIMITED,
    },
    Bomb { title: "a branch to a million places", mechanism: COMPILER, make: branches, answers: LIMITED },
    Bomb { title: "two million types", mechanism: VALIDATION, make: types, answers: INVALID },
    Bomb { title: "a million exports", mechanism: VALIDATION, make: exports, answers: INVALID },
    Bomb { title: "200,000 data segments", mechanism: VALIDATION, make: segments, answers: INVALID },
    Bomb {
        title: "components nested 10,000 deep",
        mechanism: VALIDATION,
        make: components,
        answers: INVALID,
    },
    Bomb {
        title: "a section that claims 4 GiB",
        mechanism: BOUNDS,
        make: claims,
        answers: &["module_truncated"],
    },
    Bomb { title: "a compiled artefact", mechanism: NEVER, make: artefact, answers: NOT_WASM },
    Bomb { title: "a compressed module", mechanism: NEVER, make: compressed, answers: NOT_WASM },
];

#[tokio::test]
async fn bombs_end_with_a_clean_answer_while_the_host_goes_on() {
    let stage = Stage::set_with("[engine]\ncompile_ms = 3000\ncompile_memory_bytes = 134217728\n").await;
    let mut report = Report::new("bombs");
    let mut refused = Vec::new();
    for bomb in BOMBS {
        let client = stage.world.a.clone();
        let wasm = (bomb.make)();
        let began = Instant::now();
        let uploading = tokio::spawn(async move { client.upload(wasm).await });
        eventually("the answer to a bomb", async || {
            stage.world.anonymous.get("/healthz").await.expect(200);
            stage.neighbour().await;
            uploading.is_finished().then_some(())
        })
        .await;
        let answer = uploading.await.unwrap();
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        report.note(json!({
            "bomb": bomb.title, "mechanism": bomb.mechanism, "answer": code,
            "whole_ms": began.elapsed().as_secs_f64() * 1e3,
        }));
        let is_clean =
            bomb.answers.contains(&code.as_str()) && matches!(answer.status, 200 | 201 | 413 | 422);
        if !is_clean {
            refused.push(format!("{}: {} {}", bomb.title, answer.status, answer.text()));
        }
    }
    report.finish();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert_nothing_stays_in(&stage.world.host.data().join("uploads"));
}

#[tokio::test]
async fn compiled_code_from_the_hosts_own_cache_is_no_module() {
    let stage = Stage::set().await;
    let files = files_below(&stage.world.host.data().join("cache"));
    assert!(!files.is_empty(), "the neighbour's module was compiled");
    for file in files {
        let answer = stage.world.a.upload(std::fs::read(&file).unwrap()).await;
        answer.problem(422, "module_not_wasm");
    }
}

#[tokio::test]
async fn a_trap_in_a_function_with_an_endless_name_is_told_briefly() {
    let stage = Stage::set().await;
    let client = &stage.world.a;
    for text in ["x".repeat(4 << 20), "\u{1b}]52;c;ZXZpbA==\u{7}".repeat(1_000)] {
        client.deploy("named", named_trap(&text), json!({})).await;
        let answer = client.post("runs", json!({"command": "named", "wait": true})).await.expect(200);
        assert_eq!(answer.data()["outcome"]["kind"], "trapped");
        assert!(answer.body.len() < 64 << 10, "{} bytes about a trap", answer.body.len());
        let is_control = |byte: &u8| *byte < 0x20 && *byte != b'\n';
        assert!(!answer.body.iter().any(is_control));
        assert_brief(client).await;
    }
}

/// The list of runs is brief, too.
async fn assert_brief(client: &Client) {
    let listed = client.get("runs").await.expect(200);
    assert!(listed.body.len() < 256 << 10, "{} bytes about runs", listed.body.len());
}

fn assert_nothing_stays_in(folder: &Path) {
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// The type `() -> ()`.
fn plain_type() -> Vec<u8> {
    section(1, &[1, 0x60, 0, 0])
}

fn entry_point() -> Vec<u8> {
    section(7, b"\x01\x06_start\0\0")
}

/// A module with these function bodies, the first of which is `_start`.
fn with_bodies(count: usize, body: &[u8]) -> Vec<u8> {
    let body = [&leb(body.len())[..], body].concat();
    let declared = section(3, &[leb(count), vec![0; count]].concat());
    let code = section(10, &[leb(count), body.repeat(count)].concat());
    binary(&[plain_type(), declared, entry_point(), code])
}

/// A module of one function without locals.
fn function(instructions: &[u8]) -> Vec<u8> {
    with_bodies(1, &[&[0], instructions, &[0x0b]].concat())
}

fn functions() -> Vec<u8> {
    with_bodies(300_000, &[0, 0x0b])
}

fn nested_blocks() -> Vec<u8> {
    const DEPTH: usize = 1_000_000;
    function(&[[0x02, 0x40].repeat(DEPTH), vec![0x0b; DEPTH]].concat())
}

fn locals() -> Vec<u8> {
    with_bodies(2_000, &[&[1][..], &leb(50_000), &[0x7e, 0x0b]].concat())
}

fn branches() -> Vec<u8> {
    const TARGETS: usize = 1_000_000;
    function(&[&[0x41, 0, 0x0e][..], &leb(TARGETS), &vec![0; TARGETS], &[0]].concat())
}

fn types() -> Vec<u8> {
    const COUNT: usize = 2_000_000;
    let many = section(1, &[leb(COUNT), [0x60, 0, 0].repeat(COUNT)].concat());
    binary(&[many, section(3, &[1, 0]), entry_point(), section(10, &[1, 2, 0, 0x0b])])
}

fn exports() -> Vec<u8> {
    const COUNT: usize = 1_000_001;
    let each = |number: usize| [name(format!("e{number}").as_bytes()), vec![0, 0]].concat();
    let entry_point = [name(b"_start"), vec![0, 0]].concat();
    let exported: Vec<u8> = entry_point.into_iter().chain((1..COUNT).flat_map(each)).collect();
    let code = section(10, &[1, 2, 0, 0x0b]);
    binary(&[plain_type(), section(3, &[1, 0]), section(7, &[leb(COUNT), exported].concat()), code])
}

fn segments() -> Vec<u8> {
    const COUNT: usize = 200_000;
    // Passive and empty.
    let data = section(11, &[leb(COUNT), [1, 0].repeat(COUNT)].concat());
    let code = section(10, &[1, 2, 0, 0x0b]);
    binary(&[plain_type(), section(3, &[1, 0]), section(5, &[1, 0, 1]), entry_point(), code, data])
}

fn components() -> Vec<u8> {
    const DEPTH: usize = 10_000;
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    let mut inner = HEADER.to_vec();
    for _ in 0..DEPTH {
        inner = [HEADER, &section(4, &inner)].concat();
    }
    inner
}

fn claims() -> Vec<u8> {
    [&b"\0asm\x01\0\0\0\x0a"[..], &leb(u32::MAX as usize)].concat()
}

/// What compiled code looks like from outside: an ELF file.
fn artefact() -> Vec<u8> {
    [&b"\x7fELF\x02\x01\x01\xc8"[..], &[0; 8192]].concat()
}

fn compressed() -> Vec<u8> {
    // The header of gzip; what follows is never looked at.
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &fixture("lines", Shape::Core)].concat()
}

/// A module that traps in a function with this name.
fn named_trap(text: &str) -> Vec<u8> {
    let functions = section(1, &[&[1, 0][..], &name(text.as_bytes())].concat());
    let custom = section(0, &[name(b"name"), functions].concat());
    let code = section(10, &[1, 3, 0, 0x00, 0x0b]);
    binary(&[plain_type(), section(3, &[1, 0]), entry_point(), code, custom])
}
