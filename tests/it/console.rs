//! A shell in a console session, on the real host.

use serde_json::json;

use crate::harness::{Shape, Terminal, World, command, fixture};

/// Commands that lines are made of, with the tenant's directory.
async fn deployed(world: &World) -> Terminal {
    let all = json!({"directories": [{"path": "/", "guest": "/", "access": "read_write"}]});
    for name in ["cat", "env", "hello", "ls", "seq", "sleep", "upper", "wc"] {
        world.a.deploy(name, command(name), all.clone()).await;
    }
    Terminal::open(&world.a).await
}

#[tokio::test]
async fn lines_run_commands_in_pipes_with_files_and_statuses() {
    let world = World::start().await;
    let mut terminal = deployed(&world).await;
    assert_eq!(terminal.run("seq 3 | upper | wc -l").await.trim(), "3");
    assert_eq!(terminal.run("echo one > list.txt && seq 2 >> list.txt; cat list.txt").await, "one\n1\n2\n");
    assert_eq!(terminal.run("cat < list.txt | wc -c").await.trim(), "8");
    assert_eq!(
        terminal.run("cat missing.txt || echo failed with $?").await.lines().last(),
        Some("failed with 1")
    );
    assert_eq!(terminal.run("A='a  b' B=2; echo \"$A\" $B ${C:-none}").await, "a  b 2 none\n");
    assert_eq!(terminal.run("export X=7; env").await.lines().filter(|line| *line == "X=7").count(), 1);
    assert_eq!(terminal.run("echo *.txt").await, "list.txt\n");
    assert!(terminal.run("no-such-command").await.contains("no such command (command_not_found)"));
    assert_eq!(terminal.status(), 127);
    assert!(terminal.run("for x in 1; do echo; done").await.contains("syntax_unsupported"));
    // A single command's run is told, and found.
    terminal.run("hello").await;
    let run = terminal.ended.last().unwrap()["run"].as_str().unwrap().to_owned();
    assert_eq!(world.a.get(&format!("runs/{run}")).await.expect(200).data()["command"], "hello");
    // What a line wrote to a file is the tenant's, and nobody else's.
    assert_eq!(world.a.get("files/list.txt").await.expect(200).text(), "one\n1\n2\n");
    world.b.get("files/list.txt").await.problem(404, "file_not_found");
}

#[tokio::test]
async fn relative_paths_lead_from_where_the_session_is() {
    let world = World::start().await;
    let mut terminal = deployed(&world).await;
    world.a.send(reqwest::Method::PUT, "files/docs/deep/note.txt", "inside").await.expect(201);
    world.a.send(reqwest::Method::PUT, "files/other/note.txt", "other").await.expect(201);
    assert_eq!(terminal.run("cd docs && pwd").await, "/docs\n");
    assert_eq!(terminal.run("cat deep/note.txt; echo").await, "inside\n");
    // It would mean another file: one command here reads, another may write.
    assert!(terminal.run("cat /other/note.txt").await.contains("absolute_path"));
    assert_eq!(terminal.run("cat < /other/note.txt; echo").await, "other\n");
    assert_eq!(terminal.run("echo new > made.txt; cat made.txt").await, "new\n");
    assert_eq!(world.a.get("files/docs/made.txt").await.expect(200).text(), "new\n");
    // Whoever names a directory does not write on the terminals of others.
    world.a.send(reqwest::Method::PUT, "files/x%1B%5D52;c;eA==%07y/f", "").await.expect(201);
    terminal.run("cd /x*; echo here").await;
    assert!(!terminal.shown.windows(4).any(|bytes| bytes == b"\x1b]52"));
    assert!(terminal.screen().contains("here"));
    terminal.run("cd /docs").await;
    assert!(terminal.run("cd nowhere").await.contains("file_not_found"));
    assert_eq!(terminal.run("cd ../../.. && pwd").await, "/\n");
}

#[tokio::test]
async fn a_guest_that_reads_lines_gets_them_edited_and_ctrl_d_ends_it() {
    let world = World::start().await;
    let mut terminal = deployed(&world).await;
    terminal.keys("cat\r").await;
    terminal.keys("hellp\x7fo\r").await;
    terminal.until_shown("cat\nhello\nhello").await;
    terminal.keys("\x04").await;
    terminal.until("the end", |terminal| terminal.ended.len() == 1).await;
    assert_eq!(terminal.status(), 0);
    // The same again for one that asks for raw keys.
    world.a.deploy("keys", fixture("keys", Shape::Core), json!({})).await;
    terminal.keys("keys\r").await;
    terminal.until_shown("80x24\nraw").await;
    terminal.keys("a\x03").await;
    terminal.until_shown("97").await;
    terminal.until("Ctrl-C as a key", |terminal| terminal.screen().contains('3')).await;
    terminal.keys("q").await;
    terminal.until("its end", |terminal| terminal.ended.len() == 2).await;
    assert_eq!(terminal.run("echo back").await, "back\n");
}

