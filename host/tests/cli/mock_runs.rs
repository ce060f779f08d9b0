//! The mock's runs. `cat` echoes its input; `fail` ends with 42; `spin` runs until it is killed; `cut` loses its
//! connection after each event; `deaf` ends without reading; `fuel` runs out of fuel.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cloister_host::api::{CreateRun, Outcome, Run, RunStatus, StdinAccepted, Usage};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::mock::{Seen, data, problem};

type Params = std::collections::BTreeMap<String, String>;

/// Wait steps of the mock's own polling.
const STEP: Duration = Duration::from_millis(5);

pub(crate) struct Runs {
    pub(crate) created: Mutex<Vec<CreateRun>>,
    pub(crate) killed: AtomicBool,
    pub(crate) stdin: Mutex<Vec<u8>>,
    /// The next stdin request is taken in half and answered with 503.
    pub(crate) stdin_trouble: AtomicBool,
    state: watch::Sender<Live>,
}

#[derive(Default, Clone)]
struct Live {
    cuts: bool,
    output: Vec<(&'static str, Vec<u8>)>,
    ended: Option<Outcome>,
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            created: Mutex::default(),
            killed: AtomicBool::default(),
            stdin: Mutex::default(),
            stdin_trouble: AtomicBool::default(),
            state: watch::channel(Live::default()).0,
        }
    }
}

fn exited(exit_code: u8) -> Option<Outcome> {
    Some(Outcome { kind: "exited".to_owned(), exit_code, message: None })
}

fn run(command: &str, outcome: Option<Outcome>) -> Run {
    Run {
        id: "run_1".to_owned(),
        command: command.to_owned(),
        version: 1,
        module: "00".repeat(32),
        args: vec![],
        status: if outcome.is_some() { RunStatus::Ended } else { RunStatus::Running },
        outcome,
        usage: Usage::default(),
        created_at: "2020-01-02T03:04:05Z".to_owned(),
        ended_at: None,
        created_by: "usr_1".to_owned(),
        output: None,
    }
}

pub(crate) async fn start(State(seen): State<Arc<Seen>>, Json(body): Json<CreateRun>) -> Response {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let live = match body.command.as_str() {
        "cat" | "spin" => {
            Live { output: vec![("stdout", vec![]), ("stderr", b"ready\n".to_vec())], ..Live::default() }
        }
        "fail" => Live {
            output: vec![("stdout", all_bytes), ("stderr", b"no\n".to_vec())],
            ended: exited(42),
            cuts: false,
        },
        "deaf" => Live { ended: exited(0), ..Live::default() },
        "flood" => Live { output: vec![("stdout", vec![b'x'; 256 << 10]); 8], ..Live::default() },
        "cut" => {
            let output = ["one ", "two ", "three\n"].map(|text| ("stdout", text.as_bytes().to_vec()));
            Live { cuts: true, output: output.to_vec(), ended: exited(7) }
        }
        "gap" => {
            let output = [("stdout", "one"), ("gap", ""), ("stdout", "three\n")];
            let output = output.map(|(stream, text)| (stream, text.as_bytes().to_vec()));
            Live { output: output.to_vec(), ended: exited(0), cuts: false }
        }
        "fuel" => {
            let message = Some("it used all of its 5 fuel units".to_owned());
            Live {
                ended: Some(Outcome { kind: "out_of_fuel".to_owned(), exit_code: 137, message }),
                ..Live::default()
            }
        }
        other => return problem(404, "command_not_found", &format!("there is no command `{other}`")),
    };
    seen.runs.state.send_replace(live);
    let answer = data(run(&body.command, None));
    seen.runs.created.lock().push(body);
    answer
}

pub(crate) async fn stdin(
    State(seen): State<Arc<Seen>>,
    Query(params): Query<Params>,
    bytes: Bytes,
) -> Response {
    if seen.runs.state.borrow().ended.is_some() {
        return problem(409, "run_already_ended", "the run has ended");
    }
    let trouble = seen.runs.stdin_trouble.swap(false, Ordering::SeqCst);
    let offset: usize = params["offset"].parse().unwrap();
    let bytes = if trouble { &bytes[..bytes.len() / 2] } else { &bytes[..] };
    let next_offset = {
        let mut taken = seen.runs.stdin.lock();
        assert!(offset <= taken.len(), "a hole in the input");
        let new = bytes.get(taken.len() - offset..).unwrap_or_default().to_vec();
        taken.extend_from_slice(&new);
        seen.runs.state.send_modify(|live| live.output.push(("stdout", new)));
        taken.len() as u64
    };
    if trouble {
        return problem(503, "overloaded", "try again");
    }
    let closed = params.get("eof").is_some_and(|eof| eof == "true");
    if closed {
        seen.runs.state.send_modify(|live| live.ended = exited(0));
    }
    data(StdinAccepted { next_offset, closed })
}

