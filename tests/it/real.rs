//! Programs that nobody here wrote: ripgrep and jq (of the jaq crates), as modules and as components.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Call, Client, Outcome, Shape, World, guests_dir, real};

const FILES: [(&str, &str); 4] = [
    ("docs/a.txt", "alpha\nneedle one\nomega\n"),
    ("docs/deep/er/b.txt", "nothing here\n"),
    ("docs/deep/c.md", "# Needle\n\nthe second needle, and a third needle\n"),
    ("data/people.json", r#"[{"name":"Ada","born":1815},{"name":"Zoë","born":1990}]"#),
];

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
        code: i32::try_from(run["outcome"]["exit_code"].as_i64().unwrap()).unwrap(),
        stdout: client.get(&format!("{path}/stdout")).await.expect(200).body,
        stderr: client.get(&format!("{path}/stderr")).await.expect(200).body,
    }
}

/// Runs each call on the host in both shapes, and compares with the reference: always with wasmtime as a library, and
/// with `wasmtime run` where it is installed.
async fn compare(program: &'static str, calls: &'static [(&[&str], &str)]) {
    let world = World::start().await;
    with_files(&world).await;
    let here = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        let path = here.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let (docs, data) = (here.path().join("docs"), here.path().join("data"));
    let grants = json!({"directories": [
        read_only("/docs")["directories"][0], read_only("/data")["directories"][0]
    ]});
    for shape in Shape::ALL {
        world.a.deploy(program, real(program, shape), grants.clone()).await;
        let wasm = guests_dir().join("real").join(format!("{program}{}", shape.ending()));
        for (args, stdin) in calls {
            let ours = run(&world.a, program, args, stdin).await;
            let (wasm, docs, data) = (wasm.clone(), docs.clone(), data.clone());
            let (library, command) = tokio::task::spawn_blocking(move || {
                let folders = &[(docs.as_path(), "/docs"), (data.as_path(), "/data")];
                let call = Call { wasm: &wasm, name: program, args, stdin, folders };
                (call.with_the_library(), call.with_the_command())
            })
            .await
            .unwrap();
            assert_eq!(ours, library, "{shape:?} {args:?}");
            if let Some(command) = command {
                assert_eq!(ours, command, "{shape:?} {args:?}, with `wasmtime run`");
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
