//! Log lines over HTTP.

use super::*;
use crate::api::{RunStatus, Usage};
use crate::auth::TenantScope;
use crate::logs::{LineSource, LogLevel, LogStream, Retention, RunLog};
use crate::store::{RunRecord, StoreError};

const RUN: &str = "run_00000000000000000000000001";

async fn run_of(host: &Host, slug: &str, token: &str) -> RunLog {
    let tenant = host.get(&format!("/v1/{slug}/logs"), token).await.json()["tenant_id"].clone();
    let scope = TenantScope::for_test(tenant.as_str().unwrap().parse().unwrap());
    let source = LineSource::of_run(RUN.parse().unwrap(), "greet".parse().unwrap());
    host.app.logs.run(&scope, source)
}

async fn write(run: &RunLog, stream: LogStream, text: &str) {
    run.capture(stream).write(text.as_bytes()).await.unwrap();
    run.flush().await.unwrap();
}

fn texts(reply: &Reply) -> Vec<String> {
    let lines = reply.data();
    lines.as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn lines_are_filtered_and_paged() {
    let host = Host::start().await;
    let (mine, theirs) = (host.owner_of("mine").await, host.owner_of("theirs").await);
    let run = run_of(&host, "mine", &mine).await;
    write(&run, LogStream::Stdout, "one\ntwo \u{1b}[31mred\nERROR three\n").await;
    host.advance_s(60);
    write(&run, LogStream::Stderr, "four\n").await;
    run.system(LogLevel::Info, "ended").await.unwrap();
    run.flush().await.unwrap();

    let all = host.get("/v1/mine/logs", &mine).await;
    assert_eq!(texts(&all), ["ended", "four", "ERROR three", "two \u{1b}[31mred", "one"]);
    let line = &all.data()[2];
    assert_eq!(line["seq"], 3);
    assert_eq!(line["level"], "error");
    assert_eq!(
        (&line["run"], &line["command"], &line["stream"]),
        (&json!(RUN), &json!("greet"), &json!("stdout"))
    );
    assert_eq!(line["time"], "2026-01-01T00:00:00.000000Z");

    for (query, expected) in [
        ("level=error", vec!["ERROR three"]),
        ("stream=stderr,system&order=asc", vec!["four", "ended"]),
        ("text=w&level=", vec!["two \u{1b}[31mred"]),
        ("regex=%5E.%7B4%7D%24", vec!["four"]),
        ("from=2026-01-01T00:01:00Z&stream=stderr", vec!["four"]),
        ("to=2026-01-01T00:01:00Z&order=asc&limit=2", vec!["one", "two \u{1b}[31mred"]),
        ("run=run_00000000000000000000000002", vec![]),
        ("command=other", vec![]),
    ] {
        assert_eq!(texts(&host.get(&format!("/v1/mine/logs?{query}"), &mine).await), expected, "{query}");
    }

    let first = host.get("/v1/mine/logs?limit=3", &mine).await.json();
    assert_eq!(first["pagination"]["has_next"], true);
    let cursor = first["pagination"]["cursor"].as_str().unwrap();
    let second = host.get(&format!("/v1/mine/logs?limit=3&cursor={cursor}"), &mine).await;
    assert_eq!(texts(&second), ["two \u{1b}[31mred", "one"]);
    assert_eq!(second.json()["pagination"]["has_next"], false);

    assert!(texts(&host.get("/v1/theirs/logs", &theirs).await).is_empty());
    assert_eq!(host.get("/v1/mine/logs", &theirs).await.problem(), "404 tenant_not_found");
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    for (query, problem) in [
        ("cursor=nonsense", "400 malformed_cursor"),
        ("order=up", "400 invalid_value"),
        ("level=loud", "400 invalid_value"),
        ("stream=stdin", "400 invalid_value"),
        ("from=yesterday", "400 invalid_value"),
        ("run=1", "400 invalid_value"),
        ("regex=(", "400 invalid_value"),
        ("field=%3D1", "400 invalid_value"),
        ("workflow_run=1", "400 invalid_value"),
        ("count=perhaps", "400 malformed_query"),
        ("limit=0", "400 malformed_query"),
        ("limit=many", "400 malformed_query"),
    ] {
        assert_eq!(host.get(&format!("/v1/mine/logs?{query}"), &token).await.problem(), problem, "{query}");
    }
}

#[tokio::test]
async fn fields_are_shown_filtered_and_counted() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    let run = run_of(&host, "mine", &token).await;
    write(&run, LogStream::Stdout, "{\"level\":\"warn\",\"http\":{\"status\":500},\"id\":\"a\"}\nplain\n")
        .await;
    host.advance_s(3_600);
    let token = host.sign_in_again("mine").await;
    write(&run, LogStream::Stdout, "{\"http\":{\"status\":404},\"id\":\"b\"}\n{\"id\":\"a\"}\n").await;

    let found = host.get("/v1/mine/logs?field=http.status%3D500&field=id&count=true", &token).await;
    assert_eq!(found.data()[0]["fields"], json!({"level": "warn", "http": {"status": 500}, "id": "a"}));
    assert_eq!(found.json()["count"], json!({"lines": 1, "exact": true}));
    let plain = host.get("/v1/mine/logs?text=plain", &token).await;
    assert!(plain.data()[0].get("fields").is_none() && plain.json().get("count").is_none());
    let unlevelled = host.get("/v1/mine/logs?level=none&order=asc", &token).await;
    assert_eq!(unlevelled.data().as_array().unwrap().len(), 3);

    let shown = host
        .get("/v1/mine/logs/histogram?buckets=2&from=2026-01-01T00:00:00Z&to=2026-01-01T02:00:00Z", &token);
    let shown = shown.await.data();
    assert_eq!(
        (&shown["count"], &shown["bucket_us"]),
        (&json!({"lines": 4, "exact": true}), &json!(3_600_000_000_u64))
    );
    let bucket = |from: &str, warn: u64, none: u64| {
        json!({
            "from": from, "lines": warn + none, "trace": 0, "debug": 0, "info": 0, "warn": warn, "error": 0, "none": none
        })
    };
    let expected =
        json!([bucket("2026-01-01T00:00:00.000000Z", 1, 1), bucket("2026-01-01T01:00:00.000000Z", 0, 2)]);
    assert_eq!(shown["buckets"], expected);
    let shown = host.get("/v1/mine/logs/histogram?field=id%3Da", &token).await.data();
    assert_eq!(shown["count"]["lines"], 2);
    assert_eq!(shown["buckets"].as_array().unwrap().len(), 60);
    let empty = host.owner_of("theirs").await;
    let shown = host.get("/v1/theirs/logs/histogram", &empty).await.data();
    assert_eq!((&shown["count"]["lines"], &shown["buckets"]), (&json!(0), &json!([])));
    for query in ["buckets=0", "buckets=501", "level=loud"] {
        let refused = host.get(&format!("/v1/mine/logs/histogram?{query}"), &token).await;
        assert_eq!(refused.problem(), "400 invalid_value", "{query}");
    }
}

