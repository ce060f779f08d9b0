//! Sessions as resources, what is typed into them, and what else a connection can be told.

use super::client::{Transcript, Ws, encoded, poll, say};
use super::program::Scripted;
use super::*;
use crate::store::StoreError;

const CLIENT: &str = "client-of-tests";
const SESSIONS: &str = "/v1/acme/console/sessions";

#[tokio::test]
async fn sessions_are_made_listed_renamed_and_ended() {
    let served = Served::start(Arc::new(Scripted)).await;
    let token = served.host.owner_of("acme").await;
    let body = json!({"name": "  work ", "columns": 120, "lines": 40});
    let made = served.host.post(SESSIONS, &token, body).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let made = made.data();
    assert_eq!(
        (&made["name"], &made["columns"], &made["mode"]),
        (&json!("work"), &json!(120), &json!("line"))
    );
    let path = format!("{SESSIONS}/{}", made["id"].as_str().unwrap());
    let renamed = served.host.call(Method::PATCH, &path, &token, Some(json!({"name": "other"}))).await.data();
    assert_eq!(renamed["name"], "other");
    assert_eq!(served.host.get(&path, &token).await.data(), renamed);
    assert_eq!(served.host.get(SESSIONS, &token).await.data(), json!([renamed]));
    assert_eq!(served.host.call(Method::DELETE, &path, &token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(served.host.get(SESSIONS, &token).await.data(), json!([]));
    assert_eq!(served.host.get(&path, &token).await.problem(), "404 console_session_not_found");
    for body in [
        json!({"name": ""}),
        json!({"name": "a\nb"}),
        json!({"name": "x".repeat(101)}),
        json!({"columns": 0}),
        json!({"lines": 1_001}),
    ] {
        assert_eq!(served.host.post(SESSIONS, &token, body).await.problem(), "400 invalid_value");
    }
}

#[tokio::test]
async fn the_plan_bounds_how_many_there_are() {
    let served =
        Served::start_with(Arc::new(Scripted), |config| config.plans.free.console_sessions = 2).await;
    let (token, other) = (served.host.owner_of("acme").await, served.host.owner_of("birch").await);
    let first = served.session("acme", &token).await;
    served.session("acme", &token).await;
    let refused = served.host.post(SESSIONS, &token, json!({})).await;
    assert_eq!(refused.problem(), "429 too_many_console_sessions");
    served.session("birch", &other).await;
    served.host.call(Method::DELETE, &format!("{SESSIONS}/{first}"), &token, None).await;
    served.session("acme", &token).await;
}

#[tokio::test]
async fn a_session_that_nobody_attaches_to_ends_by_itself() {
    let served = Served::start_with(Arc::new(Scripted), |config| config.plans.free.console_idle_s = 1).await;
    let token = served.host.owner_of("acme").await;
    served.session("acme", &token).await;
    client::soon("its end", async {
        while served.metric("cloister_console_sessions").await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let records = served.host.get("/v1/acme/audit?limit=50", &token).await.data();
    let ended = records.as_array().unwrap().iter().find(|record| record["action"] == "console:end").unwrap();
    assert_eq!(ended["detail"], "idle");
}

#[tokio::test]
async fn a_program_that_breaks_ends_its_session_alone_and_one_that_hangs_is_ended() {
    let served = Served::start(Arc::new(Scripted)).await;
    let token = served.host.owner_of("acme").await;
    let (broken, other) = (served.session("acme", &token).await, served.session("acme", &token).await);
    let mut ws = Ws::connect(&served, "acme", &token, CLIENT).await;
    for (ch, session) in [(0, &broken), (1, &other)] {
        ws.send(json!({"type": "subscribe", "ch": ch, "channel": "commands", "session": session})).await;
    }
    ws.send(json!({"type": "input", "session": broken, "seq": 1, "text": "panic\n"})).await;
    let exit = ws.until("exit").await;
    assert_eq!((&exit["ch"], exit.get("exit_code")), (&json!(0), None));
    ws.send(json!({"type": "input", "session": other, "seq": 1, "text": "hang\n"})).await;
    ws.until("accepted").await;
    let path = format!("{SESSIONS}/{other}");
    assert_eq!(served.host.call(Method::DELETE, &path, &token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ws.until("exit").await["reason"], "ended");
}

#[tokio::test]
async fn input_is_taken_once_whatever_way_and_however_often_it_comes() {
    let served = Served::start(Arc::new(Scripted)).await;
    let token = served.host.owner_of("acme").await;
    let session = served.session("acme", &token).await;
    let mut ws = Ws::connect(&served, "acme", &token, CLIENT).await;
    ws.send(json!({"type": "subscribe", "ch": 3, "channel": "commands", "session": session})).await;
    ws.until("attached").await;
    let input = |seq: u64, text: &str| json!({"type": "input", "session": session, "seq": seq, "text": text});
    let inputs = |seq: u64, texts: &[&str]| {
        let messages: Vec<_> = texts.iter().map(|text| json!({"type": "input", "text": text})).collect();
        json!({"client": CLIENT, "seq": seq, "messages": messages})
    };
    ws.send(input(1, "say a\n")).await;
    assert_eq!(ws.until("accepted").await["seq"], 1);
    // The answer was lost, so it comes again, by another way, with what follows.
    let said = say(&served, "acme", &token, &session, inputs(1, &["say a\n", "say b\n"])).await;
    assert_eq!(said.data()["seq"], 2);
    // A binary frame: channel, number, bytes.
    let frame = [&[3][..], &3_u64.to_be_bytes(), b"say c\n"].concat();
    for _ in 0..2 {
        let frame = tokio_tungstenite::tungstenite::Message::Binary(frame.clone().into());
        futures_util::SinkExt::send(&mut ws.socket, frame).await.unwrap();
    }
    ws.send(input(5, "say too early\n")).await;
    let error = ws.until("error").await;
    assert_eq!((&error["code"], &error["expected"]), (&json!("out_of_order"), &json!(4)));
    let refused = say(&served, "acme", &token, &session, inputs(6, &["x"])).await;
    assert_eq!(refused.problem(), "409 out_of_order");
    for body in [
        json!({"client": CLIENT, "messages": [{"type": "input", "text": "x"}]}),
        json!({"client": CLIENT, "seq": 0, "messages": [{"type": "input", "text": "x"}]}),
        json!({"client": CLIENT, "seq": 4, "messages": [{"type": "input", "text": "x"}, {"type": "nothing"}]}),
        json!({"client": CLIENT, "seq": 4, "messages": [{"type": "input", "session": "con_x", "text": "x"}]}),
        json!({"client": "short", "messages": []}),
    ] {
        assert_eq!(say(&served, "acme", &token, &session, body).await.problem(), "400 malformed_message");
    }
    let other = json!({"client": "another-client", "seq": 1, "messages": [{"type": "input", "text": "x"}]});
    assert_eq!(say(&served, "acme", &token, &session, other).await.problem(), "409 not_owner");
    ws.send(input(4, "say .\n")).await;
    assert_eq!(served.host.get(&format!("{SESSIONS}/{session}"), &token).await.data()["attached"], 1);
    let mut again = Ws::connect(&served, "acme", &token, "client-that-reads").await;
    again
        .send(json!({"type": "subscribe", "ch": 0, "channel": "commands", "session": session, "mode": "viewer"}))
        .await;
    assert_eq!(again.until_text(".").await, "abc.");
}

#[tokio::test]
async fn what_is_not_read_fills_up_and_an_interrupt_overtakes_it() {
    let served = Served::start(Arc::new(Scripted)).await;
    let token = served.host.owner_of("acme").await;
    let session = served.session("acme", &token).await;
    let take_over = json!({"client": CLIENT, "messages": [{"type": "take_over"}]});
    say(&served, "acme", &token, &session, take_over).await.data();
    // It writes more than the window, so it reads nothing.
    let say_it = |seq: u64, texts: Vec<String>| {
        let messages: Vec<_> = texts.into_iter().map(|text| json!({"type": "input", "text": text})).collect();
        json!({"client": CLIENT, "seq": seq, "messages": messages})
    };
    let flood = say_it(1, vec!["flood 400000\n".to_owned()]);
    say(&served, "acme", &token, &session, flood).await.data();
    let path = format!("{SESSIONS}/{session}");
    client::soon("a full window", async {
        while served.host.get(&path, &token).await.data()["bytes"] != crate::console::WINDOW_BYTES {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let line = format!("say {}\n", "x".repeat(1_000));
    let taken = say(&served, "acme", &token, &session, say_it(2, vec![line.clone(); 100])).await.data();
    let taken = taken["seq"].as_u64().unwrap();
    assert_eq!(taken, 1 + crate::console::INPUT_BYTES as u64 / line.len() as u64, "what found room");
    let interrupt = json!({"client": CLIENT, "messages": [{"type": "signal", "signal": "interrupt"}]});
    say(&served, "acme", &token, &session, interrupt).await.data();
    // Its owner reads on: the interrupt comes before all that was typed.
    let mut ws = Ws::connect(&served, "acme", &token, CLIENT).await;
    let mut seen = Transcript::default();
    let mut subscribe = seen.subscription(&session, "resume");
    subscribe["type"] = json!("subscribe");
    ws.send(subscribe).await;
    let expected = 400_000 + 2 + (taken - 1) * 1_000;
    while seen.offset < expected {
        seen.see(&ws.next().await.unwrap());
        ws.send(json!({"type": "ack", "session": session, "offset": seen.offset})).await;
    }
    assert!(seen.bytes[400_000..].starts_with(b"^Cxxx"));
}

#[tokio::test]
async fn a_run_can_be_followed_and_so_can_the_log_and_the_tenant() {
    let served = Served::start(Arc::new(Scripted)).await;
    let token = served.host.owner_of("acme").await;
    let module = served.host.send_bytes(Method::POST, "/v1/acme/modules", &token, WASM).await.data();
    let deploy = json!({"module": module["digest"]});
    served.host.call(Method::PUT, "/v1/acme/deployments/it", &token, Some(deploy)).await.data();
    let run = served.host.post("/v1/acme/runs", &token, json!({"command": "it", "wait": true})).await.data();
    let mut ws = Ws::connect(&served, "acme", &token, CLIENT).await;
    ws.send(json!({"type": "subscribe", "ch": 0, "channel": "output", "run": run["id"]})).await;
    let exit = ws.until("exit").await;
    assert_eq!((&exit["run"]["id"], &exit["run"]["status"]), (&run["id"], &json!("ended")));
    ws.send(json!({"type": "subscribe", "ch": 1, "channel": "system"})).await;
    let snapshot = ws.until("snapshot").await;
    assert!(snapshot["usage"]["items"].as_array().unwrap().len() > 5);
    assert_eq!((&snapshot["runs"], &snapshot["sessions"]), (&json!([]), &json!([])));
    let session = served.session("acme", &token).await;
    assert_eq!(ws.until("changed").await["sessions"][0]["id"], session);
    ws.send(json!({"type": "subscribe", "ch": 2, "channel": "logs", "filter": {"level": "error"}})).await;
    assert_eq!(ws.until("following").await["ch"], 2);
    for (subscription, code) in [
        (json!({"ch": 5, "channel": "logs", "filter": {"regex": "("}}), "invalid_value"),
        (json!({"ch": 5, "channel": "logs", "filter": {"unknown": 1}}), "malformed_message"),
        (json!({"ch": 5, "channel": "logs", "from": "x"}), "malformed_cursor"),
        (json!({"ch": 5, "channel": "output", "run": "run_00000000000000000000000000"}), "run_not_found"),
        (json!({"ch": 5, "channel": "output", "run": run["id"], "from": "x"}), "malformed_cursor"),
        (json!({"ch": 5, "channel": "output"}), "malformed_message"),
        (json!({"ch": 5, "channel": "commands"}), "malformed_message"),
    ] {
        let mut subscribe = subscription.clone();
        subscribe["type"] = json!("subscribe");
        ws.send(subscribe).await;
        assert_eq!(ws.until("error").await["code"], code, "{subscription}");
    }
    // The same by a poll, which goes on after the exit with nothing.
    let list = encoded(&json!([{"ch": 0, "channel": "output", "run": run["id"]}]).to_string());
    let path = format!("/v1/acme/console/events?subscribe={list}");
    let first = poll(&served, &path, &token).await;
    assert_eq!(first["events"][0]["type"], "exit");
    let cursor = first["next"].as_str().unwrap();
    let second = poll(&served, &format!("{path}&wait=0&cursor={cursor}"), &token).await;
    assert_eq!(second["events"], json!([]));
}

#[tokio::test]
async fn history_is_kept_for_each_searched_bounded_and_forgotten() {
    let served = Served::start(Arc::new(Scripted)).await;
    let (acme, birch) = (served.host.owner_of("acme").await, served.host.owner_of("birch").await);
    let app = &served.host.app;
    let caller = app.auth.authenticate(&acme).await.unwrap();
    let scope = app.auth.enter(&caller, "acme").await.unwrap().scope().clone();
    let add = async |line: &str| {
        app.console.history().add(&scope, &caller.principal(), line).await.unwrap();
    };
    for line in ["ls", "ls", " cat a ", "", "echo é"] {
        add(line).await;
    }
    add(&"x".repeat(crate::console::MAX_HISTORY_LINE_BYTES + 1)).await;
    let lines = async |token: &str, tenant: &str, query: &str| {
        let found = served.host.get(&format!("/v1/{tenant}/console/history?{query}"), token).await.data();
        let lines = found.as_array().unwrap().iter().map(|entry| entry["line"].as_str().unwrap().to_owned());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(lines(&acme, "acme", "").await, ["echo é", "cat a", "ls"]);
    assert_eq!(lines(&acme, "acme", "text=a").await, ["cat a"]);
    assert_eq!(lines(&birch, "birch", "").await, Vec::<String>::new());
    let page = served.host.get("/v1/acme/console/history?limit=2", &acme).await.json();
    let cursor = page["pagination"]["cursor"].as_str().unwrap();
    assert_eq!(lines(&acme, "acme", &format!("limit=2&cursor={cursor}")).await, ["ls"]);
    assert_eq!(
        app.console.history().newest(&scope, &caller.principal(), "", 2).await.unwrap(),
        ["echo é", "cat a"]
    );
    // The oldest are forgotten.
    let (principal, now) = (caller.principal(), app.clock.now());
    let scope_of = scope.clone();
    let bounded = app.store.write::<_, StoreError, _>(move |writer| {
        let record = crate::store::CommandLineRecord { line: "newest".to_owned(), at: now };
        writer.add_command_line(&scope_of, &principal, "7zzzzzzzzzzzzzzzzzzzzzzzzz", &record, 2)
    });
    bounded.await.unwrap();
    assert_eq!(lines(&acme, "acme", "").await, ["newest", "echo é"]);
    let cleared = served.host.call(Method::DELETE, "/v1/acme/console/history", &acme, None).await;
    assert_eq!(cleared.status, StatusCode::NO_CONTENT);
    assert_eq!(lines(&acme, "acme", "").await, Vec::<String>::new());
}
