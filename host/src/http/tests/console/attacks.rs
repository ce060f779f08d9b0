//! What is refused: foreign pages, tickets that come again, what is not the protocol, what is another's.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::{Ws, encoded, poll, say, soon, ticket, ws_request};
use super::program::Scripted;
use super::*;
use crate::http::tests::members::join;

const CLIENT: &str = "client-of-tests";

/// The status and code of a refusal before the upgrade.
fn refused(opened: Result<Ws, Error>) -> (u16, String) {
    match opened {
        Err(Error::Http(answer)) => {
            let body: Value =
                serde_json::from_slice(answer.body().as_deref().unwrap_or_default()).unwrap_or_default();
            (answer.status().as_u16(), body["code"].as_str().unwrap_or_default().to_owned())
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was opened"),
    }
}

/// The audit's records of refusals: code, and how many.
async fn denials(served: &Served, token: &str) -> Vec<(String, String)> {
    let records = served.host.get("/v1/acme/audit?limit=200", token).await.data();
    let denied = records.as_array().unwrap().iter().filter(|record| record["outcome"] == "denied");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    denied.map(|record| (text(&record["action"]), text(&record["code"]))).collect()
}

#[tokio::test]
async fn a_page_of_another_site_opens_nothing_and_uses_no_ticket_up() {
    let served = Served::start_with(Arc::new(Scripted), |config| {
        config.http.allowed_origins = vec!["https://console.example".to_owned()];
    })
    .await;
    let token = served.host.owner_of("acme").await;
    let ticket = ticket(&served, "acme", &token).await;
    let path = format!("/v1/acme/console/ws?ticket={ticket}");
    for origin in ["https://evil.test", "null", "http://127.0.0.1:1", "https://console.example.evil.test"] {
        let mut request = ws_request(&served, &path);
        request.headers_mut().insert("origin", origin.parse().unwrap());
        assert_eq!(refused(Ws::open(request).await), (403, "origin_refused".to_owned()), "{origin}");
    }
    assert_eq!(served.metric("cloister_console_refused_total{code=\"origin_refused\"}").await, 4);
    let own = format!("http://{}", served.address);
    let mut request = ws_request(&served, &path);
    request.headers_mut().insert("origin", own.parse().unwrap());
    let mut ws = Ws::open(request).await.unwrap();
    assert_eq!(ws.next().await.unwrap()["type"], "hello");
    let ticket = client::ticket(&served, "acme", &token).await;
    let mut request = ws_request(&served, &format!("/v1/acme/console/ws?ticket={ticket}"));
    request.headers_mut().insert("origin", "https://console.example".parse().unwrap());
    assert_eq!(Ws::open(request).await.unwrap().next().await.unwrap()["type"], "hello");
}

#[tokio::test]
async fn a_ticket_is_good_once_soon_and_for_its_tenant() {
    let served = Served::start(Arc::new(Scripted)).await;
    let (token, _) = (served.host.owner_of("acme").await, served.host.owner_of("birch").await);
    let path = |tenant: &str, ticket: &str| format!("/v1/{tenant}/console/ws?ticket={ticket}");
    let used = ticket(&served, "acme", &token).await;
    let mut ws = Ws::open(ws_request(&served, &path("acme", &used))).await.unwrap();
    assert_eq!(ws.next().await.unwrap()["type"], "hello");
    let mut again = Ws::open(ws_request(&served, &path("acme", &used))).await.unwrap();
    assert_eq!(again.closed().await, 4401);
    assert!(
        denials(&served, &token).await.contains(&("console:use".to_owned(), "ticket_invalid".to_owned()))
    );
    let foreign = ticket(&served, "acme", &token).await;
    assert_eq!(Ws::open(ws_request(&served, &path("birch", &foreign))).await.unwrap().closed().await, 4404);
    let late = ticket(&served, "acme", &token).await;
    served.host.advance_s(31);
    assert_eq!(Ws::open(ws_request(&served, &path("acme", &late))).await.unwrap().closed().await, 4401);
    for made_up in ["x", &"a".repeat(4_000)] {
        assert_eq!(Ws::open(ws_request(&served, &path("acme", made_up))).await.unwrap().closed().await, 4401);
    }
    // The first connection saw nothing of it.
    ws.send(json!({"type": "unsubscribe", "ch": 9})).await;
    ws.send(json!({"type": "hello", "client": "another-name"})).await;
    assert_eq!(ws.next().await.unwrap()["client"], "another-name");
    // Without a ticket, a token does.
    let mut request = ws_request(&served, "/v1/acme/console/ws");
    assert_eq!(refused(Ws::open(request.clone()).await), (401, "unauthenticated".to_owned()));
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    assert_eq!(Ws::open(request).await.unwrap().next().await.unwrap()["type"], "hello");
    // And who does not speak the protocol is told so.
    let mut request = ws_request(&served, &path("acme", &ticket(&served, "acme", &token).await));
    request.headers_mut().remove("sec-websocket-protocol");
    assert_eq!(Ws::open(request).await.unwrap().closed().await, 4409);
}

#[tokio::test]
async fn what_is_not_the_protocol_closes_the_connection_and_loses_nothing() {
    let served = Served::start(Arc::new(Scripted)).await;
    let token = served.host.owner_of("acme").await;
    let session = served.session("acme", &token).await;
    let subscribe = json!({"type": "subscribe", "ch": 0, "channel": "commands", "session": session});
    let mut ws = Ws::connect(&served, "acme", &token, CLIENT).await;
    ws.send(subscribe.clone()).await;
    ws.send(json!({"type": "input", "session": session, "seq": 1, "text": "say kept\n"})).await;
    ws.until_text("kept").await;
    let binary = |bytes: &[u8]| Message::Binary(bytes.to_vec().into());
    let raw = |data, bytes: &[u8]| Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(data), true));
    let garbage: Vec<u8> = (0..2_000_u64).map(program::at).collect();
    for (message, code) in [
        (Message::text("not json"), 4400),
        (Message::text("[1]"), 4400),
        (Message::text(r#"{"type":"shutdown"}"#), 4400),
        (Message::text(r#"{"type":"ack","session":"x","offset":"1"}"#), 4400),
        (Message::text(r#"{"type":"input","session":"x","seq":1,"data":"%"}"#), 4400),
        (Message::text("[".repeat(60_000)), 4400),
        (binary(b"short"), 4400),
        (binary(&garbage), 4400),
        (binary(&[7; 20]), 4400),
        (raw(Data::Text, &[0xff, 0xfe]), 4400),
        (raw(Data::Reserved(3), b"x"), 4400),
        (binary(&vec![0; 70_000]), 4413),
        (Message::text("x".repeat(70_000)), 4413),
    ] {
        let mut bad = Ws::connect(&served, "acme", &token, "client-that-is-bad").await;
        assert_eq!(bad.next().await.unwrap()["type"], "hello");
        bad.socket.send(message.clone()).await.unwrap();
        assert_eq!(bad.closed().await, code, "{message:?}");
    }
    let denials = denials(&served, &token).await;
    for code in ["malformed_message", "message_too_large"] {
        assert!(denials.iter().any(|(_, denied)| denied == code), "{denials:?}");
    }
    // Bytes that are no WebSocket at all.
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(served.address).await.unwrap();
    socket.write_all(&garbage).await.unwrap();
    let mut answer = Vec::new();
    let _ = soon("an end", socket.read_to_end(&mut answer)).await;
    // The session and its owner are as they were.
    ws.send(json!({"type": "input", "session": session, "seq": 2, "text": "say still\n"})).await;
    ws.until_text("still").await;
}

#[tokio::test]
async fn another_tenants_session_is_as_one_that_does_not_exist() {
    let served = Served::start(Arc::new(Scripted)).await;
    let (acme, birch) = (served.host.owner_of("acme").await, served.host.owner_of("birch").await);
    let session = served.session("acme", &acme).await;
    let missing = "con_00000000000000000000000000";
    let mut ws = Ws::connect(&served, "birch", &birch, CLIENT).await;
    ws.until("hello").await;
    for id in [session.as_str(), missing, "x", ""] {
        ws.send(json!({"type": "subscribe", "ch": 0, "channel": "commands", "session": id})).await;
        let told = ws.next().await.unwrap();
        assert_eq!(
            (&told["type"], &told["code"]),
            (&json!("error"), &json!("console_session_not_found")),
            "{id}"
        );
        for message in [
            json!({"type": "input", "session": id, "seq": 1, "text": "say stolen\n"}),
            json!({"type": "signal", "session": id, "signal": "interrupt"}),
            json!({"type": "take_over", "session": id}),
            json!({"type": "ack", "session": id, "offset": 0}),
        ] {
            ws.send(message).await;
            assert_eq!(ws.next().await.unwrap()["code"], "console_session_not_found", "{id}");
        }
        let list = encoded(&json!([{"ch": 0, "channel": "commands", "session": id}]).to_string());
        let polled =
            poll(&served, &format!("/v1/birch/console/events?subscribe={list}&wait=0"), &birch).await;
        assert_eq!(polled["events"][0]["code"], "console_session_not_found");
        if !id.is_empty() {
            let body = json!({"client": CLIENT, "seq": 1, "messages": [{"type": "input", "text": "x"}]});
            let said = say(&served, "birch", &birch, id, body).await;
            assert_eq!(said.problem(), "404 console_session_not_found");
            let path = format!("/v1/birch/console/sessions/{id}");
            assert_eq!(served.host.get(&path, &birch).await.problem(), "404 console_session_not_found");
            let ended = served.host.call(Method::DELETE, &path, &birch, None).await;
            assert_eq!(ended.problem(), "404 console_session_not_found");
        }
    }
    assert_eq!(served.host.get("/v1/birch/console/sessions", &birch).await.data(), json!([]));
    let shown = served.host.get(&format!("/v1/acme/console/sessions/{session}"), &acme).await.data();
    assert_eq!((&shown["attached"], &shown["bytes"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_manager_sees_and_ends_what_is_anothers_and_never_types() {
    let served = Served::start(Arc::new(Scripted)).await;
    let owner = served.host.owner_of("acme").await;
    let (runner, _) = join(&served.host, &owner, "acme", "runner@acme.test", "runner").await;
    let (of_runner, of_owner) = (served.session("acme", &runner).await, served.session("acme", &owner).await);
    // A runner sees only their own.
    let listed = served.host.get("/v1/acme/console/sessions", &runner).await.data();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let path = format!("/v1/acme/console/sessions/{of_owner}");
    assert_eq!(served.host.get(&path, &runner).await.problem(), "404 console_session_not_found");
    // An owner sees both, and looks on.
    let listed = served.host.get("/v1/acme/console/sessions", &owner).await.data();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let mut ws = Ws::connect(&served, "acme", &owner, CLIENT).await;
    ws.send(
        json!({"type": "subscribe", "ch": 0, "channel": "commands", "session": of_runner, "mode": "owner"}),
    )
    .await;
    assert_eq!(ws.until("attached").await["you"], false);
    for message in [
        json!({"type": "input", "session": of_runner, "seq": 1, "text": "say x\n"}),
        json!({"type": "take_over", "session": of_runner}),
        json!({"type": "signal", "session": of_runner, "signal": "interrupt"}),
    ] {
        ws.send(message).await;
        assert_eq!(ws.until("error").await["code"], "console_session_not_found");
    }
    let path = format!("/v1/acme/console/sessions/{of_runner}");
    assert_eq!(served.host.call(Method::DELETE, &path, &owner, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ws.until("exit").await["reason"], "ended");
    assert_eq!(served.host.get(&path, &runner).await.problem(), "404 console_session_not_found");
}

#[tokio::test]
async fn cursors_and_lists_that_were_made_up_are_refused() {
    let served = Served::start(Arc::new(Scripted)).await;
    let token = served.host.owner_of("acme").await;
    let session = served.session("acme", &token).await;
    let list = encoded(&json!([{"ch": 0, "channel": "commands", "session": session}]).to_string());
    let events = "/v1/acme/console/events";
    for (query, problem) in [
        ("subscribe=x".to_owned(), "400 malformed_message"),
        ("subscribe=[]&cursor=x".to_owned(), "400 malformed_cursor"),
        ("subscribe=[]&wait=31".to_owned(), "400 invalid_value"),
        ("subscribe=[]&client=x".to_owned(), "400 malformed_message"),
    ] {
        assert_eq!(served.host.get(&format!("{events}?{query}"), &token).await.problem(), problem, "{query}");
    }
    for cursor in ["0~x", "0~999.0.1", "0~0.999.1", "0~18446744073709551615.0.0", "0~0.0.16"] {
        let path = format!("{events}?subscribe={list}&cursor={cursor}&wait=0");
        let told = served.host.get(&path, &token).await.data();
        assert_eq!(told["events"][0]["code"], "malformed_cursor", "{cursor}");
    }
}

#[tokio::test]
async fn connections_of_a_principal_are_bounded() {
    let served = Served::start(Arc::new(Scripted)).await;
    let token = served.host.owner_of("acme").await;
    let mut open = Vec::new();
    for _ in 0..crate::console::MAX_PRINCIPAL_CONNECTIONS {
        let mut ws = Ws::connect(&served, "acme", &token, CLIENT).await;
        assert_eq!(ws.next().await.unwrap()["type"], "hello");
        open.push(ws);
    }
    assert_eq!(served.metric("cloister_console_connections{transport=\"websocket\"}").await, 64);
    assert_eq!(Ws::connect(&served, "acme", &token, CLIENT).await.closed().await, 4429);
    let polled = served.host.get("/v1/acme/console/events?wait=0", &token).await;
    assert_eq!(polled.problem(), "429 too_many_connections");
    let mut one = open.pop().unwrap();
    one.socket.close(None).await.unwrap();
    while one.socket.next().await.is_some() {}
    soon("a place", async {
        while served.metric("cloister_console_connections{transport=\"websocket\"}").await == 64 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut ws = Ws::connect(&served, "acme", &token, CLIENT).await;
    assert_eq!(ws.next().await.unwrap()["type"], "hello");
}