#[tokio::test]
async fn a_line_is_shown_with_its_neighbours() {
    let host = Host::start().await;
    let (mine, theirs) = (host.owner_of("mine").await, host.owner_of("theirs").await);
    let run = run_of(&host, "mine", &mine).await;
    write(&run, LogStream::Stdout, "1 a\n2 b\n3 a\n4 b\n5 a\n6 b\n").await;
    assert_eq!(host.get("/v1/mine/logs/4", &mine).await.data()["text"], "4 b");
    let around = host.get("/v1/mine/logs/4/context?before=1&after=5&text=a", &mine).await.data();
    let texts = |lines: &Value| -> Vec<String> {
        lines.as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (texts(&around["before"]), texts(&around["after"])),
        (vec!["3 a".to_owned()], vec!["5 a".to_owned()])
    );
    assert_eq!(around["line"]["seq"], 4);
    let older = around["older"].as_str().unwrap();
    let rest = host.get(&format!("/v1/mine/logs?text=a&order=desc&cursor={older}"), &mine).await;
    assert_eq!(texts(&rest.data()), ["1 a"]);
    let newer = around["newer"].as_str().unwrap();
    write(&run, LogStream::Stdout, "7 a\n").await;
    let rest = host.get(&format!("/v1/mine/logs?text=a&order=asc&cursor={newer}"), &mine).await;
    assert_eq!(texts(&rest.data()), ["7 a"]);
    for (path, problem) in [
        ("0", "404 line_not_found"),
        ("8", "404 line_not_found"),
        ("x", "404 line_not_found"),
        ("+1", "404 line_not_found"),
        ("99999999999999999999", "404 line_not_found"),
        ("4/context?before=201", "400 invalid_value"),
        ("9/context", "404 line_not_found"),
    ] {
        assert_eq!(host.get(&format!("/v1/mine/logs/{path}"), &mine).await.problem(), problem, "{path}");
    }
    assert_eq!(host.get("/v1/theirs/logs/4", &theirs).await.problem(), "404 line_not_found");
}