#[tokio::test]
async fn ctrl_c_ends_what_runs_by_key_and_by_signal() {
    let world = World::start().await;
    world.a.deploy("spin", fixture("spin", Shape::Core), json!({})).await;
    let mut terminal = deployed(&world).await;
    for (number, by_key) in [(1, true), (2, false)] {
        terminal.keys("sleep 100 | spin\r").await;
        terminal.until("two runs", |_| true).await;
        while world.a.get("runs?status=running").await.expect(200).items().len() < 2 {}
        match by_key {
            true => terminal.keys("\x03").await,
            false => terminal.interrupt().await,
        }
        terminal.until("the end", |terminal| terminal.ended.len() == number).await;
        assert_eq!(terminal.status(), 130);
        assert_eq!(world.a.get("runs?status=running").await.expect(200).items().len(), 0);
    }
}

#[tokio::test]
async fn jobs_run_beside_the_prompt_and_end_with_the_session() {
    let world = World::start().await;
    let mut terminal = deployed(&world).await;
    assert!(terminal.run("sleep 100 &").await.contains("[1]"));
    assert!(terminal.run("jobs").await.contains("sleep 100"));
    terminal.run("kill %1; wait").await;
    terminal.run("sleep 100 &").await;
    terminal.keys("exit 3\r").await;
    terminal.until("the end of the session", |terminal| terminal.exit.is_some()).await;
    assert_eq!(terminal.exit.as_ref().unwrap()["exit_code"], 3);
    while !world.a.get("runs?status=running").await.expect(200).items().is_empty() {}
}

#[tokio::test]
async fn tab_completes_and_history_is_kept_without_secrets() {
    let world = World::start().await;
    let mut terminal = deployed(&world).await;
    world.a.send(reqwest::Method::PUT, "files/my notes.txt", "x").await.expect(201);
    terminal.keys("cat my\t").await;
    terminal.until_shown("cat my\\ notes.txt").await;
    terminal.keys("\x15wc --li\t").await;
    terminal.until_shown("wc --lines").await;
    terminal.keys("\x15").await;
    terminal.run("echo remembered").await;
    terminal.run("export API_TOKEN=hunter2").await;
    terminal.run(" echo not kept").await;
    let mut other = Terminal::open(&world.a).await;
    other.keys("\x12remem").await;
    other.until_shown("echo remembered").await;
    other.keys("\x07").await;
    assert!(other.run("history").await.contains("echo remembered"));
    let kept = world.a.get("console/history").await.expect(200).items();
    let kept: Vec<_> = kept.iter().map(|entry| entry["line"].as_str().unwrap()).collect();
    assert!(kept.contains(&"echo remembered"), "{kept:?}");
    assert!(!kept.iter().any(|line| line.contains("hunter2") || line.contains("not kept")), "{kept:?}");
}

#[tokio::test]
async fn a_line_does_what_its_person_may_and_is_told_what_not() {
    let world = World::start().await;
    let terminal = deployed(&world).await;
    drop(terminal);
    let key = json!({"name": "k", "permissions": ["console:use", "run:create:hello", "deployment:read"]});
    let made = world.a.post("keys", key).await.expect(201).data();
    let greeter = world.a.with_token(made["secret"].as_str().unwrap());
    let mut terminal = Terminal::open(&greeter).await;
    assert!(terminal.run("hello").await.contains("Hello"));
    assert!(terminal.run("cat /etc/passwd").await.contains("permission_denied"));
    assert_eq!(terminal.status(), 126);
    assert!(terminal.run("hello > out.txt").await.contains("permission_denied"));
    assert!(terminal.run("cat < out.txt").await.contains("permission_denied"));
    let denied = world.a.get("audit?outcome=denied&action=run:create").await.expect(200).items();
    assert_eq!(denied[0]["resource"], "cat");
}

#[tokio::test]
async fn more_than_is_read_ends_what_writes() {
    let world = World::start().await;
    world.a.deploy("flood", fixture("flood", Shape::Core), json!({})).await;
    world.a.deploy("exit_code", fixture("exit_code", Shape::Core), json!({})).await;
    let mut terminal = deployed(&world).await;
    // The second ends without reading; the first writes without end.
    terminal.run("flood | exit_code 3; echo done").await;
    assert_eq!(terminal.status(), 0);
    assert!(world.a.get("runs?status=running").await.expect(200).items().is_empty());
}

#[tokio::test]
async fn log_lines_are_told_together_and_each_once() {
    const LINES: usize = 5_000;
    let world = World::start().await;
    world.a.deploy("seq", command("seq"), json!({})).await;
    let subscribe = json!([{"ch": 1, "channel": "logs", "filter": {"command": "seq"}}]).to_string();
    let (mut cursor, mut texts, mut events) = (String::new(), Vec::new(), 0);
    while texts.len() < LINES {
        let query = [("subscribe", &subscribe), ("cursor", &cursor), ("wait", &"5".to_owned())];
        let request = world.a.request(reqwest::Method::GET, "console/events").query(&query);
        let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        if cursor.is_empty() {
            world.a.start(json!({"command": "seq", "args": [LINES.to_string()]})).await;
        }
        cursor = answer["data"]["next"].as_str().unwrap().to_owned();
        for event in answer["data"]["events"].as_array().unwrap() {
            for line in event["lines"].as_array().into_iter().flatten() {
                texts.push(line["text"].as_str().unwrap().to_owned());
            }
            events += 1;
        }
    }
    assert!(texts.iter().eq((1..=LINES).map(|number| number.to_string()).collect::<Vec<_>>().iter()));
    assert!(events < LINES / 10, "{events} events");
}
