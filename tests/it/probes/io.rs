//! Guests that write too much, wait for what never comes, or say what others should not hear.

use serde_json::json;

use super::{End, Grants, Probe, Report, Stage};
use crate::harness::{Shape, probe};

const OUTPUT: &str = "a meter over both output streams ends the run at its byte limit";
const STDIN: &str =
    "reading standard input is asynchronous: the ticker ends the run and the future is dropped";
const CALLS: &str = "host calls end the slice too; CPU and wall limits looked at between slices";
const TABLE: &str = "descriptors are indices into the guest's own table";
const TEXTS: &str = "texts of errors are made of numbers and never of paths; all probes' are looked through";
const NOTHING: &str = "a guest starts with nothing; no inherit_* call";

const PARKED: &[End] = &[End::Wall, End::Kill];
const ENDLESS: &[End] = &[End::Wall, End::Cpu, End::Kill];

pub(super) const PROBES: &[Probe] = &[
    Probe::new("io_flood_stdout", OUTPUT, &[End::Output]),
    Probe::new("io_flood_stderr", OUTPUT, &[End::Output]),
    Probe::new("io_flood_newlines", OUTPUT, &[End::Output]),
    Probe::new("io_flood_line", OUTPUT, &[End::Output]),
    Probe::new("io_one_write", OUTPUT, &[End::Output]),
    Probe::new("io_tiny_writes", OUTPUT, &[End::Output]),
    Probe::new("io_vectors", OUTPUT, &[End::Output]),
    Probe::new("io_empty_writes", CALLS, ENDLESS),
    Probe::new("io_stdin", STDIN, PARKED).silent_stdin().idle(),
    Probe::new("io_stdin_poll", STDIN, PARKED).silent_stdin().idle(),
    Probe::new("io_stdin_spin", CALLS, ENDLESS),
    Probe::new("io_descriptors", TABLE, &[End::Held]),
    Probe::new("io_process", NOTHING, &[End::Held]),
    Probe::new("io_environment", NOTHING, &[End::Held]),
    Probe::new("io_error_texts", TEXTS, &[End::Held]).grants(Grants::Root).only(Shape::Component),
];

#[tokio::test]
async fn io_probes_are_stopped() {
    Stage::set().await.play("io", PROBES).await;
}

#[tokio::test]
async fn output_that_drives_a_terminal_or_a_browser_is_inert_where_it_is_shown() {
    let stage = Stage::set().await;
    let client = &stage.world.a;
    client.deploy("io_terminal", probe("io_terminal", Shape::Core), json!({})).await;
    let run = client.run("io_terminal", &[]).await;
    assert_eq!(run["output"]["encoding"], "base64");
    let id = run["id"].as_str().unwrap();
    let raw = client.get(&format!("runs/{id}/output/stdout")).await.expect(200);
    assert!(raw.body.starts_with(b"\x1b]52;"), "stored as it came");
    assert_eq!(raw.header("content-type"), "application/octet-stream");
    assert_eq!(raw.header("x-content-type-options"), "nosniff");
    assert!(raw.header("content-security-policy").contains("sandbox"), "{:?}", raw.headers);
    let lines = client.get(&format!("logs?run={id}")).await.expect(200);
    assert_eq!(lines.header("content-type"), "application/json");
    let is_control = |byte: &u8| *byte < 0x20 && *byte != b'\n' || *byte == 0x7f;
    assert!(!lines.body.iter().any(is_control), "{}", lines.text());
}

#[tokio::test]
async fn lines_that_look_like_records_stay_lines_of_their_run() {
    let stage = Stage::set().await;
    let client = &stage.world.a;
    client.deploy("io_forged_lines", probe("io_forged_lines", Shape::Core), json!({})).await;
    let run = client.run("io_forged_lines", &[]).await;
    let id = run["id"].as_str().unwrap();
    let lines = client.all(&format!("logs?run={id}")).await;
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in &lines {
        assert_eq!((&line["run"], &line["command"]), (&json!(id), &json!("io_forged_lines")), "{line}");
        assert_eq!(line["stream"], "stdout", "{line}");
        assert_ne!(line["time"], "1970-01-01T00:00:00Z", "{line}");
    }
    let neighbours = stage.world.b.all("logs").await;
    assert!(neighbours.iter().all(|line| line["command"] == "lines"), "{neighbours:?}");
}

#[tokio::test]
async fn any_exit_code_is_reported_as_a_shell_would() {
    let stage = Stage::set().await;
    let client = &stage.world.a;
    for shape in Shape::ALL {
        client.deploy("io_exit_codes", probe("io_exit_codes", shape), json!({})).await;
        for (code, seen) in
            [("0", 0), ("1", 1), ("66", 66), ("126", 126), ("255", 255), ("256", 0), ("-1", 255)]
        {
            // WASI 0.2 knows success and failure.
            let seen = if shape == Shape::Component && code != "0" { 1 } else { seen };
            let run = client.run("io_exit_codes", &[code]).await;
            assert_eq!(run["outcome"], json!({"kind": "exited", "exit_code": seen}), "{shape:?} {code}");
        }
    }
}

#[tokio::test]
async fn arguments_and_variables_that_are_too_many_are_refused() {
    let stage = Stage::set().await;
    let client = &stage.world.a;
    client.deploy("io_environment", probe("io_environment", Shape::Core), json!({})).await;
    let body = |args: Vec<String>, value: String| json!({"command": "io_environment", "args": args, "env": {"A": value}, "wait": true});
    let large = client.post("runs", body(Vec::new(), "x".repeat(1 << 20))).await;
    assert!(matches!(large.status, 400 | 413 | 422), "{}", large.text());
    let large = client.post("runs", body(vec!["x".repeat(64 << 20)], String::new())).await;
    large.problem(413, "body_too_large");
    let many = client.post("runs", body(vec!["x".to_owned(); 4 << 20], String::new())).await;
    assert!(matches!(many.status, 400 | 413 | 422), "{}", many.text());
    let zero = client.post("runs", body(vec!["a\0b".to_owned()], String::new())).await;
    assert!(matches!(zero.status, 400 | 422), "{}", zero.text());
    let mut report = Report::new("io_arguments");
    report.note(json!({"neighbour_ms": stage.neighbour().await.as_secs_f64() * 1e3}));
    report.finish();
}
