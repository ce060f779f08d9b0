//! One WebSocket: what its client says is read whatever the writing waits for, so that Ctrl-C is never behind output.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use bytes::{Buf, Bytes};
use futures_util::stream::SplitStream;
use futures_util::{Sink, SinkExt, StreamExt};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::events::hello;
use crate::auth::{Member, Permit, act};
use crate::console::{
    Channel, ConsoleError, Done, Event, Feed, Feeds, HEARTBEAT_S, MAX_SUBSCRIPTIONS, Message, Opener, Place,
    error_event,
};
use crate::http::App;
use crate::ids::ClientId;

/// Largest message of a client.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// Bytes that wait in the socket's own buffer: an event and its frame.
pub(super) const MAX_WRITE_BUFFER_BYTES: usize = 1 << 20;
/// Answers to a client's messages that wait for it to read.
const MAX_ANSWERS: usize = 256;
/// A connection of which nothing is heard, or that takes nothing, for this long has gone.
const SILENCE_S: u64 = 45;
/// How long a goodbye may take.
const GOODBYE_MS: u64 = 1_000;
/// Before the bytes of typed input: `ch`, and the number.
const INPUT_HEAD_BYTES: usize = 9;

/// Why the host closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Close {
    code: u16,
    reason: &'static str,
}

impl Close {
    const STOPPING: Self = Self { code: 1001, reason: "not_ready" };
    const MALFORMED: Self = Self { code: 4400, reason: "malformed_message" };
    const SIGNED_OUT: Self = Self { code: 4401, reason: "token_invalid" };
    const TICKET: Self = Self { code: 4401, reason: "ticket_invalid" };
    const DENIED: Self = Self { code: 4403, reason: "permission_denied" };
    const NOT_FOUND: Self = Self { code: 4404, reason: "tenant_not_found" };
    const TOO_SLOW: Self = Self { code: 4408, reason: "too_slow" };
    pub(super) const NO_SUBPROTOCOL: Self = Self { code: 4409, reason: "subprotocol_missing" };
    const TOO_LARGE: Self = Self { code: 4413, reason: "message_too_large" };
    const TOO_MANY: Self = Self { code: 4429, reason: "too_many_connections" };

    /// Why a connection is not opened.
    pub(super) fn of(error: &ConsoleError) -> Self {
        match error.code() {
            "ticket_invalid" => Self::TICKET,
            "token_invalid" | "token_expired" => Self::SIGNED_OUT,
            "tenant_not_found" => Self::NOT_FOUND,
            "too_many_connections" => Self::TOO_MANY,
            "malformed_message" => Self::MALFORMED,
            _ => Self::DENIED,
        }
    }
}

/// What the reader wants written, or done by who writes.
enum Answer {
    Event(Event),
    Subscribe(Box<Feed>),
    Unsubscribe(u8),
}

/// Closes a connection that was not to be opened.
pub(super) async fn refuse(app: &App, socket: WebSocket, close: Close) {
    app.console.stats().refused(close.reason);
    tracing::info!(code = close.code, reason = close.reason, "a console connection was refused");
    let (mut sink, _) = socket.split();
    goodbye(&mut sink, close).await;
}

/// Serves a connection to its end.
pub(super) async fn serve(
    app: App,
    socket: WebSocket,
    member: Member,
    permit: Permit<act::ConsoleUse>,
    client: ClientId,
    place: Place,
) {
    let (mut sink, stream) = socket.split();
    let (answers, waiting) = mpsc::channel(MAX_ANSWERS);
    let first = hello(&client);
    let opener = Opener::new(app.console.clone(), member.clone(), client);
    let reader = Reader { app: &app, permit: &permit, opener, answers, channels: BTreeMap::new() };
    let close = tokio::select! {
        close = reader.read(stream) => close,
        close = write(&mut sink, first, waiting, Duration::from_secs(HEARTBEAT_S)) => close,
        () = app.stopping.cancelled() => Some(Close::STOPPING),
        () = app.auth.until_revoked(member.clone(), act::ConsoleUse, "ws".to_owned()) => {
            let signed_in = app.auth.check_alive(member.caller()).await.is_ok();
            Some(if signed_in { Close::DENIED } else { Close::SIGNED_OUT })
        }
    };
    if let Some(close) = close {
        if close != Close::STOPPING {
            app.console.refused(&member, close.reason).await;
        }
        goodbye(&mut sink, close).await;
    }
    drop(place);
}

