//! The same over every transport, and over any number of changes between them.

use futures_util::StreamExt;

use super::client::{Sse, Transcript, Ws, encoded, poll, say, soon, sse};
use super::program::Scripted;
use super::*;

const CLIENT: &str = "client-of-tests";

/// What is typed for a transcript: text, modes, marks, a flood, an end.
const TYPED: &str = "say begin\nraw\nsay abc\nline\nflood 300000\nsay \u{1F600}\nexit 7\n";

async fn played(served: &Served, token: &str) -> String {
    let session = served.session("acme", token).await;
    let body = json!({"client": CLIENT, "messages": [{"type": "take_over"}]});
    say(served, "acme", token, &session, body).await.data();
    let input = json!({"client": CLIENT, "seq": 1, "messages": [{"type": "input", "text": TYPED}]});
    assert_eq!(say(served, "acme", token, &session, input).await.data()["seq"], 1);
    session
}

async fn acknowledge(served: &Served, token: &str, session: &str, offset: u64) {
    let body = json!({"client": CLIENT, "messages": [{"type": "ack", "offset": offset}]});
    say(served, "acme", token, session, body).await.data();
}

fn events_path(subscription: &Value, cursor: &str, more: &str) -> String {
    let list = encoded(&json!([subscription]).to_string());
    format!("/v1/acme/console/events?client={CLIENT}&subscribe={list}&cursor={cursor}{more}")
}

async fn by_ws(served: &Served, token: &str, session: &str) -> Transcript {
    let mut seen = Transcript::default();
    let mut ws = Ws::connect(served, "acme", token, CLIENT).await;
    assert_eq!(ws.next().await.unwrap()["type"], "hello");
    let mut subscribe = seen.subscription(session, "owner");
    subscribe["type"] = json!("subscribe");
    ws.send(subscribe).await;
    while seen.exit.is_none() {
        seen.see(&ws.next().await.unwrap());
        ws.send(json!({"type": "ack", "session": session, "offset": seen.offset})).await;
    }
    seen
}

async fn by_sse(served: &Served, token: &str, session: &str) -> Transcript {
    let mut seen = Transcript::default();
    let path = events_path(&seen.subscription(session, "owner"), "", "");
    let mut events = sse(served, &path, token, None).await;
    while seen.exit.is_none() {
        let (event, _) = soon("an event", events.next()).await.unwrap();
        seen.see(&event);
        if event["type"] == "bytes" {
            acknowledge(served, token, session, seen.offset).await;
        }
    }
    seen
}

async fn by_polls(served: &Served, token: &str, session: &str) -> Transcript {
    let mut seen = Transcript::default();
    let subscription = seen.subscription(session, "owner");
    let (mut cursor, mut attached) = (String::new(), 0);
    while seen.exit.is_none() {
        let answer = poll(served, &events_path(&subscription, &cursor, "&wait=20"), token).await;
        for event in answer["events"].as_array().unwrap() {
            attached += usize::from(event["type"] == "attached");
            seen.see(event);
        }
        cursor = answer["next"].as_str().unwrap().to_owned();
        if seen.exit.is_none() {
            acknowledge(served, token, session, seen.offset).await;
        }
    }
    assert_eq!(attached, 1, "polls are one connection");
    let over = poll(served, &events_path(&subscription, &cursor, "&wait=0"), token).await;
    assert_eq!(over["events"], json!([]), "nothing follows the exit");
    seen
}

#[tokio::test]
async fn the_same_transcript_over_each_transport() {
    let served = Served::start(Arc::new(Scripted)).await;
    let token = served.host.owner_of("acme").await;
    let ws = by_ws(&served, &token, &played(&served, &token).await).await;
    let sse = by_sse(&served, &token, &played(&served, &token).await).await;
    let polls = by_polls(&served, &token, &played(&served, &token).await).await;
    assert_eq!(ws.offset, 300_000 + 4);
    assert!(ws.bytes.starts_with(b"beginabc") && ws.bytes.ends_with("\u{1F600}".as_bytes()));
    assert!(ws.notes.len() >= 4, "{:?}", ws.notes);
    for other in [&sse, &polls] {
        assert_eq!(other.bytes, ws.bytes);
        assert_eq!(other.notes, ws.notes);
        assert_eq!(other.exit.as_ref().unwrap()["exit_code"], 7);
        assert_eq!(other.exit.as_ref().unwrap()["reason"], "exited");
    }
}

