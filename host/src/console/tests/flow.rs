//! Who slows whom, and who may type.

use std::time::Duration;

use futures_util::FutureExt;

use super::super::session::{ECHO_BYTES, EndReason, WINDOW_BYTES};
use super::*;
use crate::console::{Input, InputReceiver};

const HISTORY: usize = 1 << 20;

/// Writes until there is no room; how much was written.
fn fill(session: &Arc<Session>) -> u64 {
    let before = session.end_offset();
    let all = pattern(before, 4 * HISTORY);
    assert!(session.write(all).now_or_never().is_none(), "the writer waits");
    session.end_offset() - before
}

#[tokio::test]
async fn the_owner_slows_the_program_and_lets_it_go_on_by_acknowledging() {
    let session = session(HISTORY);
    let _owner = attach(&session, 1, Role::Owner, None);
    assert_eq!(fill(&session), WINDOW_BYTES as u64);
    assert_eq!(fill(&session), 0);
    session.acknowledge(&client(1), 1_000).unwrap();
    assert_eq!(fill(&session), 1_000);
    session.acknowledge(&client(1), 10).unwrap();
    assert_eq!(fill(&session), 0, "an older acknowledgement takes nothing back");
    session.acknowledge(&client(2), session.end_offset()).unwrap();
    assert_eq!(fill(&session), 0, "nobody else's counts");
    assert_eq!(code(&session.acknowledge(&client(1), u64::MAX).unwrap_err()), "malformed_cursor");
}

#[tokio::test]
async fn a_stalled_owner_who_stays_holds_the_program_whatever_the_grace() {
    let session = session_with(HISTORY, Duration::ZERO);
    let _owner = attach(&session, 1, Role::Owner, None);
    assert_eq!(fill(&session), WINDOW_BYTES as u64);
    assert_eq!(fill(&session), 0);
}

#[tokio::test]
async fn without_its_owner_a_session_waits_for_a_while_and_then_runs_on() {
    let patient = session(HISTORY);
    let (owner, _) = attach(&patient, 1, Role::Owner, None);
    let viewer = attach(&patient, 2, Role::Viewer, None);
    assert_eq!(fill(&patient), WINDOW_BYTES as u64);
    drop(owner);
    assert_eq!(fill(&patient), 0, "its grace has not passed");
    drop(viewer);
    // A writer that waits already goes on by itself once it has.
    let session = session_with(HISTORY, Duration::from_millis(1));
    let (owner, _) = attach(&session, 1, Role::Owner, None);
    assert_eq!(fill(&session), WINDOW_BYTES as u64);
    let (from, writing) = (session.end_offset(), Arc::clone(&session));
    let writer = tokio::spawn(async move { writing.write(pattern(from, 2 * HISTORY)).await });
    tokio::task::yield_now().await;
    assert!(!writer.is_finished());
    drop(owner);
    writer.await.unwrap().unwrap();
    assert_eq!(session.end_offset(), from + 2 * HISTORY as u64);
    // Whoever comes back sees what is kept, byte for byte, and that something is missing.
    let (mut owner, attached) = attach(&session, 1, Role::Resume, Some(from));
    assert!(attached.you && attached.truncated);
    let shown = shown_now(&mut owner);
    let start = session.end_offset() - HISTORY as u64;
    assert_eq!(shown[0], Shown::Gap { from, to: start });
    assert_eq!(bytes_of(&shown), pattern(start, HISTORY));
    assert_eq!(fill(&session), 0, "and slows the program again");
}

#[tokio::test]
async fn a_stalled_viewer_slows_nobody_and_is_told_what_it_missed() {
    let session = session(HISTORY);
    let _owner = attach(&session, 1, Role::Owner, None);
    let (mut viewer, _) = attach(&session, 2, Role::Viewer, None);
    let total = 3 * HISTORY as u64;
    while session.end_offset() < total {
        let end = session.end_offset();
        session.write(pattern(end, WINDOW_BYTES)).await.unwrap();
        session.acknowledge(&client(1), session.end_offset()).unwrap();
    }
    let shown = shown_now(&mut viewer);
    let start = session.end_offset() - HISTORY as u64;
    assert!(shown.contains(&Shown::Gap { from: 0, to: start }), "{:?}", &shown[..2]);
    assert_eq!(bytes_of(&shown), pattern(start, HISTORY));
}

