//! Coming back: byte for byte, note for note.

use proptest::prelude::*;

use super::*;
use crate::console::{Mark, Mode};

/// What one client has seen over all its connections.
#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    notes: u64,
    /// Where each note stood.
    note_offsets: Vec<u64>,
}

impl Seen {
    fn see(&mut self, shown: Vec<Shown>) {
        for shown in shown {
            match shown {
                Shown::Bytes { offset, bytes } => {
                    assert_eq!(offset, self.bytes.len() as u64);
                    self.bytes.extend_from_slice(&bytes);
                }
                Shown::Note(note) => {
                    assert_eq!(note.number, self.notes);
                    assert_eq!(note.offset, self.bytes.len() as u64, "a note comes at its offset");
                    self.notes += 1;
                    self.note_offsets.push(note.offset);
                }
                Shown::Gap { .. } => panic!("nothing is missing"),
                Shown::ReplayEnd { .. } | Shown::Owner { .. } | Shown::Size(_) | Shown::Exit(_) => {}
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Write(usize),
    Mark,
    Mode(bool),
    /// Looks at so many things and goes away.
    Look(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1_usize..50_000).prop_map(Step::Write),
        1 => Just(Step::Mark),
        1 => any::<bool>().prop_map(Step::Mode),
        3 => (0_usize..6).prop_map(Step::Look),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// However often a client goes and comes back, it sees all that was written and noted, once and in order.
    #[test]
    fn nothing_is_lost_or_doubled_over_any_number_of_connections(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let session = session(4 << 20);
            let (mut seen, mut noted) = (Seen::default(), Vec::new());
            let mut mode = Mode::Line;
            for step in steps {
                let end = session.end_offset();
                match step {
                    Step::Write(len) => {
                        session.acknowledge(&client(1), end).unwrap();
                        // Before anybody has attached nothing is acknowledged.
                        let fits = session.try_write(&pattern(end, len));
                        assert!(fits || end > 0);
                    }
                    Step::Mark => {
                        session.mark(Mark::Prompt);
                        noted.push(end);
                    }
                    Step::Mode(raw) => {
                        let wanted = if raw { Mode::Raw } else { Mode::Line };
                        session.set_mode(wanted);
                        if wanted != mode {
                            noted.push(end);
                        }
                        mode = wanted;
                    }
                    Step::Look(count) => {
                        let wanted = Wanted {
                            role: Role::Owner,
                            from: Some(seen.bytes.len() as u64),
                            notes: Some(seen.notes),
                            size: None,
                        };
                        let (mut attachment, _) =
                            session.attach(&client(1), &wanted, Some(session.caller())).unwrap();
                        for shown in shown_now(&mut attachment).into_iter().take(count) {
                            seen.see(vec![shown]);
                        }
                    }
                }
            }
            let wanted =
                Wanted { role: Role::Owner, from: Some(seen.bytes.len() as u64), notes: Some(seen.notes), size: None };
            let (mut attachment, attached) =
                session.attach(&client(1), &wanted, Some(session.caller())).unwrap();
            assert!(!attached.truncated);
            seen.see(shown_now(&mut attachment));
            assert_eq!(seen.bytes, pattern(0, seen.bytes.len()));
            assert_eq!(seen.bytes.len() as u64, session.end_offset());
            assert_eq!(seen.note_offsets, noted);
        });
    }
}

#[tokio::test]
async fn a_first_look_begins_with_what_is_kept_and_says_where_the_replay_ends() {
    let session = session(1 << 20);
    session.set_mode(Mode::Raw);
    session.mark(Mark::Prompt);
    assert!(session.try_write(b"hello"));
    session.mark(Mark::Prompt);
    let (mut viewer, attached) = attach(&session, 1, Role::Viewer, None);
    assert_eq!((attached.from, attached.size, attached.truncated), (0, 5, false));
    let shown = shown_now(&mut viewer);
    assert_eq!(shown.iter().filter(|shown| matches!(shown, Shown::Note(_))).count(), 3);
    assert!(shown.contains(&Shown::ReplayEnd { offset: 5 }));
    session.try_write(b"!");
    assert_eq!(shown_now(&mut viewer), [Shown::Bytes { offset: 5, bytes: Bytes::from_static(b"!") }]);
    // One who begins in the middle learns the mode and the marks before.
    let wanted = Wanted { role: Role::Viewer, from: Some(3), notes: None, size: None };
    let (_, attached) = session.attach(&client(2), &wanted, None).unwrap();
    assert_eq!((attached.mode, attached.marks.len(), attached.you), (Mode::Raw, 2, false));
}

#[tokio::test]
async fn a_place_of_another_session_is_refused() {
    let session = session(1 << 20);
    for (from, notes) in [(1, 0), (u64::MAX, 0), (0, 1)] {
        let wanted = Wanted { role: Role::Viewer, from: Some(from), notes: Some(notes), size: None };
        let refused = session.attach(&client(1), &wanted, None).map(|_| ()).unwrap_err();
        assert_eq!(refused.code(), "malformed_cursor");
    }
}

#[tokio::test]
async fn who_comes_back_takes_over_nothing() {
    let session = session(1 << 20);
    let (first, _) = attach(&session, 1, Role::Owner, None);
    drop(first);
    assert!(attach(&session, 1, Role::Resume, Some(0)).1.you, "nobody came in between");
    let _second = attach(&session, 2, Role::Owner, None);
    assert!(!attach(&session, 1, Role::Resume, Some(0)).1.you);
    assert!(attach(&session, 1, Role::Owner, Some(0)).1.you, "unless it says so");
    let wanted = Wanted { role: Role::Owner, ..Wanted::default() };
    let (_, stranger) = session.attach(&client(3), &wanted, None).unwrap();
    assert!(!stranger.you, "one who may only look never owns");
}