/// A generator of numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// One client, cut off again and again while it is told of a flood.
struct Wanderer<'a> {
    served: &'a Served,
    token: String,
    session: String,
    seen: Transcript,
    /// The cursor of the last event, when the last connection had one for all.
    cursor: Option<String>,
    acknowledged: u64,
}

impl Wanderer<'_> {
    /// Connects, takes about so many bytes, and is cut off.
    async fn connection(&mut self, transport: u64, take_bytes: u64, by_cursor: bool) {
        let until = self.seen.offset + take_bytes;
        match transport {
            0 => self.ws(until).await,
            1 => self.sse(until, by_cursor).await,
            _ => self.polls(until, by_cursor).await,
        }
    }

    async fn ws(&mut self, until: u64) {
        let mut ws = Ws::connect(self.served, "acme", &self.token, CLIENT).await;
        let mut subscribe = self.seen.subscription(&self.session, "resume");
        subscribe["type"] = json!("subscribe");
        ws.send(subscribe).await;
        self.cursor = None;
        while self.seen.offset < until {
            self.seen.see(&ws.next().await.unwrap());
            if self.seen.offset > self.acknowledged + 32_768 {
                self.acknowledged = self.seen.offset;
                let ack = json!({"type": "ack", "session": self.session, "offset": self.acknowledged});
                ws.send(ack).await;
            }
        }
    }

    fn path(&self, by_cursor: bool, more: &str) -> String {
        let cursor = self.cursor.as_deref().filter(|_| by_cursor).unwrap_or_default();
        events_path(&self.seen.subscription(&self.session, "resume"), cursor, more)
    }

    async fn sse(&mut self, until: u64, by_cursor: bool) {
        let mut events: Sse = sse(self.served, &self.path(by_cursor, ""), &self.token, None).await;
        self.cursor = None;
        while self.seen.offset < until {
            let (event, id) = soon("an event", events.next()).await.unwrap();
            self.seen.see(&event);
            if !id.is_empty() {
                self.cursor = Some(id);
            }
            self.acknowledge().await;
        }
    }

    async fn polls(&mut self, until: u64, mut by_cursor: bool) {
        while self.seen.offset < until {
            let answer = poll(self.served, &self.path(by_cursor, "&wait=20"), &self.token).await;
            answer["events"].as_array().unwrap().iter().for_each(|event| self.seen.see(event));
            self.cursor = Some(answer["next"].as_str().unwrap().to_owned());
            by_cursor = true;
            self.acknowledge().await;
        }
    }

    async fn acknowledge(&mut self) {
        if self.seen.offset > self.acknowledged + 32_768 {
            self.acknowledged = self.seen.offset;
            acknowledge(self.served, &self.token, &self.session, self.acknowledged).await;
        }
    }
}

/// Cuts a client off so many times while it takes so much, by whatever transport comes next; all of it is as it was written.
async fn wander(connections: u64, total_bytes: u64, seed: u64) {
    let served = Served::start(Arc::new(Scripted)).await;
    let token = served.host.owner_of("acme").await;
    let session = served.session("acme", &token).await;
    let flood = format!("flood {total_bytes}\n");
    let body = json!({
        "client": CLIENT, "seq": 1, "messages": [{"type": "take_over"}, {"type": "input", "text": flood}],
    });
    say(&served, "acme", &token, &session, body).await.data();
    let seen = Transcript { patterned: true, ..Transcript::default() };
    let mut wanderer = Wanderer { served: &served, token, session, seen, cursor: None, acknowledged: 0 };
    let mut dice = Dice(seed);
    for number in 0..connections {
        let left = total_bytes - wanderer.seen.offset;
        // Twice the mean at most, so that the mean is what is left for each; some take nothing at all.
        let most = 2 * left / (connections - number);
        let take = dice.roll(most.max(1)).min(left);
        wanderer.connection(dice.roll(3), take, dice.roll(2) == 0).await;
    }
    let left = total_bytes - wanderer.seen.offset;
    wanderer.connection(0, left, false).await;
    assert_eq!(wanderer.seen.offset, total_bytes);
    // A flood tells no gap, so nothing was left out for a viewer either.
    assert_eq!(served.metric("cloister_console_gaps_total{channel=\"commands\"}").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_off_a_thousand_times_in_fifty_megabytes_a_client_misses_nothing() {
    wander(1_000, 50_000_000, 2).await;
}
