//! `run`: a module of one's own, right here.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use crate::mock::Mock;
use crate::person::{Person, Said};

const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 2)
    (func $put (param $fd i32) (param $at i32) (param $len i32)
        (block $done (loop $again
            (br_if $done (i32.eqz (local.get $len)))
            (i32.store (i32.const 0) (local.get $at))
            (i32.store (i32.const 4) (local.get $len))
            (br_if $done (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
            (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
            (local.set $len (i32.sub (local.get $len) (i32.load (i32.const 8))))
            (br $again))))"#;

/// Copies standard input to standard output and exits with 7.
const ECHO: &str = "
    (loop $again
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 65536))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (if (i32.load (i32.const 8)) (then
            (call $put (i32.const 1) (i32.const 1024) (i32.load (i32.const 8)))
            (br $again))))
    (call $exit (i32.const 7))";

/// Prints arguments and environment, each ended by a zero byte.
const SHOW: &str = "
    (drop (call $args_sizes (i32.const 16) (i32.const 20)))
    (drop (call $args (i32.const 64) (i32.const 1024)))
    (call $put (i32.const 1) (i32.const 1024) (i32.load (i32.const 20)))
    (drop (call $env_sizes (i32.const 16) (i32.const 20)))
    (drop (call $env (i32.const 64) (i32.const 1024)))
    (call $put (i32.const 1) (i32.const 1024) (i32.load (i32.const 20)))";

/// Creates `new` in the first directory, and exits with the errno of that.
const CREATE: &str = r#"
    (i32.store (i32.const 64) (i32.const 0x0077656e))
    (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 1) (i64.const 64)
        (i64.const 0) (i32.const 0) (i32.const 16)))"#;

/// Writes `a` to standard output and `b` to standard error, a hundred times.
const BOTH: &str = r#"
    (local $left i32)
    (i32.store (i32.const 64) (i32.const 0x6261))
    (local.set $left (i32.const 100))
    (loop $again
        (call $put (i32.const 1) (i32.const 64) (i32.const 1))
        (call $put (i32.const 2) (i32.const 65) (i32.const 1))
        (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))"#;

/// Writes for ever.
const FLOOD: &str = "(loop $again (call $put (i32.const 1) (i32.const 1024) (i32.const 4096)) (br $again))";

fn person_with(body: &str) -> Person {
    let mock = Mock::start();
    let ann = Person::new(&mock);
    let text = format!("(module {IMPORTS} (func (export \"_start\") {body}))");
    std::fs::write(ann.dir().join("m.wasm"), wat::parse_str(text).unwrap()).unwrap();
    ann
}

fn refused(ann: &Person, args: &[&str]) -> (Said, String) {
    let said = ann.types(args);
    let first = said.stderr.lines().next().unwrap_or_default().to_owned();
    (said, first)
}

