//! Uploading and deploying.

use crate::mock::Mock;
use crate::person::Person;

const SIZE: usize = 5 << 20;

fn module(ann: &Person) -> String {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.resize(SIZE, 7);
    std::fs::write(ann.dir().join("rg.wasm"), bytes).unwrap();
    "rg.wasm".to_owned()
}

#[test]
fn a_push_streams_the_file_and_prints_its_digest() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let said = ann.types(&["push", &module(&ann)]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.text().trim().len(), 64);
    assert_eq!(said.stderr, "rg.wasm: preview1 core, 5 MiB, needs stdout\n");
    assert_eq!(mock.seen.files.lock()["upload"], SIZE.to_string().into_bytes());
    assert_eq!(mock.requests("POST /v1/acme/modules?name=rg.wasm").len(), 1);
}

#[test]
fn a_refusal_in_the_middle_of_an_upload_is_shown() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    std::fs::write(ann.dir().join("big.txt"), vec![b'x'; 30 << 20]).unwrap();
    let said = ann.types(&["push", "big.txt"]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(said.stderr, @r"
    error[module_not_wasm]: this is not a WebAssembly binary
    request: req_1
    ");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let said = ann.types(&["push", "none.wasm"]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(said.stderr, @"error[local]: cannot read none.wasm: No such file or directory (os error 2)");
    assert_eq!(ann.types(&["push", "."]).code, Some(1));
    assert!(mock.requests("POST /v1/acme").is_empty());
}

#[test]
fn deploying_a_file_pushes_it_first() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let file = module(&ann);
    let said = ann.types(&[
        "deploy",
        "rg",
        "--module",
        &file,
        "--dir",
        "/docs::/docs::ro",
        "--env",
        "A=b=c",
        "--fuel",
        "5M",
        "--cpu",
        "500ms",
        "--timeout",
        "1m",
        "--memory",
        "64MiB",
        "--output",
        "1K",
        "--description",
        "search",
    ]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.text().starts_with("Deployed rg version 1 ("));
    let mut body = mock.seen.bodies.lock()[0].1.clone();
    body["module"] = "[digest]".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap(), @r#"
    {
      "description": "search",
      "grants": {
        "directories": [
          {
            "access": "read_only",
            "guest": "/docs",
            "path": "/docs"
          }
        ],
        "env": {
          "A": "b=c"
        },
        "network": [],
        "secrets": []
      },
      "limits": {
        "cpu_ms": 500,
        "fuel": 5000000,
        "memory_bytes": 67108864,
        "output_bytes": 1024,
        "wall_ms": 60000
      },
      "module": "[digest]"
    }
    "#);
}

#[test]
fn the_start_of_a_digest_is_enough() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let module = |digest: &str| {
        serde_json::json!({
            "digest": digest, "name": "m", "size_bytes": 8, "kind": "core", "wasi": "preview1", "imports": [],
            "needs": [], "created_at": "2020-01-02T03:04:05Z", "created_by": "usr_1",
        })
    };
    let digests = ["aaaaaaa1", "bbbbbbb1", "aaaaaaa2"].map(|start| format!("{start:0<64}"));
    mock.set_list("/v1/acme/modules", digests.iter().map(|d| module(d)).collect());
    assert_eq!(ann.types(&["deploy", "m", "--module", "bbbbbb"]).code, Some(0));
    assert_eq!(mock.seen.bodies.lock()[0].1["module"], digests[1]);
    assert_eq!(ann.types(&["deploy", "m", "--module", "aaaaaaa"]).code, Some(2));
    assert_eq!(ann.types(&["deploy", "m", "--module", "cccccccc"]).code, Some(1));
}
