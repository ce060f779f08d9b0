//! What clients say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use super::error::ConsoleError;
use super::registry::Console;
use super::session::Size;
use super::subscription::{Subscription, malformed};
use crate::auth::{Permit, act};
use crate::ids::ClientId;

/// One message.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Message {
    /// The client's name.
    Hello {
        /// As which it was known before.
        client: Option<String>,
    },
    /// Wants to be told more.
    Subscribe(Box<Subscription>),
    /// Wants to be told less.
    Unsubscribe {
        /// The subscription.
        ch: u8,
    },
    /// Typed bytes.
    Input {
        /// Where.
        session: Option<String>,
        /// The number.
        seq: Option<u64>,
        /// The bytes, in base64.
        data: Option<String>,
        /// The bytes, as text.
        text: Option<String>,
    },
    /// A signal.
    Signal {
        /// Where.
        session: Option<String>,
        /// Which.
        signal: Signal,
    },
    /// The owner's terminal has another size.
    Resize {
        /// Where.
        session: Option<String>,
        /// Across.
        columns: u16,
        /// Down.
        lines: u16,
    },
    /// The owner has shown what is before an offset.
    Ack {
        /// Where.
        session: Option<String>,
        /// The offset.
        offset: u64,
    },
    /// The client wants to be the owner.
    TakeOver {
        /// Where.
        session: Option<String>,
    },
}

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was done, and there is no more to say.
    Done,
    /// Input up to this number is taken.
    Accepted(u64),
}

impl Message {
    /// Reads one.
    ///
    /// # Errors
    /// `malformed_message`.
    pub fn parse(text: &str) -> Result<Self, ConsoleError> {
        serde_json::from_str(text).map_err(|error| malformed(&error.to_string()))
    }

    /// As [`Message::parse`], for JSON that was read already.
    ///
    /// # Errors
    /// `malformed_message`.
    pub fn from_json(value: serde_json::Value) -> Result<Self, ConsoleError> {
        serde_json::from_value(value).map_err(|error| malformed(&error.to_string()))
    }

    /// The session it is about.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Input { session, .. }
            | Self::Signal { session, .. }
            | Self::Resize { session, .. }
            | Self::Ack { session, .. }
            | Self::TakeOver { session } => session.as_deref(),
            Self::Hello { .. } | Self::Subscribe(_) | Self::Unsubscribe { .. } => None,
        }
    }

    /// The number of an input, when it says one.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::Input { seq, .. } => *seq,
            _ => None,
        }
    }

    /// The bytes of an input.
    ///
    /// # Errors
    /// `malformed_message` when there are none, or two kinds.
    pub fn typed(&self) -> Result<Bytes, ConsoleError> {
        match self {
            Self::Input { data: Some(data), text: None, .. } => {
                STANDARD.decode(data).map(Bytes::from).map_err(|_| malformed("`data` is not base64"))
            }
            Self::Input { data: None, text: Some(text), .. } => Ok(Bytes::from(text.clone())),
            _ => Err(malformed("an input has either `data` or `text`")),
        }
    }
}

impl Console {
    /// Does what a client says to one of the caller's own sessions. `seq` is the number of an input.
    ///
    /// # Errors
    /// `console_session_not_found`, `console_session_ended`, `not_owner`, `out_of_order`, `input_full`, `malformed_cursor`,
    /// `malformed_message`.
    pub fn perform(
        &self,
        permit: &Permit<act::ConsoleUse>,
        client: &ClientId,
        session: &str,
        message: &Message,
        seq: Option<u64>,
    ) -> Result<Done, ConsoleError> {
        if matches!(message, Message::Input { .. }) {
            return self.type_in(permit, client, session, seq, message.typed()?).map(Done::Accepted);
        }
        let session = self.own(permit, session)?;
        match message {
            Message::Signal { signal: Signal::Interrupt, .. } => session.interrupt(client)?,
            Message::Resize { columns, lines, .. } => {
                session.resize(client, Size { columns: *columns, lines: *lines })?;
            }
            Message::Ack { offset, .. } => session.acknowledge(client, *offset)?,
            Message::TakeOver { .. } => session.take_over(client),
            Message::Hello { .. }
            | Message::Subscribe(_)
            | Message::Unsubscribe { .. }
            | Message::Input { .. } => {
                return Err(malformed("this is not said to a session"));
            }
        }
        Ok(Done::Done)
    }

    /// Takes typed bytes, exactly once. Says the number of the last that was taken.
    ///
    /// # Errors
    /// As [`Console::perform`].
    pub fn type_in(
        &self,
        permit: &Permit<act::ConsoleUse>,
        client: &ClientId,
        session: &str,
        seq: Option<u64>,
        bytes: Bytes,
    ) -> Result<u64, ConsoleError> {
        let seq = seq.filter(|seq| *seq > 0).ok_or_else(|| malformed("an input has a `seq`, from 1 on"))?;
        self.own(permit, session)?.type_in(client, seq, bytes)
    }

    /// The number of the last input that was taken of a client; 0 when none was.
    ///
    /// # Errors
    /// `console_session_not_found`.
    pub fn last_taken(
        &self,
        permit: &Permit<act::ConsoleUse>,
        client: &ClientId,
        session: &str,
    ) -> Result<u64, ConsoleError> {
        Ok(self.own(permit, session)?.last_taken(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_and_anything_else_is_malformed() {
        for text in [
            r#"{"type":"hello"}"#,
            r#"{"type":"hello","client":"abcdefgh"}"#,
            r#"{"type":"subscribe","ch":1,"channel":"commands","session":"con_x","from":5,"marks":2,"mode":"resume"}"#,
            r#"{"type":"unsubscribe","ch":1}"#,
            r#"{"type":"input","session":"con_x","seq":1,"text":"ls\r"}"#,
            r#"{"type":"signal","session":"con_x","signal":"interrupt"}"#,
            r#"{"type":"resize","session":"con_x","columns":80,"lines":24}"#,
            r#"{"type":"ack","session":"con_x","offset":7}"#,
            r#"{"type":"take_over","session":"con_x"}"#,
        ] {
            assert!(Message::parse(text).is_ok(), "{text} {:?}", Message::parse(text));
        }
        for text in [
            "",
            "null",
            "[]",
            r#"{"type":"nothing"}"#,
            r#"{"type":"ack","offset":-1}"#,
            r#"{"type":"ack","offset":1,"extra":1}"#,
            r#"{"type":"subscribe","ch":1,"channel":"commands","extra":1}"#,
            r#"{"type":"signal","signal":"kill"}"#,
            r#"{"type":"resize","columns":65536,"lines":1}"#,
        ] {
            assert!(Message::parse(text).is_err(), "{text}");
        }
        let typed = |text: &str| Message::parse(text).unwrap().typed().map(|bytes| bytes.to_vec());
        assert_eq!(typed(r#"{"type":"input","data":"AAE="}"#).unwrap(), [0, 1]);
        for text in [
            r#"{"type":"input"}"#,
            r#"{"type":"input","data":"!"}"#,
            r#"{"type":"input","data":"","text":""}"#,
        ] {
            assert!(typed(text).is_err(), "{text}");
        }
    }
}