#[test]
fn input_output_and_exit_code_pass_unchanged() {
    let ann = person_with(ECHO);
    let bytes: Vec<u8> = (0..1_000_003_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let said = ann.type_with_input(&["run", "m.wasm"], &bytes);
    assert_eq!((said.code, said.stderr.as_str()), (Some(7), ""));
    assert!(said.stdout == bytes, "{} of {} bytes", said.stdout.len(), bytes.len());
}

#[test]
fn output_comes_while_input_is_still_open() {
    let ann = person_with(ECHO);
    let mut child = ann.starts(&["run", "m.wasm"]);
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for word in [b"first", b"again"] {
        stdin.write_all(word).unwrap();
        let mut echo = [0; 5];
        stdout.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, word);
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn arguments_are_the_guests_and_the_environment_is_what_is_given() {
    let ann = person_with(SHOW);
    let said = ann.types(&["run", "--env", "A=b=c", "./m.wasm", "-n", "--fuel", "", "--", "--json"]);
    assert_eq!(said.text(), "m.wasm\0-n\0--fuel\0\0--\0--json\0A=b=c\0");
    let said = ann.types(&["run", "--argv0", "ls", "m.wasm"]);
    assert_eq!(said.text(), "ls\0");
}

#[test]
fn a_directory_may_be_written_unless_it_is_read_only() {
    let ann = person_with(CREATE);
    let new = ann.dir().join("data/new");
    std::fs::create_dir(ann.dir().join("data")).unwrap();
    assert_ne!(ann.types(&["run", "m.wasm"]).code, Some(0));
    assert_ne!(ann.types(&["run", "--dir", "data::/d::ro", "m.wasm"]).code, Some(0));
    assert!(!new.exists());
    assert_eq!(ann.types(&["run", "--dir", "data::/d", "m.wasm"]).code, Some(0));
    assert!(new.exists());
    let (said, first) = refused(&ann, &["run", "--dir", "none", "m.wasm"]);
    assert_eq!(
        (said.code, first.as_str()),
        (
            Some(1),
            "error[local]: cannot open the directory for `none`: No such file or directory (os error 2)"
        )
    );
}

#[test]
fn both_streams_keep_their_order() {
    let ann = person_with(BOTH);
    let path = ann.dir().join("both");
    let file = File::create(&path).unwrap();
    let mut command = ann.command(&["run", "m.wasm"]);
    command.stdout(file.try_clone().unwrap()).stderr(file);
    assert!(command.status().unwrap().success());
    assert_eq!(std::fs::read_to_string(path).unwrap(), "ab".repeat(100));
}

#[test]
fn what_ends_a_guest_is_said() {
    let spin = person_with("(loop $again (br $again))");
    let (said, first) = refused(&spin, &["run", "--timeout", "50ms", "m.wasm"]);
    assert_eq!((said.code, first.starts_with("warning: timed_out: ")), (Some(124), true), "{first}");
    let (said, first) = refused(&spin, &["run", "--fuel", "10k", "m.wasm"]);
    assert_eq!((said.code, first.starts_with("warning: out_of_fuel: ")), (Some(137), true), "{first}");
    let (said, first) = refused(&person_with("unreachable"), &["run", "m.wasm"]);
    assert_eq!((said.code, first.starts_with("warning: trapped: ")), (Some(134), true), "{first}");
}

#[test]
fn a_closed_output_ends_the_guest_quietly() {
    let ann = person_with(FLOOD);
    let mut child =
        ann.command(&["run", "m.wasm"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = ann.said(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (Some(141), ""));
}

#[test]
fn what_cannot_run_is_named() {
    let ann = person_with("");
    std::fs::write(ann.dir().join("text.wasm"), "hello").unwrap();
    let (said, first) = refused(&ann, &["run", "text.wasm"]);
    assert_eq!(said.code, Some(1));
    assert!(first.starts_with("error[module_not_wasm]: text.wasm: "), "{first}");
    let (said, first) = refused(&ann, &["run", "none.wasm"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(first, "error[local]: cannot read none.wasm: No such file or directory (os error 2)");
}

#[test]
fn compiled_code_is_kept_and_never_trusted_when_changed() {
    let ann = person_with(SHOW);
    assert_eq!(ann.types(&["run", "m.wasm"]).text(), "m.wasm\0");
    let version = std::fs::read_dir(ann.dir().join("cache/code")).unwrap().next().unwrap().unwrap().path();
    let kept = std::fs::read_dir(version).unwrap().next().unwrap().unwrap().path();
    let mut code = std::fs::read(&kept).unwrap();
    let middle = code.len() / 2;
    code[middle] ^= 1;
    std::fs::write(&kept, &code).unwrap();
    assert_eq!(ann.types(&["run", "m.wasm"]).text(), "m.wasm\0");
    assert_ne!(std::fs::read(&kept).unwrap(), code);
}

#[test]
fn wrong_arguments_of_run_are_usage() {
    let ann = person_with("");
    for args in [
        &["run"][..],
        &["run", "--nope", "m.wasm"],
        &["run", "--dir", "a::", "m"],
        &["run", "--env", "A", "m"],
    ] {
        assert_eq!(ann.types(args).code, Some(2), "{args:?}");
    }
}