#[tokio::test]
async fn long_lines_odd_bytes_and_colours_come_as_promised() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    let run = run_of(&host, "mine", &token).await;
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(70_000));
    let written = [b"\x1b[31mred\x1b[0m \xff\xfe\r\n", long.as_bytes(), b"\nlast"].concat();
    let mut out = run.capture(LogStream::Stdout);
    out.write(&written).await.unwrap();
    out.finish().await.unwrap();
    let lines = host.get("/v1/mine/logs?order=asc", &token).await.data();
    assert_eq!(lines[0]["text"], "\u{1b}[31mred\u{1b}[0m \\xff\\xfe");
    assert_eq!((&lines[1]["continues"], lines[2].get("continues")), (&json!(true), None));
    assert!(lines[1].get("fields").is_none() && lines[2].get("fields").is_none());
    let parts = [lines[1]["text"].as_str().unwrap(), lines[2]["text"].as_str().unwrap()].concat();
    assert_eq!(parts, long);

    let raw = host.get("/v1/mine/logs/export?format=raw", &token).await;
    assert_eq!(raw.body, written);
    let exported = host.get("/v1/mine/logs/export?stream=stdout&text=red", &token).await;
    let exported: Vec<Value> = exported
        .body
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(exported, lines.as_array().unwrap()[..1]);
    assert_eq!(host.get("/v1/mine/logs/export?format=xml", &token).await.problem(), "400 invalid_value");
}

#[tokio::test]
async fn damage_is_told_in_pages_and_downloads() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    let run = run_of(&host, "mine", &token).await;
    for _ in 0..3 {
        write(&run, LogStream::Stdout, &"some text of some length\n".repeat(1_500)).await;
    }
    let tenant = host.get("/v1/mine/logs?limit=1", &token).await.json()["tenant_id"].clone();
    let scope = TenantScope::for_test(tenant.as_str().unwrap().parse().unwrap());
    assert_eq!(host.app.lifecycle.check_logs(&host.app.stopping).await, 0);
    host.app.store.log_chunks().damage_for_test(&scope, 1).unwrap();
    let page = host.get("/v1/mine/logs?order=asc&limit=1", &token).await.json();
    assert_eq!(page["missing"][0]["first_seq"], 1);
    let last = page["missing"][0]["last_seq"].as_u64().unwrap();
    assert_eq!(page["data"][0]["seq"], last + 1);
    assert_eq!(host.get("/v1/mine/logs/1", &token).await.problem(), "500 log_damaged");
    assert_eq!(host.app.lifecycle.check_logs(&host.app.stopping).await, last);
    let counted = host.get("/v1/mine/logs?limit=1&count=true", &token).await.json();
    assert_eq!(counted["count"], json!({"lines": 4_500 - last, "exact": false}));
    let exported = host.get("/v1/mine/logs/export", &token).await;
    let first = exported.body.split(|byte| *byte == b'\n').next().unwrap();
    let told: Value = serde_json::from_slice(first).unwrap();
    assert_eq!(told, json!({"missing": {"first_seq": 1, "last_seq": last}}));
    assert_eq!(exported.body.iter().filter(|byte| **byte == b'\n').count() as u64, 4_500 - last + 1);
}