async fn goodbye(sink: &mut (impl Sink<Frame> + Unpin), close: Close) {
    let frame = CloseFrame { code: close.code, reason: close.reason.into() };
    let said = sink.send(Frame::Close(Some(frame)));
    // Who does not listen is not waited for.
    let _ = tokio::time::timeout(Duration::from_millis(GOODBYE_MS), said).await;
}

/// Writes events, answers and pings; ends when the other side takes nothing, or has gone.
///
/// Pings ask the other side whether it lives. A page does not see them, so it is told of us by a `heartbeat` event after
/// as long without any other.
async fn write(
    sink: &mut (impl Sink<Frame> + Unpin),
    first: Event,
    mut answers: mpsc::Receiver<Answer>,
    heartbeat: Duration,
) -> Option<Close> {
    let mut feeds = Feeds::default();
    let mut pings = tokio::time::interval_at(Instant::now(), heartbeat);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut frame = text(&first);
    let mut quiet_since = Instant::now();
    loop {
        if !matches!(frame, Frame::Ping(_)) {
            quiet_since = Instant::now();
        }
        let sent = tokio::time::timeout(Duration::from_secs(SILENCE_S), sink.send(frame)).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some(Close::TOO_SLOW),
        }
        frame = loop {
            let answer = tokio::select! {
                biased;
                answer = answers.recv() => answer?,
                _ = pings.tick() => break Frame::Ping(Bytes::new()),
                event = feeds.next() => {
                    break match event.to_frame() {
                        Some(frame) => Frame::Binary(frame),
                        None => text(&event),
                    };
                }
                () = tokio::time::sleep_until(quiet_since + heartbeat) => {
                    break text(&Event::new(None, "heartbeat", json!({})));
                }
            };
            match answer {
                Answer::Event(event) => break text(&event),
                Answer::Unsubscribe(ch) => feeds.remove(ch),
                Answer::Subscribe(feed) => feeds.add(*feed),
            }
        };
    }
}

fn text(event: &Event) -> Frame {
    Frame::Text(event.to_json().to_string().into())
}

/// Reads what the client says.
struct Reader<'a> {
    app: &'a App,
    permit: &'a Permit<act::ConsoleUse>,
    opener: Opener,
    answers: mpsc::Sender<Answer>,
    /// The subscriptions; of terminals, the session, for typed bytes.
    channels: BTreeMap<u8, Option<String>>,
}

