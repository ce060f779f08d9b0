//! Tables, JSON, and failures as they are shown.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::mock::Mock;
use crate::person::Person;

fn run(id: &str, status: &str, args: &[&str], outcome: Value) -> Value {
    json!({
        "id": id, "command": "rg", "version": 1, "module": "00", "args": args, "status": status,
        "outcome": outcome, "created_at": "2020-01-02T03:04:05Z", "created_by": "usr_1",
        "usage": {"cpu_us": 1_234, "wall_us": 5_678_900, "peak_memory_bytes": 1_572_864, "stdin_bytes": 0,
            "stdout_bytes": 0, "stderr_bytes": 0},
    })
}

fn with_runs() -> (Mock, Person) {
    let mock = Mock::start();
    let ended = |kind: &str, code: u8| json!({"kind": kind, "exit_code": code});
    mock.set_list(
        "/v1/acme/runs",
        json!([
            run("run_3", "running", &["-n", "main\u{1b}[2J"], Value::Null),
            run("run_2", "ended", &[], ended("exited", 0)),
            run("run_1", "ended", &["--json", "x"], ended("out_of_memory", 137)),
        ]),
    );
    let ann = Person::signed_in(&mock);
    (mock, ann)
}

#[test]
fn ps_shows_what_is_going_on_and_all_on_demand() {
    let (_mock, ann) = with_runs();
    insta::assert_snapshot!(ann.types(&["ps"]).text(), @r"
    RUN    COMMAND            STATUS   CODE  TIME  CPU  MEMORY  STARTED
    run_3  rg -n main\x1b[2J  running     -     -    -       -  2020-01-02
    ");
    insta::assert_snapshot!(ann.types(&["ps", "--all"]).text(), @r"
    RUN    COMMAND            STATUS         CODE   TIME     CPU   MEMORY  STARTED
    run_3  rg -n main\x1b[2J  running           -      -       -        -  2020-01-02
    run_2  rg                 exited            0  5.7 s  1.2 ms  1.5 MiB  2020-01-02
    run_1  rg --json x        out_of_memory   137  5.7 s  1.2 ms  1.5 MiB  2020-01-02
    ");
}

#[test]
fn json_is_the_apis_own() {
    let (_mock, ann) = with_runs();
    let runs: Vec<Value> = serde_json::from_str(&ann.types(&["ps", "--all", "--json"]).text()).unwrap();
    assert_eq!(
        runs.iter().map(|run| run["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["run_3", "run_2", "run_1"]
    );
    assert_eq!(ann.types(&["modules", "--json"]).text(), "[]\n");
}

#[test]
fn an_empty_list_says_what_to_do_and_prints_nothing() {
    let mock = Mock::start();
    let said = Person::signed_in(&mock).types(&["modules"]);
    assert_eq!((said.code, said.text().as_str()), (Some(0), ""));
    assert_eq!(said.stderr, "No modules yet: cloister push FILE uploads one.\n");
}

#[test]
fn deployments_show_limits_and_grants_without_values() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let active = json!({
        "version": 3, "module": "ab".repeat(32), "description": "search", "created_by": "usr_1",
        "created_at": "2020-01-02T03:04:05Z",
        "limits": {"fuel": 5_000_000, "cpu_ms": 500, "wall_ms": 60_000, "memory_bytes": 67_108_864},
        "grants": {"directories": [{"path": "/docs", "guest": "/d", "access": "read_only"}],
            "env": {"TOKEN": "secret"}, "network": [{"host": "example.com", "port": 443}]},
    });
    mock.set_list("/v1/acme/deployments", json!([{"name": "rg", "version": 3, "active": active}]));
    insta::assert_snapshot!(ann.types(&["deployments"]).text(), @r"
    NAME  VERSION  MODULE        LIMITS                                           GRANTS                                  DEPLOYED    DESCRIPTION
    rg          3  abababababab  fuel 5M, cpu 500 ms, time 1m 00s, memory 64 MiB  /docs::/d::ro, $TOKEN, example.com:443  2020-01-02  search
    ");
}

#[test]
fn a_host_that_is_not_there_is_69() {
    let mock = Mock::start();
    let ann = Person::new(&mock);
    let said = ann.type_with_input(&["login", "127.0.0.1:1", "--email", "a@b", "--password-stdin"], b"x\n");
    assert_eq!(said.code, Some(69));
    insta::assert_snapshot!(said.stderr, @r"
    error[host_unreachable]: cannot reach http://127.0.0.1:1: Connection refused (os error 111)
    hint: is the host running, and is the address right? --host URL chooses another
    ");
}

#[test]
fn wrong_usage_is_2() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    for args in [&["exec"][..], &["nonsense"], &["deploy", "x"], &["logs", "--since", "soon"], &["kill"], &[]]
    {
        assert_eq!(ann.types(args).code, Some(2), "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["exec", "--help"]] {
        assert_eq!(ann.types(args).code, Some(0), "{args:?}");
    }
}

#[test]
fn an_answer_that_is_no_cloisters_is_explained() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let said = ann.types(&["tenant", "create", "acme", "--owner", "a@b"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.stderr, "error[http_405]: the host answered 405 Method Not Allowed without saying why\n");
}

#[test]
fn a_closed_output_is_no_error_message() {
    let (_mock, ann) = with_runs();
    let mut child = ann.command(&["completions", "bash"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = ann.said(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (Some(141), ""));
}

#[test]
fn completion_scripts_are_accepted_by_the_shell() {
    let mock = Mock::start();
    let script = Person::new(&mock).types(&["completions", "bash"]).text();
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), script).unwrap();
    assert!(Command::new("bash").arg("-n").arg(path.path()).status().unwrap().success());
}
