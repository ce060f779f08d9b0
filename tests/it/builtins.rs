//! The built-in commands, over the HTTP API and on a tenant's files; where they agree, beside this machine's own tools.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::harness::{Client, World, command, find_program};

/// Deploys built-in commands as the demo does: all of the tenant's directory is theirs.
async fn deploy(client: &Client, names: &[&str]) {
    let grants = json!({"directories": [{"path": "/", "guest": "/", "access": "read_write"}]});
    for name in names {
        client.deploy(name, command(name), grants.clone()).await;
    }
}

/// Exit code, standard output and standard error.
async fn run(client: &Client, command: &str, args: &[&str], stdin: &str) -> (i64, String, String) {
    let run = client.run_with(json!({"command": command, "args": args, "stdin": {"text": stdin}})).await;
    let text = |stream: &str| run["output"][stream].as_str().unwrap().to_owned();
    assert_eq!(run["outcome"]["kind"], "exited", "{run}");
    (run["outcome"]["exit_code"].as_i64().unwrap(), text("stdout"), text("stderr"))
}

/// Fails unless the command ends well and writes this.
#[track_caller]
fn expect((code, stdout, stderr): &(i64, String, String), expected: &str) {
    assert_eq!((*code, stdout.as_str(), stderr.as_str()), (0, expected, ""));
}

async fn put(client: &Client, path: &str, text: &'static str) {
    client.send(reqwest::Method::PUT, &format!("files/{path}"), text).await.expect(201);
}

async fn text(client: &Client, path: &str) -> String {
    client.get(&format!("files/{path}")).await.expect(200).text()
}

/// What the tool of this machine says, in a directory; nothing when there is none.
fn own(directory: &Path, command: &str, args: &[&str], stdin: &str) -> Option<(i64, String)> {
    use std::io::Write;
    let program = find_program(command)?;
    let mut child = Command::new(program)
        .args(args)
        .current_dir(directory)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Whoever does not read its input closes it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Some((i64::from(output.status.code().unwrap()), String::from_utf8(output.stdout).unwrap()))
}

#[tokio::test]
async fn files_are_made_copied_moved_and_removed() {
    let world = World::start().await;
    let tenant = &world.a;
    deploy(tenant, &["mkdir", "cp", "mv", "rm", "touch", "tee", "ls"]).await;
    put(tenant, "notes.txt", "one\n").await;
    expect(&run(tenant, "mkdir", &["-p", "/a/b"], "").await, "");
    expect(&run(tenant, "cp", &["notes.txt", "/a/b"], "").await, "");
    expect(&run(tenant, "cp", &["-r", "a", "c"], "").await, "");
    expect(&run(tenant, "mv", &["/c/b/notes.txt", "c/moved.txt"], "").await, "");
    expect(&run(tenant, "tee", &["-a", "c/moved.txt"], "two\n").await, "two\n");
    expect(&run(tenant, "touch", &["empty", "a"], "").await, "");
    expect(
        &run(tenant, "ls", &["-R"], "").await,
        "a\na/b\na/b/notes.txt\nc\nc/b\nc/moved.txt\nempty\nnotes.txt\n",
    );
    assert_eq!(text(tenant, "c/moved.txt").await, "one\ntwo\n");
    expect(&run(tenant, "rm", &["-r", "a", "empty"], "").await, "");
    expect(&run(tenant, "ls", &["-R"], "").await, "c\nc/b\nc/moved.txt\nnotes.txt\n");
    // What is refused leaves everything as it was.
    for (command, args, said) in [
        ("rm", &["-rf", "/"][..], "rm: /: is never removed\n"),
        ("rm", &["-r", "c/.."], "rm: c/..: is never removed\n"),
        ("rm", &["c"], "rm: c: is a directory; -r removes it with all that is in it\n"),
        ("cp", &["c", "d"], "cp: c: is a directory; -r copies it with all that is in it\n"),
        ("cp", &["notes.txt", "notes.txt"], "cp: notes.txt: cannot be copied onto itself\n"),
    ] {
        let expected = (1, String::new(), said.to_owned());
        assert_eq!(run(tenant, command, args, "").await, expected, "{command} {args:?}");
    }
    for (command, args) in [("mkdir", ["c"]), ("mv", ["c"]), ("rm", ["missing"])] {
        assert_ne!(run(tenant, command, &args, "").await.0, 0, "{command}");
    }
    // Another name of the same file.
    expect(&run(tenant, "cp", &["notes.txt", "c/../notes.txt"], "").await, "");
    expect(&run(tenant, "ls", &["-R"], "").await, "c\nc/b\nc/moved.txt\nnotes.txt\n");
    assert_eq!(text(tenant, "notes.txt").await, "one\n");
}

#[tokio::test]
async fn what_commands_write_counts_and_goes_no_further_than_the_grant() {
    let world = World::start().await;
    let tenant = &world.a;
    let grants = json!({"directories": [{"path": "/in", "guest": "/in", "access": "read_only"}]});
    put(tenant, "in/a", "kept").await;
    put(tenant, "outside", "kept").await;
    for name in ["rm", "cp", "mv", "touch"] {
        tenant.deploy(name, command(name), grants.clone()).await;
    }
    for (command, args) in [
        ("rm", &["-rf", "/in/a"][..]),
        ("cp", &["/in/a", "/in/b"]),
        ("mv", &["/in/a", "/in/b"]),
        ("touch", &["/in/b"]),
        ("rm", &["-r", "/in/../outside"]),
    ] {
        let (code, stdout, stderr) = run(tenant, command, args, "").await;
        assert_eq!((code, stdout.as_str()), (1, ""), "{command} {args:?}: {stderr}");
    }
    assert_eq!((text(tenant, "in/a").await, text(tenant, "outside").await), ("kept".into(), "kept".into()));
    tenant.get("files/in/b").await.expect(404);
}