#[tokio::test]
async fn a_download_that_is_cut_off_does_not_look_whole() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    let run = run_of(&host, "mine", &token).await;
    for _ in 0..20 {
        write(&run, LogStream::Stdout, &"text\n".repeat(1_000)).await;
    }
    let request =
        Request::builder().uri("/v1/mine/logs/export").header("authorization", format!("Bearer {token}"));
    let response = host.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    host.app.stopping.cancel();
    let mut ended_with_error = false;
    while let Some(frame) = body.frame().await {
        ended_with_error = frame.is_err();
    }
    assert!(ended_with_error);
}

#[tokio::test]
async fn plans_say_how_long_lines_are_kept() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    let run = run_of(&host, "mine", &token).await;
    write(&run, LogStream::Stdout, "old\n").await;
    host.advance_s(2 * 24 * 3_600);
    let trim = async || host.app.lifecycle.trim_logs(&host.app.stopping).await;
    let lines = async || host.app.logs.stats().trimmed_lines.get();
    trim().await;
    assert_eq!(lines().await, 0, "every plan keeps a week");
    let change = json!({"limits": {"retention_days": 1}, "reason": "test"});
    let operator = host.operator().await;
    host.call(Method::PATCH, "/v1/operator/tenants/mine", &operator, Some(change)).await.data();
    trim().await;
    assert_eq!(lines().await, 1);
    // Bytes: noise that does not compress, until the oldest must go.
    let mut noise = 1_u64;
    for _ in 0..24 {
        let text: String = (0..100_000)
            .map(|at| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if at % 100 == 99 { '\n' } else { char::from(b'!' + ((noise >> 33) % 90) as u8) }
            })
            .collect();
        write(&run, LogStream::Stdout, &text).await;
    }
    trim().await;
    assert_eq!(lines().await, 1);
    let change = json!({"limits": {"retention_bytes": 1 << 20}, "reason": "test"});
    host.call(Method::PATCH, "/v1/operator/tenants/mine", &operator, Some(change)).await.data();
    trim().await;
    let left = 24_001 - lines().await;
    assert!((5_000..=12_000).contains(&left), "{left}");
    let metrics = host.get("/metrics", "").await.body;
    let shown = format!("cloister_log_trimmed_lines_total {}", lines().await);
    assert!(String::from_utf8_lossy(&metrics).contains(&shown));
}

/// Events of a follower until `count` lines came; the rest of the answer is let go.
async fn follow(host: &Host, query: &str, token: &str, last_id: Option<&str>, count: usize) -> String {
    let mut request = Request::builder()
        .uri(format!("/v1/mine/logs?{query}"))
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "text/event-stream");
    if let Some(id) = last_id {
        request = request.header("last-event-id", id);
    }
    let response = host.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut text = String::new();
    while text.matches("event: line").count() < count || !text.ends_with("\n\n") {
        let frame = body.frame().await.unwrap().unwrap();
        text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
    }
    text
}

#[tokio::test]
async fn a_follower_continues_after_the_last_event_it_saw() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    let run = run_of(&host, "mine", &token).await;
    write(&run, LogStream::Stdout, "one\ntwo\nthree\n").await;
    let seen = follow(&host, "limit=2", &token, None, 2).await;
    assert!(!seen.contains("\"one\"") && seen.contains("\"two\"") && seen.contains("\"three\""), "{seen}");
    let id = seen.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap().to_owned();
    write(&run, LogStream::Stdout, "four\n").await;
    let seen = follow(&host, "limit=2", &token, Some(&id), 1).await;
    assert!(seen.contains("\"four\"") && !seen.contains("\"three\""), "{seen}");
    let seen = follow(&host, "order=asc&level=", &token, None, 4).await;
    assert!(seen.find("\"one\"") < seen.find("\"four\""), "{seen}");
}

