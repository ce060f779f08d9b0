//! Reads server-sent events from a stream of bytes (WHATWG HTML, section 9.2.6).

use std::collections::VecDeque;

/// More than any event of this API: a 64 KiB chunk in base64, or a run's record.
const MAX_EVENT_BYTES: usize = 8 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// The event's type; `message` when it names none.
    pub(crate) name: String,
    /// Its data lines, joined.
    pub(crate) data: String,
    /// The last id seen up to and with this event.
    pub(crate) id: Option<String>,
}

/// The stream is not one of events this program can hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {MAX_EVENT_BYTES} bytes")]
pub(crate) struct EventTooLong;

/// Takes bytes as they come and gives whole events.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    name: String,
    data: String,
    id: Option<String>,
    ready: VecDeque<Event>,
}

impl Parser {
    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), EventTooLong> {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|b| matches!(b, b'\n' | b'\r')) else {
                self.line.extend_from_slice(bytes);
                return self.check_length();
            };
            self.line.extend_from_slice(&bytes[..end]);
            self.check_length()?;
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.end_line(&String::from_utf8_lossy(&line));
        }
        Ok(())
    }

    /// The next whole event.
    pub(crate) fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    fn check_length(&self) -> Result<(), EventTooLong> {
        if self.line.len() + self.data.len() > MAX_EVENT_BYTES { Err(EventTooLong) } else { Ok(()) }
    }

    fn end_line(&mut self, line: &str) {
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // Comments, `retry`, and what later versions may add.
            _ => {}
        }
    }

    fn end_event(&mut self) {
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        if data.pop().is_none() {
            return;
        }
        let name = if name.is_empty() { "message".to_owned() } else { name };
        self.ready.push_back(Event { name, data, id: self.id.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b": hello\r\n\r\nevent: output\r\nid: 7\r\ndata: {\"a\":1}\r\n\r\n\
        data:one\ndata: two\n\nevent: none\n\nretry: 5\rid\rdata\r\r: \nevent: exit\ndata: \xc3\xa9";

    fn events(chunk_bytes: usize) -> Vec<(String, String, Option<String>)> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for chunk in STREAM.chunks(chunk_bytes) {
            parser.feed(chunk).unwrap();
            events.extend(std::iter::from_fn(|| parser.next()).map(|e| (e.name, e.data, e.id)));
        }
        parser.feed(b"\n\n").unwrap();
        events.extend(std::iter::from_fn(|| parser.next()).map(|e| (e.name, e.data, e.id)));
        events
    }

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        let event =
            |name: &str, data: &str, id: &str| (name.to_owned(), data.to_owned(), Some(id.to_owned()));
        let want = [
            event("output", "{\"a\":1}", "7"),
            event("message", "one\ntwo", "7"),
            event("message", "", ""),
            event("exit", "é", ""),
        ];
        for chunk_bytes in 1..=STREAM.len() {
            assert_eq!(events(chunk_bytes), want, "chunks of {chunk_bytes} bytes");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1 << 20];
        let result = (0..10).try_for_each(|_| parser.feed(&chunk));
        assert_eq!(result, Err(EventTooLong));
    }
}