pub(crate) async fn kill(State(seen): State<Arc<Seen>>) -> Response {
    seen.runs.killed.store(true, Ordering::SeqCst);
    let outcome =
        Outcome { kind: "cancelled".to_owned(), exit_code: 130, message: Some("killed".to_owned()) };
    seen.runs.state.send_modify(|live| live.ended = Some(outcome.clone()));
    data(run("spin", Some(outcome)))
}

pub(crate) async fn output(
    State(seen): State<Arc<Seen>>,
    Path((_, _id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let next =
        headers.get("last-event-id").map_or(0, |id| id.to_str().unwrap().parse::<usize>().unwrap() + 1);
    let changes = seen.runs.state.subscribe();
    let stream =
        futures_util::stream::unfold((changes, next, 0_u32), |(mut changes, next, sent)| async move {
            loop {
                let live = changes.borrow_and_update().clone();
                if live.cuts && sent == 1 {
                    // Time for what was sent to leave, most of the time; then the connection breaks within an event.
                    tokio::time::sleep(STEP).await;
                    return Some((Err("cut".into()), (changes, next, sent + 1)));
                }
                if let Some((stream, bytes)) = live.output.get(next) {
                    if *stream == "gap" {
                        let gap = json!({"stream": "stdout", "from": 3, "to": 7});
                        let event = format!("id: {next}\nevent: gap\ndata: {gap}\n\n");
                        return Some((Ok(event), (changes, next + 1, sent + 1)));
                    }
                    let output = json!({"stream": stream, "data": BASE64_STANDARD.encode(bytes)});
                    let event =
                        format!(": still here\n\nid: {next}\nevent: output\ndata: {output}\n\nid: 99\nda");
                    let event = if live.cuts { event } else { event.replace("id: 99\nda", "") };
                    return Some((Ok(event), (changes, next + 1, sent + 1)));
                }
                if let Some(outcome) = live.ended {
                    let run = serde_json::to_string(&run("x", Some(outcome))).unwrap();
                    return Some((Ok(format!("event: exit\ndata: {run}\n\n")), (changes, next, sent + 1)));
                }
                if changes.changed().await.is_err() {
                    return None::<(Result<String, Box<dyn std::error::Error + Send + Sync>>, _)>;
                }
            }
        });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}

fn line(seq: u64) -> Value {
    json!({
        "seq": seq, "time": format!("2026-01-02T03:04:{seq:02}.000000Z"), "run": "run_1", "command": "rg",
        "stream": if seq.is_multiple_of(2) { "stderr" } else { "stdout" }, "text": format!("line {seq}"),
    })
}

/// Lines 1 to 5 are there; followers get 6 and 7, each over a connection of its own.
pub(crate) async fn logs(Query(params): Query<Params>, headers: HeaderMap) -> Response {
    if headers.get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream") {
        let after: u64 = headers.get("last-event-id").map_or(5, |id| id.to_str().unwrap().parse().unwrap());
        let next = after + 1;
        let events = async move {
            if next > 7 {
                tokio::time::sleep(STEP * 10_000).await;
            }
            Ok::<_, Infallible>(format!("id: {next}\nevent: line\ndata: {}\n\n", line(next)))
        };
        let stream = futures_util::stream::once(events);
        return ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response();
    }
    let limit: usize = params["limit"].parse().unwrap();
    let lines: Vec<Value> = (1..=5).rev().map(line).take(limit).collect();
    let mut page = json!({
        "success": true, "data": lines, "tenant_id": "ten_1", "pagination": {"per_page": limit, "has_next": false},
    });
    if params.contains_key("count") {
        page["count"] = json!({"lines": 5, "exact": false});
    }
    if params.contains_key("regex") {
        page["missing"] = json!([{"first_seq": 7, "last_seq": 9}]);
    }
    Json(page).into_response()
}

pub(crate) async fn context(Path((_, seq)): Path<(String, u64)>) -> Response {
    let data = json!({"before": [line(seq - 1)], "line": line(seq), "after": [], "newer": "c"});
    Json(json!({"success": true, "data": data})).into_response()
}

pub(crate) async fn export(Query(params): Query<Params>) -> Vec<u8> {
    let text = format!("all lines as {}\n", params["format"]);
    [text.as_bytes(), b"\xff\n"].concat()
}

pub(crate) async fn delete_logs() -> Response {
    Json(json!({"success": true, "data": {"lines": 12}})).into_response()
}