impl Reader<'_> {
    async fn read(mut self, mut stream: SplitStream<WebSocket>) -> Option<Close> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(SILENCE_S), stream.next()).await;
            let frame = match next {
                Err(_) => return Some(Close::TOO_SLOW),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return broken(&error),
                Ok(Some(Ok(frame))) => frame,
            };
            let read = match frame {
                Frame::Text(text) => self.text(text.as_str()).await,
                Frame::Binary(bytes) => self.binary(bytes),
                Frame::Ping(_) | Frame::Pong(_) => Ok(()),
                Frame::Close(_) => return None,
            };
            if let Err(close) = read {
                return Some(close);
            }
        }
    }

    async fn text(&mut self, text: &str) -> Result<(), Close> {
        let message = Message::parse(text).map_err(|_| Close::MALFORMED)?;
        match message {
            Message::Hello { client } => {
                if let Some(name) = client {
                    // A subscription is its client's for as long as it lasts.
                    if !self.channels.is_empty() {
                        return Err(Close::MALFORMED);
                    }
                    self.opener.rename(name.parse().map_err(|_| Close::MALFORMED)?);
                }
                self.answer(Answer::Event(hello(self.opener.client())))
            }
            Message::Subscribe(subscription) => {
                let ch = subscription.ch;
                let session =
                    subscription.session.clone().filter(|_| subscription.channel == Channel::Commands);
                if self.channels.len() >= MAX_SUBSCRIPTIONS && !self.channels.contains_key(&ch) {
                    return Err(Close::MALFORMED);
                }
                // Here and not where events are written: what is said next is about it already.
                match self.opener.open(*subscription, None, false).await {
                    Ok(feed) => {
                        self.channels.insert(ch, session);
                        self.answer(Answer::Subscribe(Box::new(feed)))
                    }
                    Err(error) => {
                        self.app.console.stats().refused(error.code());
                        self.answer(Answer::Event(error_event(Some(ch), &error)))
                    }
                }
            }
            Message::Unsubscribe { ch } => {
                self.channels.remove(&ch);
                self.answer(Answer::Unsubscribe(ch))
            }
            message => {
                if matches!(message, Message::Input { .. }) {
                    message.typed().map_err(|_| Close::MALFORMED)?;
                }
                let session = message.session().ok_or(Close::MALFORMED)?.to_owned();
                let console = &self.app.console;
                let done =
                    console.perform(self.permit, self.opener.client(), &session, &message, message.seq());
                self.done(&session, message.seq(), done)
            }
        }
    }

    fn binary(&mut self, mut bytes: Bytes) -> Result<(), Close> {
        if bytes.len() < INPUT_HEAD_BYTES {
            return Err(Close::MALFORMED);
        }
        let (ch, seq) = (bytes.get_u8(), bytes.get_u64());
        let session = self.channels.get(&ch).cloned().flatten().ok_or(Close::MALFORMED)?;
        let done = self.app.console.type_in(self.permit, self.opener.client(), &session, Some(seq), bytes);
        self.done(&session, Some(seq), done.map(Done::Accepted))
    }

    fn done(
        &mut self,
        session: &str,
        seq: Option<u64>,
        done: Result<Done, ConsoleError>,
    ) -> Result<(), Close> {
        match done {
            Ok(Done::Done) => Ok(()),
            Ok(Done::Accepted(seq)) => {
                let fields = json!({ "session": session, "seq": seq });
                self.answer(Answer::Event(Event::new(None, "accepted", fields)))
            }
            Err(error) => {
                self.app.console.stats().refused(error.code());
                let mut fields =
                    json!({ "code": error.code(), "detail": error.to_string(), "session": session });
                if let Some(seq) = seq {
                    fields["seq"] = seq.into();
                }
                if let Some(expected) = error.expected() {
                    fields["expected"] = expected.into();
                }
                self.answer(Answer::Event(Event::new(None, "error", fields)))
            }
        }
    }

    fn answer(&self, answer: Answer) -> Result<(), Close> {
        self.answers.try_send(answer).map_err(|_| Close::TOO_SLOW)
    }
}

/// What to say to a connection that breaks the protocol.
fn broken(error: &axum::Error) -> Option<Close> {
    use std::error::Error as _;
    let text = error.source().map(ToString::to_string).unwrap_or_else(|| error.to_string());
    if text.starts_with("Space limit exceeded") {
        return Some(Close::TOO_LARGE);
    }
    // Anything but a connection that broke off: bad frames, text that is not UTF-8.
    let gone =
        text.contains("without closing handshake") || text.starts_with("IO error") || text.contains("closed");
    (!gone).then_some(Close::MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_hears_of_a_connection_on_which_nothing_happens() {
        let (frames, mut written) = mpsc::channel(16);
        let mut sink = Box::pin(futures_util::sink::unfold(frames, async |frames, frame: Frame| {
            frames.send(frame).await.map(|()| frames)
        }));
        let (answers, waiting) = mpsc::channel(1);
        let first = Event::new(None, "hello", json!({}));
        let writing = write(&mut sink, first, waiting, Duration::from_millis(5));
        let heard = async {
            let mut told = Vec::new();
            let mut pings = 0;
            while told.len() < 3 || pings == 0 {
                match written.recv().await.unwrap() {
                    Frame::Text(text) => told.push(text.to_string()),
                    Frame::Ping(_) => pings += 1,
                    other => panic!("{other:?}"),
                }
            }
            drop(answers);
            told
        };
        let (close, told) = tokio::join!(writing, heard);
        assert_eq!(close, None);
        let heartbeat = r#"{"type":"heartbeat"}"#;
        assert_eq!(told[..3], [r#"{"type":"hello"}"#, heartbeat, heartbeat]);
    }
}
