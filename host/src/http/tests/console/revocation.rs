//! Who may no longer is cut off, and what outlives a sign-in.

use futures_util::StreamExt;

use super::client::{Ws, encoded, poll, soon, sse};
use super::program::Scripted;
use super::*;
use crate::http::tests::members::{join, key};

const CLIENT: &str = "client-of-tests";

async fn attached(served: &Served, token: &str) -> (Ws, String) {
    let session = served.session("acme", token).await;
    let mut ws = Ws::connect(served, "acme", token, CLIENT).await;
    ws.send(json!({"type": "subscribe", "ch": 0, "channel": "commands", "session": session})).await;
    ws.until("attached").await;
    (ws, session)
}

async fn none_left(served: &Served) {
    soon("the end of all sessions", async {
        while served.metric("cloister_console_sessions").await > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_member_who_is_removed_loses_connections_and_sessions() {
    let served = Served::start(Arc::new(Scripted)).await;
    let owner = served.host.owner_of("acme").await;
    let (token, user) = join(&served.host, &owner, "acme", "runner@acme.test", "runner").await;
    let (mut ws, session) = attached(&served, &token).await;
    let list =
        encoded(&json!([{"ch": 0, "channel": "commands", "session": session, "mode": "viewer"}]).to_string());
    let path = format!("/v1/acme/console/events?subscribe={list}");
    let mut events = sse(&served, &path, &token, None).await;
    let member = format!("/v1/acme/members/{user}");
    assert_eq!(served.host.call(Method::DELETE, &member, &owner, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ws.closed().await, 4403);
    soon("the end of the events", async { while events.next().await.is_some() {} }).await;
    none_left(&served).await;
    let records = served.host.get("/v1/acme/audit?limit=50", &owner).await.data();
    let ended = records.as_array().unwrap().iter().find(|record| record["action"] == "console:end").unwrap();
    assert_eq!((&ended["resource"], &ended["detail"]), (&json!(session), &json!("revoked")));
}

#[tokio::test]
async fn a_role_without_the_permission_ends_sessions_too() {
    let served = Served::start(Arc::new(Scripted)).await;
    let owner = served.host.owner_of("acme").await;
    let (token, user) = join(&served.host, &owner, "acme", "runner@acme.test", "runner").await;
    let (mut ws, _) = attached(&served, &token).await;
    let body = json!({"role": "viewer"});
    served.host.call(Method::PUT, &format!("/v1/acme/members/{user}"), &owner, Some(body)).await.data();
    assert_eq!(ws.closed().await, 4403);
    none_left(&served).await;
}

#[tokio::test]
async fn a_suspended_tenant_has_no_sessions() {
    let served = Served::start(Arc::new(Scripted)).await;
    let (owner, other) = (served.host.owner_of("acme").await, served.host.owner_of("birch").await);
    let (mut ws, _) = attached(&served, &owner).await;
    let of_other = served.session("birch", &other).await;
    let operator = served.host.operator().await;
    served.host.post("/v1/operator/tenants/acme/suspend", &operator, json!({"reason": "x"})).await.data();
    assert_eq!(ws.closed().await, 4403);
    soon("the end of its sessions", async {
        while served.metric("cloister_console_sessions").await > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    served.host.get(&format!("/v1/birch/console/sessions/{of_other}"), &other).await.data();
}

#[tokio::test]
async fn signing_out_cuts_off_and_ends_no_session_but_nothing_new_starts_until_its_owner_is_back() {
    let served = Served::start(Arc::new(Scripted)).await;
    let first = served.host.owner_of("acme").await;
    let (mut ws, session) = attached(&served, &first).await;
    ws.send(json!({"type": "input", "session": session, "seq": 1, "text": "who\n"})).await;
    ws.until_text("[owner]").await;
    // Another sign-in of the same person watches.
    let second = served.host.sign_in_again("acme").await;
    let mut watcher = Ws::connect(&served, "acme", &second, "client-that-watches").await;
    let subscribe = |from: u64| json!({"type": "subscribe", "ch": 0, "channel": "commands", "session": session, "from": from});
    served.host.post("/v1/auth/sign-out", &first, json!({})).await;
    assert_eq!(ws.closed().await, 4401);
    served.host.get(&format!("/v1/acme/console/sessions/{session}"), &second).await.data();
    // Attaching brings the newer sign-in in.
    watcher.send(subscribe(0)).await;
    watcher.send(json!({"type": "input", "session": session, "seq": 1, "text": "who\nwho\n"})).await;
    watcher.until_text("[owner][owner][owner]").await;
}

#[tokio::test]
async fn a_revoked_key_ends_its_sessions() {
    let served = Served::start(Arc::new(Scripted)).await;
    let owner = served.host.owner_of("acme").await;
    let secret = key(&served.host, &owner, "acme", json!(["console:use"])).await;
    let (mut ws, _) = attached(&served, &secret).await;
    let keys = served.host.get("/v1/acme/keys", &owner).await.data();
    let path = format!("/v1/acme/keys/{}", keys[0]["id"].as_str().unwrap());
    served.host.call(Method::DELETE, &path, &owner, None).await;
    assert_eq!(ws.closed().await, 4401);
    none_left(&served).await;
}

#[tokio::test]
async fn a_host_that_stops_says_so_and_ends_all_sessions() {
    let served = Served::start(Arc::new(Scripted)).await;
    let owner = served.host.owner_of("acme").await;
    let (mut ws, _) = attached(&served, &owner).await;
    served.host.app.stopping.cancel();
    let closing = served.host.app.console.clone();
    let closing = tokio::spawn(async move { closing.close().await });
    assert_eq!(ws.closed().await, 1001);
    closing.await.unwrap();
    assert_eq!(served.metric("cloister_console_sessions").await, 0);
    let refused = served.host.post("/v1/acme/console/sessions", &owner, json!({})).await;
    assert_eq!(refused.problem(), "503 not_ready");
}

/// How somebody comes to be no longer allowed, and the code that a WebSocket is closed with.
#[derive(Debug, Clone, Copy)]
enum Cause {
    Removed,
    Suspended,
    KeyRevoked,
    SignedOut,
    PasswordChanged,
}

impl Cause {
    const ALL: [(Self, u16, &str); 5] = [
        (Self::Removed, 4403, "404 tenant_not_found"),
        (Self::Suspended, 4403, "403 tenant_suspended"),
        (Self::KeyRevoked, 4401, "401 token_invalid"),
        (Self::SignedOut, 4401, "401 token_invalid"),
        (Self::PasswordChanged, 4401, "401 token_invalid"),
    ];
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the times are a measurement")]
async fn whoever_may_no_longer_is_cut_off_on_every_transport() {
    for (cause, code, problem) in Cause::ALL {
        let served = Served::start(Arc::new(Scripted)).await;
        let owner = served.host.owner_of("acme").await;
        let (member, user) = join(&served.host, &owner, "acme", "runner@acme.test", "runner").await;
        let token = match cause {
            Cause::KeyRevoked => key(&served.host, &owner, "acme", json!(["console:use"])).await,
            _ => member.clone(),
        };
        let operator = served.host.operator().await;
        let keys = served.host.get("/v1/acme/keys", &owner).await.data();
        let (mut ws, session) = attached(&served, &token).await;
        let viewer = json!([{"ch": 0, "channel": "commands", "session": session, "mode": "viewer"}]);
        let path = format!("/v1/acme/console/events?subscribe={}", encoded(&viewer.to_string()));
        let mut events = sse(&served, &path, &token, None).await;
        // A poll that has seen all there is waits.
        let seen = poll(&served, &format!("{path}&wait=0"), &token).await;
        let cursor = encoded(seen["next"].as_str().unwrap());
        let waiting = format!("http://{}{path}&wait=25&cursor={cursor}", served.address);
        let request = reqwest::Client::new().get(waiting).bearer_auth(&token);
        let waiting = tokio::spawn(request.send());
        soon("the poll", async {
            while served.metric("cloister_console_connections{transport=\"poll\"}").await == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let began = std::time::Instant::now();
        let host = &served.host;
        let done = match cause {
            Cause::Removed => {
                host.call(Method::DELETE, &format!("/v1/acme/members/{user}"), &owner, None).await
            }
            Cause::Suspended => {
                host.post("/v1/operator/tenants/acme/suspend", &operator, json!({"reason": "x"})).await
            }
            Cause::KeyRevoked => {
                let path = format!("/v1/acme/keys/{}", keys[0]["id"].as_str().unwrap());
                host.call(Method::DELETE, &path, &owner, None).await
            }
            Cause::SignedOut => host.post("/v1/auth/sign-out", &member, json!({})).await,
            Cause::PasswordChanged => {
                let signed_in = json!({"email": "runner@acme.test", "password": "correct horse battery"});
                let other = host.post("/v1/auth/sign-in", "", signed_in).await.data();
                let body = json!({
                    "current_password": "correct horse battery", "new_password": "another long password"
                });
                host.post("/v1/auth/password", other["access_token"].as_str().unwrap(), body).await
            }
        };
        assert!(done.status.is_success(), "{cause:?} {}", done.status);
        let answered = began.elapsed();
        let by_ws = async {
            assert_eq!(ws.closed().await, code, "{cause:?}");
            began.elapsed()
        };
        let by_sse = async {
            soon("the end of the events", async { while events.next().await.is_some() {} }).await;
            began.elapsed()
        };
        let by_poll = async {
            // What it says may be how its session ended; the next one is refused.
            soon("the poll's answer", waiting).await.unwrap().unwrap();
            let told = began.elapsed();
            assert_eq!(
                served.host.get(&format!("{path}&wait=0"), &token).await.problem(),
                problem,
                "{cause:?}"
            );
            told
        };
        let (ws, sse, poll) = tokio::join!(by_ws, by_sse, by_poll);
        println!(
            "{cause:?}: answered after {answered:?}; cut off: WebSocket {ws:?}, events {sse:?}, poll {poll:?}"
        );
    }
}
