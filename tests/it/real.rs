//! Programs that nobody here wrote: ripgrep and jq (of the jaq crates), as modules and as components.

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, Shape, World, find_program, guests_dir, real};

const FILES: [(&str, &str); 4] = [
    ("docs/a.txt", "alpha\nneedle one\nomega\n"),
    ("docs/deep/er/b.txt", "nothing here\n"),
    ("docs/deep/c.md", "# Needle\n\nthe second needle, and a third needle\n"),
    ("data/people.json", r#"[{"name":"Ada","born":1815},{"name":"Zoë","born":1990}]"#),
];

/// What a program wrote, and its code.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    code: u64,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

async fn with_files(world: &World) {
    for (path, text) in FILES {
        world.a.send(Method::PUT, &format!("files/{path}"), text).await.expect(201);
    }
}

fn read_only(path: &str) -> Value {
    json!({"directories": [{"path": path, "guest": path, "access": "read_only"}]})
}

async fn run(client: &Client, command: &str, args: &[&str], stdin: &str) -> Outcome {
    let run = client.run_with(json!({"command": command, "args": args, "stdin": {"text": stdin}})).await;
    assert_eq!(run["outcome"]["kind"], "exited", "{run}");
    let path = format!("runs/{}/output", run["id"].as_str().unwrap());
    Outcome {
        code: run["outcome"]["exit_code"].as_u64().unwrap(),
        stdout: client.get(&format!("{path}/stdout")).await.expect(200).body,
        stderr: client.get(&format!("{path}/stderr")).await.expect(200).body,
    }
}

/// The same with the reference engine, when there is one.
async fn reference(wasm: &Path, name: &str, folder: &Path, args: &[&str], stdin: &str) -> Option<Outcome> {
    let program = find_program("wasmtime")?;
    let mut command = Command::new(program);
    command.arg("run").args(["--argv0", name]);
    for sub in ["docs", "data"] {
        command.arg("--dir").arg(format!("{}::/{sub}", folder.join(sub).display()));
    }
    command.arg(wasm).args(args);
    let input = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut &input, stdin.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut &input).unwrap();
    command.stdin(input);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let code = u64::try_from(output.status.code().unwrap()).unwrap();
    Some(Outcome { code, stdout: output.stdout, stderr: output.stderr })
}

/// Runs each call on the host in both shapes, and compares with the reference.
async fn compare(program: &str, calls: &[(&[&str], &str)]) {
    let world = World::start().await;
    with_files(&world).await;
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let grants = json!({"directories": [
        read_only("/docs")["directories"][0], read_only("/data")["directories"][0]
    ]});
    for shape in Shape::ALL {
        world.a.deploy(program, real(program, shape), grants.clone()).await;
        let wasm = guests_dir().join("real").join(format!("{program}{}", shape.ending()));
        for (args, stdin) in calls {
            let ours = run(&world.a, program, args, stdin).await;
            match reference(&wasm, program, folder.path(), args, stdin).await {
                Some(theirs) => assert_eq!(ours, theirs, "{shape:?} {args:?}"),
                None => eprintln!("not compared, since there is no `wasmtime` on the search path: {args:?}"),
            }
        }
    }
}

#[tokio::test]
async fn ripgrep_searches_the_tenants_directory() {
    let world = World::start().await;
    with_files(&world).await;
    for shape in Shape::ALL {
        world.a.deploy("rg", real("rg", shape), read_only("/docs")).await;
        let found = run(&world.a, "rg", &["--sort", "path", "-n", "needle", "/docs"], "").await;
        let expected = "/docs/a.txt:2:needle one\n/docs/deep/c.md:3:the second needle, and a third needle\n";
        assert_eq!((String::from_utf8(found.stdout).unwrap().as_str(), found.code), (expected, 0));
        let counted = run(&world.a, "rg", &["--sort", "path", "-ic", "needle", "/docs"], "").await;
        assert_eq!(String::from_utf8(counted.stdout).unwrap(), "/docs/a.txt:1\n/docs/deep/c.md:2\n");
        let none = run(&world.a, "rg", &["no such text", "/docs"], "").await;
        assert_eq!((none.code, none.stdout), (1, Vec::new()));
        // What was not granted is not there.
        let outside = run(&world.a, "rg", &["Ada", "/data"], "").await;
        assert_ne!(outside.code, 0);
        assert!(outside.stdout.is_empty());
        let piped = run(&world.a, "rg", &["-o", "n[e]+dle", "-"], "a needle\nneeedle\n").await;
        assert_eq!(String::from_utf8(piped.stdout).unwrap(), "needle\nneeedle\n");
    }
}

#[tokio::test]
async fn jq_queries_standard_input_and_files() {
    let world = World::start().await;
    with_files(&world).await;
    for shape in Shape::ALL {
        world.a.deploy("jq", real("jaq", shape), read_only("/data")).await;
        let piped =
            run(&world.a, "jq", &["-c", "[.items[] | .n * 2]"], r#"{"items":[{"n":1},{"n":21}]}"#).await;
        assert_eq!((String::from_utf8(piped.stdout).unwrap().as_str(), piped.code), ("[2,42]\n", 0));
        let file =
            run(&world.a, "jq", &["-r", ".[] | select(.born > 1900) | .name", "/data/people.json"], "").await;
        assert_eq!(String::from_utf8(file.stdout).unwrap(), "Zoë\n");
        let wrong = run(&world.a, "jq", &["."], "{\"a\": ").await;
        assert_ne!(wrong.code, 0);
        assert!(!wrong.stderr.is_empty());
    }
}

#[tokio::test]
async fn ripgrep_gives_what_the_reference_gives_byte_for_byte() {
    compare(
        "rg",
        &[
            (&["--sort", "path", "needle", "/docs"], ""),
            (&["--sort", "path", "--files", "/docs"], ""),
            (&["--vimgrep", "--sort", "path", "needle", "/docs"], ""),
            (&["--version"], ""),
            (&["(unclosed", "/docs"], ""),
            (&["x", "/none"], ""),
            (&["-v", "b", "-"], "a\nb\nc\n"),
        ],
    )
    .await;
}

#[tokio::test]
async fn jq_gives_what_the_reference_gives_byte_for_byte() {
    compare(
        "jaq",
        &[
            (&["."], "{\"b\":1,\"a\":[null,true,1.5,\"\\u00e9\\n\"]}"),
            (&["-r", ".[] | \"\\(.name): \\(.born)\"", "/data/people.json"], ""),
            (&["-n", "[range(1000)] | add"], ""),
            (&[".["], "{}"),
            (&["."], "[1, 2"),
            (&[".", "/none"], ""),
        ],
    )
    .await;
}
