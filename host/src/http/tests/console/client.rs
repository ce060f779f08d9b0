//! A client that speaks all three transports, and checks what it is told.

use std::time::Duration;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, Stream, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::*;

/// A test that waits for longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that comes.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

/// A WebSocket.
pub(super) struct Ws {
    pub(super) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// A request for a WebSocket.
pub(super) fn ws_request(served: &Served, path: &str) -> Request<()> {
    let mut request = format!("ws://{}{path}", served.address).into_client_request().unwrap();
    let protocol = HeaderValue::from_static("cloister.console.v1");
    request.headers_mut().insert("sec-websocket-protocol", protocol);
    request
}

impl Ws {
    pub(super) async fn open(request: Request<()>) -> Result<Self, Error> {
        let (socket, _) = soon("a connection", tokio_tungstenite::connect_async(request)).await?;
        Ok(Self { socket })
    }

    /// Connects with a ticket.
    pub(super) async fn connect(served: &Served, tenant: &str, token: &str, client: &str) -> Self {
        let ticket = ticket(served, tenant, token).await;
        let path = format!("/v1/{tenant}/console/ws?ticket={ticket}&client={client}");
        Self::open(ws_request(served, &path)).await.unwrap()
    }

    pub(super) async fn send(&mut self, message: Value) {
        self.socket.send(Message::Text(message.to_string().into())).await.unwrap();
    }

    /// The next event, or the code that it was closed with.
    pub(super) async fn next(&mut self) -> Result<Value, u16> {
        // Pings come for as long as it lasts.
        soon("an event", self.next_event()).await
    }

    async fn next_event(&mut self) -> Result<Value, u16> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Binary(frame))) => return Ok(of_frame(&frame)),
                Some(Ok(Message::Close(close))) => return Err(close.map_or(0, |close| close.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// The next event of a type; others before it are passed over.
    pub(super) async fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await.unwrap_or_else(|code| panic!("closed with {code} before {kind}"));
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Reads terminal bytes until this text has come.
    pub(super) async fn until_text(&mut self, text: &str) -> String {
        let mut seen = String::new();
        while !seen.contains(text) {
            let bytes = self.until("bytes").await;
            seen += &String::from_utf8_lossy(&STANDARD.decode(bytes["data"].as_str().unwrap()).unwrap());
        }
        seen
    }

    /// The code that it is closed with.
    pub(super) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }
}

pub(super) async fn ticket(served: &Served, tenant: &str, token: &str) -> String {
    let made = served.host.post(&format!("/v1/{tenant}/console/tickets"), token, json!({})).await;
    made.data()["ticket"].as_str().unwrap().to_owned()
}

/// A binary frame as the event that other transports have for it.
fn of_frame(frame: &[u8]) -> Value {
    let stream = ["terminal", "stdout", "stderr"][usize::from(frame[1])];
    let offset = u64::from_be_bytes(frame[2..10].try_into().unwrap());
    json!({
        "ch": frame[0], "type": "bytes", "stream": stream, "offset": offset, "data": STANDARD.encode(&frame[10..]),
    })
}

/// Percent-encodes all but what is plain.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let encode = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

/// Server-sent events: each with its id.
pub(super) type Sse = std::pin::Pin<Box<dyn Stream<Item = (Value, String)> + Send>>;

pub(super) async fn sse(served: &Served, path: &str, token: &str, last: Option<&str>) -> Sse {
    let mut request = reqwest::Client::new()
        .get(format!("http://{}{path}", served.address))
        .bearer_auth(token)
        .header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = soon("an answer", request.send()).await.unwrap();
    assert_eq!(response.status(), 200);
    let start = (response.bytes_stream().boxed(), Vec::new());
    Box::pin(futures_util::stream::unfold(start, |(mut body, mut text)| async move {
        loop {
            let end = text.windows(2).position(|pair| pair == b"\n\n");
            if let Some(end) = end {
                let block: Vec<u8> = text.drain(..end + 2).collect();
                let block = String::from_utf8(block).unwrap();
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                if let Some(data) = field("data: ") {
                    let id = field("id: ").unwrap_or_default().to_owned();
                    return Some(((serde_json::from_str(data).unwrap(), id), (body, text)));
                }
                continue;
            }
            text.extend_from_slice(&body.next().await?.ok()?);
        }
    }))
}

/// One poll.
pub(super) async fn poll(served: &Served, path: &str, token: &str) -> Value {
    let request = reqwest::Client::new().get(format!("http://{}{path}", served.address)).bearer_auth(token);
    let response = soon("an answer", request.send()).await.unwrap();
    let mut answer: Value = soon("an answer", response.json()).await.unwrap();
    assert_eq!(answer["success"], true, "{answer}");
    answer["data"].take()
}

/// What a client has seen of one session, whatever way it came.
#[derive(Default)]
pub(super) struct Transcript {
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    /// Each mark and mode, without its cursor.
    pub(super) notes: Vec<Value>,
    pub(super) exit: Option<Value>,
    /// Whether each byte is to be that of the pattern.
    pub(super) patterned: bool,
}

impl Transcript {
    /// Takes an event; it follows what was seen before without a hole.
    pub(super) fn see(&mut self, event: &Value) {
        match event["type"].as_str().unwrap() {
            "bytes" => {
                assert_eq!(event["offset"], self.offset, "a hole, or bytes twice");
                let bytes = STANDARD.decode(event["data"].as_str().unwrap()).unwrap();
                if self.patterned {
                    let wrong =
                        bytes.iter().zip(self.offset..).position(|(byte, at)| *byte != program::at(at));
                    assert_eq!(wrong, None, "a wrong byte after {}", self.offset);
                } else {
                    self.bytes.extend_from_slice(&bytes);
                }
                self.offset += bytes.len() as u64;
            }
            "mark" | "mode" => {
                assert_eq!(event["n"], self.notes.len(), "a hole, or a note twice: {event}");
                let place = if event["type"] == "mark" { &event["offset"] } else { &event["mode_offset"] };
                assert_eq!(*place, self.offset, "a note comes at its offset");
                let mut note = event.clone();
                note.as_object_mut().unwrap().remove("cursor");
                self.notes.push(note);
            }
            "exit" => self.exit = Some(event.clone()),
            "attached" => {
                assert_eq!(event["truncated"], false, "{event}");
                assert_eq!(event["from"], self.offset, "{event}");
            }
            "hello" | "replay_end" | "owner" | "size" | "accepted" => {}
            other => panic!("{other}: {event}"),
        }
    }

    /// The subscription with which a client goes on.
    pub(super) fn subscription(&self, session: &str, mode: &str) -> Value {
        json!({
            "ch": 0, "channel": "commands", "session": session, "mode": mode, "from": self.offset,
            "marks": self.notes.len(),
        })
    }
}

/// Says something by POST.
pub(super) async fn say(served: &Served, tenant: &str, token: &str, session: &str, body: Value) -> Reply {
    served.host.post(&format!("/v1/{tenant}/console/sessions/{session}/messages"), token, body).await
}