#[tokio::test]
async fn a_follower_is_let_go_when_the_host_stops() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    let request = Request::builder()
        .uri("/v1/mine/logs")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "text/event-stream");
    let response = host.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    host.app.stopping.cancel();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.is_empty() || body.starts_with(b"id: "), "{body:?}");
}

#[tokio::test]
async fn a_host_whose_log_failed_is_not_ready() {
    let host = Host::start().await;
    assert_eq!(host.get("/readyz", "").await.status, StatusCode::OK);
    assert!(String::from_utf8_lossy(&host.get("/metrics", "").await.body).contains("cloister_log_healthy 1"));
    host.app.logs.close().await.unwrap();
    assert_eq!(host.get("/readyz", "").await.problem(), "503 log_store_failed");
}

/// A run that has ended and wrote three chunks of lines, and the number of its last line in the first chunk.
async fn ended_run(host: &Host, token: &str) -> (TenantScope, String, u64) {
    let run = run_of(host, "mine", token).await;
    let mut written = String::new();
    for number in 0..3 {
        let text = format!("line of part {number}\n").repeat(1_500);
        write(&run, LogStream::Stdout, &text).await;
        written += &text;
    }
    let tenant = host.get("/v1/mine/logs?limit=1", token).await.json()["tenant_id"].clone();
    let scope = TenantScope::for_test(tenant.as_str().unwrap().parse().unwrap());
    let now = host.app.clock.now();
    let record = RunRecord {
        id: RUN.parse().unwrap(),
        command: "greet".parse().unwrap(),
        version: 1,
        module: "0".repeat(64).parse().unwrap(),
        args: Vec::new(),
        status: RunStatus::Ended,
        outcome: None,
        usage: Usage { stdout_bytes: written.len() as u64, ..Usage::default() },
        created_at: now,
        ended_at: Some(now),
        created_by: "usr_00000000000000000000000001".parse().unwrap(),
    };
    let of_record = scope.clone();
    let put = host.app.store.write::<_, StoreError, _>(move |writer| writer.put_run(&of_record, &record));
    put.await.unwrap();
    let second = host.app.store.log_chunks().chunk_after(&scope, 1).unwrap().unwrap().first_seq;
    (scope, written, second - 1)
}

/// Names and data of the events of the run's output.
async fn output_events(host: &Host, token: &str, query: &str) -> Vec<(String, Value)> {
    let text = host.get(&format!("/v1/mine/runs/{RUN}/output{query}"), token).await.body;
    let text = String::from_utf8(text.to_vec()).unwrap();
    let value =
        |event: &str, name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    let events = text.split("\n\n").filter_map(|event| {
        Some((value(event, "event: ")?, serde_json::from_str(&value(event, "data: ")?).unwrap()))
    });
    events.collect()
}

fn output_of(events: &[(String, Value)]) -> Vec<u8> {
    use base64::Engine as _;
    let data =
        events.iter().filter(|(name, _)| name == "output").map(|(_, data)| data["data"].as_str().unwrap());
    data.flat_map(|data| base64::engine::general_purpose::STANDARD.decode(data).unwrap()).collect()
}

