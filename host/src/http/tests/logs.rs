//! Log lines over HTTP.

use super::*;
use crate::auth::TenantScope;
use crate::logs::{LineSource, LogLevel, LogStream, RunLog};

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
        ("limit=0", "400 malformed_query"),
        ("limit=many", "400 malformed_query"),
    ] {
        assert_eq!(host.get(&format!("/v1/mine/logs?{query}"), &token).await.problem(), problem, "{query}");
    }
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
