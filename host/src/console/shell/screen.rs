//! The terminal of a session, as everything that writes to it sees it.

use bytes::Bytes;
use cloister_terminal::{Candidate, Effect, LineDiscipline, Mode as LineMode};
use parking_lot::Mutex;

use crate::console::{Mode, SessionEnded, SessionOutput, Size};

/// Bytes of a guest that are put on the screen at once. Between two such pieces a person's keys may be echoed.
const PIECE_BYTES: usize = 16 << 10;

/// The line discipline and the session's output behind it. Whatever is shown passes the discipline, which therefore knows
/// where the cursor is.
pub(super) struct Screen {
    discipline: Mutex<LineDiscipline>,
    output: SessionOutput,
    /// Held while a piece waits for room, so that pieces stay in order.
    turn: tokio::sync::Mutex<()>,
}

impl Screen {
    pub(super) fn new(output: SessionOutput, size: Size) -> Self {
        let discipline = Mutex::new(LineDiscipline::new(size.columns, size.lines));
        Self { discipline, output, turn: tokio::sync::Mutex::default() }
    }

    /// Where marks go.
    pub(super) fn output(&self) -> &SessionOutput {
        &self.output
    }

    /// Does something to the discipline. Its echo is shown at once; what is left is for the caller.
    pub(super) fn edit(&self, edit: impl FnOnce(&mut LineDiscipline) -> Vec<Effect>) -> Vec<Effect> {
        let mut discipline = self.discipline.lock();
        let mut left = Vec::new();
        for effect in edit(&mut discipline) {
            match effect {
                // Keys that nobody can see any more need no echo.
                Effect::Echo(bytes) => {
                    self.output.try_write(&bytes);
                }
                effect => left.push(effect),
            }
        }
        left
    }

    /// Takes what was typed.
    pub(super) fn typed(&self, bytes: &[u8]) -> Vec<Effect> {
        self.edit(|discipline| discipline.input(bytes))
    }

    /// Takes a Ctrl-C that came beside what was typed.
    pub(super) fn interrupted(&self) -> Vec<Effect> {
        self.edit(LineDiscipline::interrupt)
    }

    /// Answers a Tab.
    pub(super) fn complete(&self, from_bytes: usize, candidates: &[Candidate]) -> Vec<Effect> {
        self.edit(|discipline| discipline.complete(from_bytes, candidates))
    }

    /// Hands the keys to a guest, or takes them back. What was typed ahead may leave as data.
    pub(super) fn set_mode(&self, mode: LineMode) -> Vec<Effect> {
        let left = self.edit(|discipline| discipline.set_mode(mode));
        self.output.set_mode(if mode == LineMode::Raw { Mode::Raw } else { Mode::Line });
        left
    }

    /// How keys are taken at present.
    pub(super) fn mode(&self) -> LineMode {
        self.discipline.lock().mode()
    }

    pub(super) fn resize(&self, size: Size) {
        let mut discipline = self.discipline.lock();
        let redrawn = discipline.resize(size.columns, size.lines);
        self.output.try_write(&redrawn);
    }

    /// Shows output, and waits for room.
    ///
    /// # Errors
    /// When the session has ended.
    pub(super) async fn show(&self, bytes: &[u8]) -> Result<(), SessionEnded> {
        let _turn = self.turn.lock().await;
        for piece in bytes.chunks(PIECE_BYTES) {
            let shown = self.discipline.lock().output(piece);
            self.output.write(Bytes::from(shown)).await?;
        }
        Ok(())
    }
}