#[tokio::test]
async fn what_retention_took_of_an_output_is_told_as_a_gap() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    let (scope, written, last_of_first) = ended_run(&host, &token).await;
    assert_eq!(output_of(&output_events(&host, &token, "").await), written.as_bytes());
    let gone: usize = written.split_inclusive('\n').take(last_of_first as usize).map(str::len).sum();
    let retention = Retention { through_seq: Some(last_of_first), ..Retention::default() };
    host.app.logs.trim(&scope, retention).await.unwrap();

    let events = output_events(&host, &token, "").await;
    assert_eq!(events[0], ("gap".to_owned(), json!({"stream": "stdout", "from": 0, "to": gone})));
    assert_eq!(output_of(&events), &written.as_bytes()[gone..]);
    let events = output_events(&host, &token, "?cursor=100.0").await;
    assert_eq!(events[0].1, json!({"stream": "stdout", "from": 100, "to": gone}));
    let after = gone + 7;
    let events = output_events(&host, &token, &format!("?cursor={after}.0")).await;
    assert_eq!(output_of(&events), &written.as_bytes()[after..]);
    assert!(events.iter().all(|(name, _)| name != "gap"));

    let retention = Retention { max_stored_bytes: Some(0), ..Retention::default() };
    while host.app.logs.trim(&scope, retention).await.unwrap().more {}
    let events = output_events(&host, &token, "").await;
    assert_eq!(events[0].1, json!({"stream": "stdout", "from": 0, "to": written.len()}));
    assert_eq!((events.len(), events[1].0.as_str()), (2, "exit"));
}

#[tokio::test]
async fn an_output_with_damaged_lines_ends_with_the_damage() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    let (scope, _, last_of_first) = ended_run(&host, &token).await;
    host.app.store.log_chunks().damage_for_test(&scope, last_of_first + 1).unwrap();
    let events = output_events(&host, &token, "").await;
    assert_eq!(events.last().unwrap(), &("error".to_owned(), json!({"code": "log_damaged"})));
}

#[tokio::test]
async fn downloads_say_what_was_deleted_before() {
    let host = Host::start().await;
    let token = host.owner_of("mine").await;
    let (scope, written, last_of_first) = ended_run(&host, &token).await;
    let raw = async || host.get(&format!("/v1/mine/runs/{RUN}/output/stdout"), &token).await;
    let export = async |query: &str| host.get(&format!("/v1/mine/logs/export?{query}"), &token).await;
    assert_eq!(raw().await.headers["x-cloister-missing-bytes"], "0");
    let whole = export("").await;
    assert!(!whole.headers.contains_key("x-cloister-deleted-lines"));
    let first = |reply: &Reply| -> Value {
        serde_json::from_slice(reply.body.split(|byte| *byte == b'\n').next().unwrap()).unwrap()
    };
    assert_eq!(first(&whole)["seq"], 1);

    let gone: usize = written.split_inclusive('\n').take(last_of_first as usize).map(str::len).sum();
    let retention = Retention { through_seq: Some(last_of_first), ..Retention::default() };
    host.app.logs.trim(&scope, retention).await.unwrap();
    let reply = raw().await;
    assert_eq!(reply.headers["x-cloister-missing-bytes"], gone.to_string());
    assert_eq!(reply.body, &written.as_bytes()[gone..]);
    for query in ["", &format!("run={RUN}"), "run=run_00000000000000000000000009"] {
        let reply = export(query).await;
        assert_eq!(reply.headers["x-cloister-deleted-lines"], format!("1-{last_of_first}"), "{query}");
        assert_eq!(first(&reply), json!({"deleted": {"first_seq": 1, "last_seq": last_of_first}}), "{query}");
    }
    let reply = export("format=raw").await;
    assert_eq!(reply.headers["x-cloister-deleted-lines"], format!("1-{last_of_first}"));
    assert!(reply.body.starts_with(&written.as_bytes()[gone..]));

    host.app.logs.delete_run(&scope, &RUN.parse().unwrap()).await.unwrap();
    let reply = raw().await;
    assert_eq!(reply.headers["x-cloister-missing-bytes"], written.len().to_string());
    assert!(reply.body.is_empty());
    let told = first(&export(&format!("run={RUN}")).await);
    assert_eq!(told["deleted"]["first_seq"], 1);
    assert!(told["deleted"]["last_seq"].as_u64().unwrap() > last_of_first, "{told}");
}
