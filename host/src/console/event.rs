//! What a connection is told, apart from how: JSON, and bytes that travel raw where they can.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value, json};

/// Where bytes were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteStream {
    /// A session's terminal.
    Terminal,
    /// A run's standard output.
    Stdout,
    /// A run's standard error.
    Stderr,
}

impl ByteStream {
    fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Terminal => 0,
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }
}

/// Something a connection is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The subscription; none for what concerns the connection.
    pub ch: Option<u8>,
    /// The cursor of the subscription after it.
    pub cursor: Option<String>,
    /// What.
    pub body: Body,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Bytes, at the offset of the first.
    Bytes {
        /// Of which stream.
        stream: ByteStream,
        /// Where the first one is.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// Anything else: its type and its fields.
    Fields(&'static str, Map<String, Value>),
}

impl Event {
    /// An event of a type; `fields` is an object.
    #[must_use]
    pub fn new(ch: Option<u8>, kind: &'static str, fields: Value) -> Self {
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        Self { ch, cursor: None, body: Body::Fields(kind, fields) }
    }

    /// The event with the cursor after it.
    #[must_use]
    pub fn at(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.body {
            Body::Bytes { .. } => "bytes",
            Body::Fields(kind, _) => kind,
        }
    }

    /// About how large it is, in bytes.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        match &self.body {
            Body::Bytes { bytes, .. } => bytes.len() + 64,
            Body::Fields(_, fields) => 64 + fields.values().map(weight).sum::<usize>(),
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        if let Some(ch) = self.ch {
            object.insert("ch".to_owned(), ch.into());
        }
        object.insert("type".to_owned(), self.kind().into());
        match &self.body {
            Body::Bytes { stream, offset, bytes } => {
                object.insert("stream".to_owned(), stream.name().into());
                object.insert("offset".to_owned(), (*offset).into());
                object.insert("data".to_owned(), STANDARD.encode(bytes).into());
            }
            Body::Fields(_, fields) => object.extend(fields.clone()),
        }
        if let Some(cursor) = &self.cursor {
            object.insert("cursor".to_owned(), json!(cursor));
        }
        Value::Object(object)
    }

    /// As a binary frame, when it is of bytes: `ch`, stream, offset (big endian), bytes.
    #[must_use]
    pub fn to_frame(&self) -> Option<Bytes> {
        let (Some(ch), Body::Bytes { stream, offset, bytes }) = (self.ch, &self.body) else { return None };
        let mut frame = BytesMut::with_capacity(bytes.len() + 10);
        frame.put_u8(ch);
        frame.put_u8(stream.code());
        frame.put_u64(*offset);
        frame.put_slice(bytes);
        Some(frame.freeze())
    }
}

fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_a_frame_or_base64() {
        let body = Body::Bytes { stream: ByteStream::Stderr, offset: 258, bytes: Bytes::from_static(b"hi") };
        let event = Event { ch: Some(7), cursor: Some("c".to_owned()), body };
        assert_eq!(&event.to_frame().unwrap()[..], b"\x07\x02\0\0\0\0\0\0\x01\x02hi");
        let expected = json!({"ch": 7, "type": "bytes", "stream": "stderr", "offset": 258, "data": "aGk=", "cursor": "c"});
        assert_eq!(event.to_json(), expected);
        assert_eq!(Event::new(None, "hello", json!({"a": 1})).to_json(), json!({"type": "hello", "a": 1}));
        assert_eq!(Event::new(Some(1), "exit", json!({})).to_frame(), None);
    }
}
