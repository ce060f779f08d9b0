//! Sessions without a transport.

mod flow;
mod replay;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;

use super::attachment::{Attached, Attachment, Role, Shown, Wanted};
use super::error::ConsoleError;
use super::session::{NewSession, Session, Size};
use crate::auth::{Caller, TenantScope};
use crate::clock::Clock;
use crate::ids::{ClientId, ConsoleSessionId, SessionId, TenantId, UserId};

fn caller(clock: &Clock) -> Caller {
    Caller::for_test(UserId::generate(clock), SessionId::generate(clock))
}

/// One whose program waits for an owner for longer than any test lasts.
fn session(history_bytes: usize) -> Arc<Session> {
    session_with(history_bytes, Duration::from_secs(3_600))
}

fn session_with(history_bytes: usize, owner_grace: Duration) -> Arc<Session> {
    let clock = Clock::system();
    Session::new(NewSession {
        id: ConsoleSessionId::generate(&clock),
        scope: TenantScope::for_test(TenantId::generate(&clock)),
        caller: caller(&clock),
        name: "test".to_owned(),
        size: Size::DEFAULT,
        history_bytes,
        owner_grace,
        created_at: clock.now(),
    })
}

fn client(number: usize) -> ClientId {
    format!("client-{number:04}").parse().unwrap()
}

fn attach(session: &Arc<Session>, number: usize, role: Role, from: Option<u64>) -> (Attachment, Attached) {
    let wanted = Wanted { role, from, notes: from.and(Some(0)), size: None };
    session.attach(&client(number), &wanted, Some(session.caller())).unwrap()
}

/// The byte that tests write at an offset.
fn at(offset: u64) -> u8 {
    let mixed = (offset ^ 0x9e37_79b9).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as u8
}

fn pattern(from: u64, len: usize) -> Bytes {
    (from..from + len as u64).map(at).collect::<Vec<u8>>().into()
}

/// What there is to show now.
fn shown_now(attachment: &mut Attachment) -> Vec<Shown> {
    let mut shown = Vec::new();
    while let Some(Some(next)) = attachment.next().now_or_never() {
        shown.push(next);
    }
    shown
}

fn bytes_of(shown: &[Shown]) -> Vec<u8> {
    let bytes = shown.iter().filter_map(|shown| match shown {
        Shown::Bytes { bytes, .. } => Some(bytes.to_vec()),
        _ => None,
    });
    bytes.flatten().collect()
}

fn code(error: &ConsoleError) -> &'static str {
    error.code()
}