#[tokio::test]
async fn echo_has_room_of_its_own_and_never_waits() {
    let session = session(HISTORY);
    let _owner = attach(&session, 1, Role::Owner, None);
    fill(&session);
    assert!(session.try_write(&pattern(session.end_offset(), ECHO_BYTES)));
    assert!(!session.try_write(b"x"));
    session.acknowledge(&client(1), 5).unwrap();
    assert!(!session.try_write(&[0; 6]), "all or nothing");
    assert!(session.try_write(&[0; 5]));
}

#[tokio::test]
async fn what_is_written_after_the_end_is_refused_and_waiting_writers_go() {
    let session = session(HISTORY);
    let (mut owner, _) = attach(&session, 1, Role::Owner, None);
    let writing = Arc::clone(&session);
    let writer = tokio::spawn(async move { writing.write(pattern(0, HISTORY)).await });
    while session.end_offset() < WINDOW_BYTES as u64 {
        tokio::task::yield_now().await;
    }
    session.end(EndReason::Ended);
    session.close(None);
    writer.await.unwrap().unwrap_err();
    assert!(!session.try_write(b"x"));
    let shown = shown_now(&mut owner);
    assert_eq!(bytes_of(&shown).len(), WINDOW_BYTES, "what was written before is shown");
    assert!(matches!(shown.last(), Some(Shown::Exit(exit)) if exit.reason == EndReason::Ended));
    assert!(owner.next().await.is_none(), "nothing follows");
    assert_eq!(code(&session.type_in(&client(1), 1, Bytes::new()).unwrap_err()), "console_session_ended");
}

#[tokio::test]
async fn only_the_owner_types_and_who_is_told_when_that_changes() {
    let session = session(HISTORY);
    let mut input = InputReceiver::new(Arc::clone(&session.input));
    let (mut first, attached) = attach(&session, 1, Role::Owner, None);
    assert!(attached.you);
    session.type_in(&client(1), 1, Bytes::from_static(b"a")).unwrap();
    let (mut second, attached) = attach(&session, 2, Role::Owner, None);
    assert!(attached.you);
    let told = shown_now(&mut first);
    assert!(told.contains(&Shown::Owner { client: Some(client(2)), you: false }), "{told:?}");
    assert_eq!(code(&session.type_in(&client(1), 2, Bytes::from_static(b"x")).unwrap_err()), "not_owner");
    assert_eq!(code(&session.interrupt(&client(1)).unwrap_err()), "not_owner");
    assert_eq!(code(&session.resize(&client(1), Size::DEFAULT).unwrap_err()), "not_owner");
    // What it typed before is known, though it may not type now.
    assert_eq!(session.type_in(&client(1), 1, Bytes::from_static(b"a")).unwrap(), 1);
    session.take_over(&client(1));
    shown_now(&mut second);
    session.resize(&client(1), Size { columns: 100, lines: 30 }).unwrap();
    assert!(shown_now(&mut second).contains(&Shown::Size(Size { columns: 100, lines: 30 })));
    assert_eq!(
        code(&session.resize(&client(1), Size { columns: 0, lines: 1 }).unwrap_err()),
        "invalid_value"
    );
    session.type_in(&client(1), 2, Bytes::from_static(b"b")).unwrap();
    assert_eq!(input.recv().await, Some(Input::Resize(Size { columns: 100, lines: 30 })));
    assert_eq!(input.recv().await, Some(Input::Bytes(Bytes::from_static(b"a"))));
    assert_eq!(input.recv().await, Some(Input::Bytes(Bytes::from_static(b"b"))));
}

#[tokio::test]
async fn a_session_is_idle_when_nobody_was_attached_for_so_long() {
    let session = session(HISTORY);
    let (first, _) = attach(&session, 1, Role::Viewer, None);
    let (second, _) = attach(&session, 2, Role::Viewer, None);
    let watched = Arc::clone(&session);
    let watch = tokio::spawn(async move { watched.idle_for(Duration::from_millis(1)).await });
    drop(first);
    assert!(session.idle_for(Duration::ZERO).now_or_never().is_none(), "somebody is there");
    assert!(!watch.is_finished());
    drop(second);
    watch.await.unwrap();
    assert!(session.idle_for(Duration::from_secs(3_600)).now_or_never().is_none(), "not for so long");
}

#[tokio::test]
async fn connections_of_a_session_are_bounded() {
    let session = session(HISTORY);
    let all: Vec<_> = (0..super::super::session::MAX_ATTACHED)
        .map(|number| attach(&session, number, Role::Viewer, None))
        .collect();
    let refused = session.attach(&client(0), &Wanted::default(), None);
    assert_eq!(refused.map(|_| ()).map_err(|error| error.code()), Err("too_many_connections"));
    drop(all);
    attach(&session, 0, Role::Viewer, None);
}
