//! A stream of server-sent events, read one by one.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde_json::Value;

use super::PATIENCE;
use super::client::base64;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) event: String,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }

    /// The stream and the bytes of an `output` event.
    pub(crate) fn output(&self) -> (String, Vec<u8>) {
        let data = self.json();
        (data["stream"].as_str().unwrap().to_owned(), base64(data["data"].as_str().unwrap()))
    }
}

/// The answer's body. Dropping it closes the connection.
pub(crate) struct Events {
    body: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    buffer: Vec<u8>,
}

impl Events {
    pub(super) fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: Box::pin(response.bytes_stream()), buffer: Vec::new() }
    }

    /// The next event that has data; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                match parse(std::str::from_utf8(&block).unwrap()) {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let bytes = tokio::time::timeout(PATIENCE, self.body.next()).await.expect("an event comes")?;
            // A host that is killed breaks the connection, which ends the stream as well.
            self.buffer.extend_from_slice(&bytes.ok()?);
        }
    }

    /// All events that are left.
    pub(crate) async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// Reads `output` events until standard output has `text`; gives what it has and the last id.
    pub(crate) async fn until(&mut self, text: &str) -> (String, String) {
        let (mut seen, mut id) = (String::new(), String::new());
        while !seen.contains(text) {
            let event = self.next().await.unwrap_or_else(|| panic!("no `{text}` in `{seen}`"));
            assert_eq!(event.event, "output", "no `{text}` in `{seen}`: {event:?}");
            let (stream, bytes) = event.output();
            id = event.id.unwrap();
            if stream == "stdout" {
                seen += std::str::from_utf8(&bytes).unwrap();
            }
        }
        (seen, id)
    }
}

fn parse(block: &str) -> Option<Event> {
    let mut event = Event { event: "message".to_owned(), id: None, data: String::new() };
    let mut has_data = false;
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => event.event = value.to_owned(),
            "id" => event.id = Some(value.to_owned()),
            "data" => {
                has_data = true;
                event.data += value;
            }
            _ => {}
        }
    }
    has_data.then_some(event)
}
