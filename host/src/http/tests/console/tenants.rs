//! Many sessions of many tenants at once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client::{Ws, say, soon};
use super::program::Scripted;
use super::*;
use crate::console::{ECHO_BYTES, WINDOW_BYTES};

const TENANTS: usize = 50;
const SESSIONS: usize = 10;
/// What a session may take besides what it keeps: its own structures, a connection's buffers.
const SESSION_OVERHEAD_BYTES: usize = 256 << 10;

/// What this process holds of the machine's memory.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// A tenant's owner, and what each of their sessions is told to say.
struct Tenant {
    slug: String,
    token: String,
    sessions: Vec<String>,
}

/// What a connection sees of all sessions of its tenant, by channel, until each has said `.`.
async fn all_said(ws: &mut Ws) -> Vec<String> {
    let mut said = vec![String::new(); SESSIONS];
    while said.iter().any(|said| !said.ends_with('.')) {
        let event = ws.until("bytes").await;
        let ch = usize::try_from(event["ch"].as_u64().unwrap()).unwrap();
        said[ch] += &String::from_utf8(STANDARD.decode(event["data"].as_str().unwrap()).unwrap()).unwrap();
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_sessions_in_fifty_tenants_stay_apart_and_within_bounds() {
    let served = Served::start_with(Arc::new(Scripted), |config| {
        config.plans.free.console_sessions = SESSIONS;
    })
    .await;
    let mut tenants = Vec::new();
    for number in 0..TENANTS {
        let slug = format!("t{number}");
        let token = served.host.owner_of(&slug).await;
        let mut sessions = Vec::new();
        for _ in 0..SESSIONS {
            sessions.push(served.session(&slug, &token).await);
        }
        tenants.push(Tenant { slug, token, sessions });
    }
    let before = resident_bytes();
    let mut connections = Vec::new();
    for tenant in &tenants {
        let mut ws = Ws::connect(&served, &tenant.slug, &tenant.token, "client-of-tests").await;
        for (ch, session) in tenant.sessions.iter().enumerate() {
            ws.send(json!({"type": "subscribe", "ch": ch, "channel": "commands", "session": session})).await;
            let text = format!("say {}/{ch}.\n", tenant.slug);
            ws.send(json!({"type": "input", "session": session, "seq": 1, "text": text})).await;
        }
        connections.push(ws);
    }
    for (tenant, ws) in tenants.iter().zip(&mut connections) {
        for (ch, said) in all_said(ws).await.into_iter().enumerate() {
            assert_eq!(said, format!("{}/{ch}.", tenant.slug), "nothing of anybody else");
        }
    }
    // Every session writes without end, and nobody acknowledges or reads.
    for tenant in &tenants {
        for session in &tenant.sessions {
            let body = json!({
                "client": "client-of-tests", "seq": 2, "messages": [{"type": "input", "text": "flood 100000000\n"}],
            });
            say(&served, &tenant.slug, &tenant.token, session, body).await.data();
        }
    }
    for tenant in &tenants {
        soon("full windows", async {
            loop {
                let path = format!("/v1/{}/console/sessions", tenant.slug);
                let sessions = served.host.get(&path, &tenant.token).await.data();
                let written = |one: &Value| usize::try_from(one["bytes"].as_u64().unwrap()).unwrap();
                let sessions = sessions.as_array().unwrap();
                assert!(sessions.iter().all(|one| written(one) <= WINDOW_BYTES + ECHO_BYTES));
                if sessions.len() == SESSIONS && sessions.iter().all(|one| written(one) >= WINDOW_BYTES) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    let grown = resident_bytes().saturating_sub(before);
    let bound = TENANTS * SESSIONS * (WINDOW_BYTES * 2 + SESSION_OVERHEAD_BYTES);
    eprintln!("500 sessions with full windows: {} MiB, bound {} MiB", grown >> 20, bound >> 20);
    assert!(grown < bound, "{grown} of {bound}");
    served.host.app.console.close().await;
    assert_eq!(served.metric("cloister_console_sessions").await, 0);
}
