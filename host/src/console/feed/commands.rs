//! Channel `commands`: a session's terminal.

use std::collections::VecDeque;

use futures_util::stream::unfold;
use serde_json::json;

use super::{Feed, Role, Subscriber, Told, Wanted, missing};
use crate::auth::act;
use crate::console::attachment::{Attachment, Shown};
use crate::console::error::ConsoleError;
use crate::console::event::{Body, ByteStream, Event};
use crate::console::note::{Note, Noted};
use crate::console::session::Size;
use crate::console::subscription::Subscription;
use crate::ids::ConsoleSessionId;
use crate::metrics::ConsoleStats;

/// Where a subscription stands, as its cursor says it: `offset.notes.flags`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stand {
    offset: u64,
    notes: u64,
    /// It was told that it is attached.
    attached: bool,
    /// It was told that it is the owner.
    you: bool,
    /// The end of the replay was told.
    live: bool,
    /// The end of the session was told.
    over: bool,
}

impl Stand {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut number = || {
            let part = parts.next()?;
            // `parse` would take a sign.
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u64>().ok())?
        };
        let (offset, notes, flags) = (number()?, number()?, number()?);
        let has = |bit: u64| flags & bit != 0;
        let stand = Self { offset, notes, attached: has(1), you: has(2), live: has(4), over: has(8) };
        (parts.next().is_none() && flags < 16).then_some(stand)
    }

    fn to_text(self) -> String {
        let flags = u8::from(self.attached)
            | u8::from(self.you) << 1
            | u8::from(self.live) << 2
            | u8::from(self.over) << 3;
        format!("{}.{}.{flags}", self.offset, self.notes)
    }
}

struct Terminal {
    ch: u8,
    attachment: Option<Attachment>,
    stand: Stand,
    first: VecDeque<Event>,
    stats: ConsoleStats,
    _session: ConsoleSessionId,
}

pub(super) fn open(subscriber: &Subscriber<'_>, subscription: Subscription) -> Result<Feed, ConsoleError> {
    let id = subscription.session.as_deref().ok_or_else(|| missing("session"))?;
    let stand = match subscriber.place {
        Some(place) => Some(Stand::parse(place).ok_or(ConsoleError::CursorInvalid)?),
        None => None,
    };
    let session = subscriber.console.find(&subscriber.permit, subscriber.member, id)?;
    let is_own = session.principal == *subscriber.permit.principal();
    let ch = subscription.ch;
    let mut terminal = Terminal {
        ch,
        attachment: None,
        stand: stand.unwrap_or_default(),
        first: VecDeque::new(),
        stats: subscriber.console.stats().clone(),
        _session: session.id.clone(),
    };
    if !terminal.stand.over {
        let wanted = wanted(&subscription, stand)?;
        let caller = is_own.then(|| subscriber.member.caller().clone());
        let (mut attachment, attached) = session.attach(subscriber.client, &wanted, caller)?;
        let told_before = subscriber.polled && terminal.stand.attached && !attached.truncated;
        if told_before {
            if terminal.stand.live {
                attachment.is_live();
            }
            if terminal.stand.you != attached.you {
                attachment.tell_owner();
            }
        } else {
            let marks: Vec<_> = attached.marks.iter().map(|note| note_fields(note).1).collect();
            let fields = json!({
                "from": attached.from, "size": attached.size, "truncated": attached.truncated,
                "mode": attached.mode, "you": attached.you, "columns": attached.terminal.columns,
                "lines": attached.terminal.lines, "marks": marks,
            });
            terminal.first.push_back(Event::new(Some(ch), "attached", fields));
            let place = attachment.place();
            terminal.stand = Stand {
                offset: place.offset,
                notes: place.notes,
                attached: true,
                you: attached.you,
                live: false,
                over: false,
            };
        }
        terminal.attachment = Some(attachment);
    }
    let events = unfold(terminal, |mut terminal| async move {
        let told = terminal.next().await?;
        Some((told, terminal))
    });
    Ok(if is_own {
        subscriber.feed(ch, act::ConsoleUse, id, events)
    } else {
        subscriber.feed(ch, act::ConsoleManage, id, events)
    })
}

fn wanted(subscription: &Subscription, stand: Option<Stand>) -> Result<Wanted, ConsoleError> {
    if let Some(stand) = stand {
        let (from, notes) = (Some(stand.offset), Some(stand.notes));
        return Ok(Wanted { role: Role::Resume, from, notes, size: None });
    }
    let size = match (subscription.columns, subscription.lines) {
        (Some(columns), Some(lines)) => Some(Size { columns, lines }.checked()?),
        (None, None) => None,
        _ => return Err(missing("columns` or `lines")),
    };
    let from = subscription.offset_place()?;
    Ok(Wanted { role: subscription.mode, from, notes: from.and(subscription.marks), size })
}

impl Terminal {
    async fn next(&mut self) -> Option<Told> {
        if let Some(event) = self.first.pop_front() {
            return Some(self.told(event));
        }
        let attachment = self.attachment.as_mut()?;
        let shown = attachment.next().await?;
        let place = attachment.place();
        (self.stand.offset, self.stand.notes) = (place.offset, place.notes);
        let event = self.event(shown);
        Some(self.told(event))
    }

    fn told(&self, event: Event) -> Told {
        let place = self.stand.to_text();
        (event.at(place.clone()), place)
    }

    fn event(&mut self, shown: Shown) -> Event {
        let ch = Some(self.ch);
        match shown {
            Shown::Bytes { offset, bytes } => {
                Event { ch, cursor: None, body: Body::Bytes { stream: ByteStream::Terminal, offset, bytes } }
            }
            Shown::Note(note) => {
                let (kind, fields) = note_fields(&note);
                Event::new(ch, kind, fields)
            }
            Shown::Gap { from, to } => {
                self.stats.gap("commands");
                Event::new(ch, "gap", json!({ "from": from, "to": to, "count": to - from }))
            }
            Shown::ReplayEnd { offset } => {
                self.stand.live = true;
                Event::new(ch, "replay_end", json!({ "offset": offset }))
            }
            Shown::Owner { client, you } => {
                self.stand.you = you;
                let mut fields = json!({ "you": you });
                if let Some(client) = client {
                    fields["client"] = client.as_str().into();
                }
                Event::new(ch, "owner", fields)
            }
            Shown::Size(size) => {
                Event::new(ch, "size", json!({ "columns": size.columns, "lines": size.lines }))
            }
            Shown::Exit(exit) => {
                self.stand.over = true;
                Event::new(ch, "exit", serde_json::to_value(exit).unwrap_or_default())
            }
        }
    }
}

/// A note's type and fields.
fn note_fields(note: &Note) -> (&'static str, serde_json::Value) {
    match &note.noted {
        Noted::Mark(mark) => {
            let mut fields = serde_json::to_value(mark).unwrap_or_default();
            fields["n"] = note.number.into();
            fields["offset"] = note.offset.into();
            ("mark", fields)
        }
        Noted::Mode(mode) => ("mode", json!({ "n": note.number, "mode": mode, "mode_offset": note.offset })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_is_read_as_it_is_written_and_nothing_else_is_one() {
        for flags in 0..16_u64 {
            let text = format!("7.8.{flags}");
            assert_eq!(Stand::parse(&text).unwrap().to_text(), text);
        }
        for text in [
            "",
            "1",
            "1.2",
            "1.2.16",
            "1.2.3.4",
            "+1.2.3",
            "-1.2.3",
            "x.2.3",
            "1..3",
            "18446744073709551616.0.0",
        ] {
            assert_eq!(Stand::parse(text), None, "{text}");
        }
    }
}