#[tokio::test]
async fn texts_are_searched_and_sorted_as_by_the_tools_of_this_machine() {
    let files = [
        ("a.txt", "alpha\nbeta\nGamma delta\n"),
        ("d/b.txt", "no beta\nend"),
        ("d/e/c.txt", "x.y\nxzy\n"),
        ("numbers", "10\n9\n9\n-1\n2.5\n007\n\n10\n"),
    ];
    let world = World::start().await;
    let tenant = &world.a;
    deploy(tenant, &["grep", "head", "tail", "sort", "uniq"]).await;
    let here = tempfile::tempdir().unwrap();
    for (name, content) in files {
        put(tenant, name, content).await;
        let path = here.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let stdin = files[3].1;
    let cases: [(&str, &[&str], i64, &str); 22] = [
        ("head", &["-n", "2", "a.txt"], 0, "alpha\nbeta\n"),
        ("head", &["-c3", "a.txt", "d/b.txt"], 0, "==> a.txt <==\nalp\n==> d/b.txt <==\nno "),
        ("head", &["-n1", "missing", "a.txt"], 1, "==> a.txt <==\nalpha\n"),
        ("tail", &["-n", "2"], 0, "\n10\n"),
        ("tail", &["-n", "+7", "numbers"], 0, "\n10\n"),
        ("tail", &["-c", "3", "d/b.txt"], 0, "end"),
        ("grep", &["beta", "a.txt"], 0, "beta\n"),
        ("grep", &["-n", "beta", "a.txt", "d/b.txt"], 0, "a.txt:2:beta\nd/b.txt:1:no beta\n"),
        ("grep", &["-rc", "x.y", "d/e"], 0, "d/e/c.txt:2\n"),
        ("grep", &["-rF", "x.y", "."], 0, "./d/e/c.txt:x.y\n"),
        ("grep", &["-r", "end"], 0, "d/b.txt:end\n"),
        ("grep", &["-wi", "gamma", "a.txt"], 0, "Gamma delta\n"),
        ("grep", &["-vE", "^(alpha|b.*a)$", "a.txt"], 0, "Gamma delta\n"),
        ("grep", &["-q", "nothing", "a.txt"], 1, ""),
        ("grep", &["alpha", "missing", "a.txt"], 2, "a.txt:alpha\n"),
        ("grep", &["-c", "9"], 0, "2\n"),
        ("sort", &[], 0, "\n-1\n007\n10\n10\n2.5\n9\n9\n"),
        ("sort", &["-n", "numbers"], 0, "-1\n\n2.5\n007\n9\n9\n10\n10\n"),
        ("sort", &["-rnu", "numbers"], 0, "10\n9\n007\n2.5\n\n-1\n"),
        ("sort", &["missing"], 2, ""),
        ("uniq", &[], 0, "10\n9\n-1\n2.5\n007\n\n10\n"),
        (
            "uniq",
            &["-c"],
            0,
            "      1 10\n      2 9\n      1 -1\n      1 2.5\n      1 007\n      1 \n      1 10\n",
        ),
    ];
    for (command, args, code, expected) in cases {
        let (found, stdout, stderr) = run(tenant, command, args, stdin).await;
        assert_eq!((found, stdout.as_str()), (code, expected), "{command} {args:?}: {stderr}");
        assert_eq!(stderr.is_empty(), code < 2 && !args.contains(&"missing"), "{command} {args:?}: {stderr}");
        // The tools of GNU; others differ in small things.
        if let Some(theirs) = own(here.path(), command, args, stdin).filter(|_| cfg!(target_os = "linux")) {
            assert_eq!((found, stdout), theirs, "{command} {args:?}");
        }
    }
    // One after the other, as in a pipe.
    let (_, sorted, _) = run(tenant, "sort", &[], stdin).await;
    expect(&run(tenant, "uniq", &[], &sorted).await, "\n-1\n007\n10\n2.5\n9\n");
    for (command, args) in
        [("head", ["-z"]), ("tail", ["-n-1"]), ("grep", ["\\(a"]), ("sort", ["-k2"]), ("uniq", ["-z"])]
    {
        let (code, stdout, stderr) = run(tenant, command, &args, stdin).await;
        assert!(code == 2 && stdout.is_empty() && stderr.starts_with(command), "{command}: {code} {stderr}");
    }
}

#[tokio::test]
async fn a_line_that_is_repeated_for_ever_ends_at_the_output_limit() {
    let world = World::start().await;
    deploy(&world.a, &["yes"]).await;
    let run = world.a.run_with(json!({"command": "yes", "limits": {"output_bytes": 100_000}})).await;
    assert_eq!(run["outcome"]["kind"], "output_limit", "{run}");
    assert!(run["output"]["stdout"].as_str().unwrap().starts_with("y\ny\n"));
}
