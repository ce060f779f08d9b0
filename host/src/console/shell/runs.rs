//! The guests of a session: what they read and write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use cloister_runtime::{Canceller, StdinPipe};
use cloister_shell::{Ended, Out, PipeReader, PipeWriter, RunHandle};
use cloister_terminal::{Effect, Filtered, Mode as LineMode, OutputFilter};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::screen::Screen;
use crate::api;
use crate::commands::{JoinedOutput, OutputTaker, Started, TakerGone, ToNobody};
use crate::ids::RunId;

/// The guest that reads what is typed, if one does.
#[derive(Default)]
pub(super) struct Reader {
    now: Mutex<Option<(RunId, StdinPipe)>>,
}

impl Reader {
    /// Typed bytes go to this guest from now on.
    pub(super) fn set(&self, run: RunId, pipe: StdinPipe) {
        *self.now.lock() = Some((run, pipe));
    }

    /// A guest has ended. True when it was the one that read.
    pub(super) fn clear(&self, run: &RunId) -> bool {
        let mut now = self.now.lock();
        let is_it = now.as_ref().is_some_and(|(reading, _)| reading == run);
        if is_it {
            *now = None;
        }
        is_it
    }

    /// Where typed bytes go.
    pub(super) fn pipe(&self) -> Option<StdinPipe> {
        self.now.lock().as_ref().map(|(_, pipe)| pipe.clone())
    }
}

/// Shows a stream of a guest on the terminal.
pub(super) struct ToTerminal {
    pub(super) screen: Arc<Screen>,
    pub(super) filter: OutputFilter,
    /// Whether keys are this guest's, so that it may ask for them raw.
    pub(super) foreground: bool,
    pub(super) reader: Arc<Reader>,
}

impl ToTerminal {
    async fn show(&mut self, bytes: Bytes) -> Result<(), TakerGone> {
        // The guest's other stream may have asked for raw keys.
        self.filter.set_raw(self.foreground && self.screen.mode() == LineMode::Raw);
        for filtered in self.filter.filter(&bytes) {
            match filtered {
                Filtered::Bytes(bytes) => self.screen.show(&bytes).await.map_err(|_| TakerGone)?,
                Filtered::Mode(mode) if self.foreground => {
                    let typed = self.screen.set_mode(mode);
                    give(&self.reader, typed).await;
                }
                Filtered::Mode(_) => {}
            }
        }
        Ok(())
    }
}

impl OutputTaker for ToTerminal {
    fn take(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), TakerGone>> {
        Box::pin(self.show(bytes))
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let restored = self.filter.finish();
            // A session that has ended needs no restoring.
            let _ = self.screen.show(&restored).await;
        })
    }
}

/// Hands what was typed ahead to the guest that reads.
pub(super) async fn give(reader: &Reader, effects: Vec<Effect>) {
    for effect in effects {
        if let (Effect::Data(bytes), Some(pipe)) = (effect, reader.pipe()) {
            // One that has ended reads no more.
            let _ = pipe.write(bytes.into()).await;
        }
    }
}

/// Hands a stream of a guest to the next command of a line, or to a file.
struct ToPipe {
    writer: PipeWriter,
    /// Set when nobody reads any more, which ends the run.
    broken: Arc<AtomicBool>,
}

impl OutputTaker for ToPipe {
    fn take(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), TakerGone>> {
        Box::pin(async {
            self.writer.write(bytes).await.map_err(|_| {
                self.broken.store(true, Ordering::Relaxed);
                TakerGone
            })
        })
    }
}

/// Joins an output stream. `broken` becomes true when it goes to a pipe that nobody reads any more.
pub(super) fn joined(
    out: Out,
    broken: &Arc<AtomicBool>,
    terminal: impl FnOnce() -> ToTerminal,
) -> JoinedOutput {
    match out {
        Out::Terminal => JoinedOutput { taker: Box::new(terminal()), logged: true, terminal: true },
        Out::Null => JoinedOutput { taker: Box::new(ToNobody), logged: false, terminal: false },
        Out::Pipe(writer) => {
            let taker = ToPipe { writer, broken: Arc::clone(broken) };
            JoinedOutput { taker: Box::new(taker), logged: false, terminal: false }
        }
    }
}

/// Hands what comes through a pipe to a guest, until either is done.
pub(super) async fn feed(mut from: PipeReader, to: StdinPipe, ended: impl Future<Output = ()>) {
    let all = async {
        // A file that cannot be read on ends here; who opened it says why.
        while let Ok(Some(bytes)) = from.read().await {
            if to.write(bytes).await.is_err() {
                return;
            }
        }
        to.close();
    };
    tokio::select! {
        () = all => {}
        () = ended => {}
    }
}

/// The runs of the line that is being run.
#[derive(Default)]
pub(super) struct LineRuns {
    runs: Mutex<Vec<(RunId, Option<String>)>>,
}

impl LineRuns {
    pub(super) fn began(&self, run: &RunId) {
        self.runs.lock().push((run.clone(), None));
    }

    fn ended(&self, run: &api::Run) {
        let mut runs = self.runs.lock();
        if let Some((_, outcome)) = runs.iter_mut().find(|(id, _)| id.as_str() == run.id) {
            *outcome = run.outcome.as_ref().map(|outcome| outcome.kind.clone());
        }
    }

    /// Forgets them; the run and how it ended, when it was only one.
    pub(super) fn take(&self) -> (Option<RunId>, Option<String>) {
        let mut runs = std::mem::take(&mut *self.runs.lock());
        match (runs.pop(), runs.is_empty()) {
            (Some((run, outcome)), true) => (Some(run), outcome),
            _ => (None, None),
        }
    }
}

/// A run of the session.
pub(super) struct Handle {
    pub(super) run: Arc<Started>,
    pub(super) canceller: Canceller,
    pub(super) broken: Arc<AtomicBool>,
    pub(super) line: Arc<LineRuns>,
}

impl RunHandle for Handle {
    fn id(&self) -> &str {
        self.run.id().as_str()
    }

    fn wait(&self) -> BoxFuture<'_, Ended> {
        Box::pin(async {
            let run = self.run.ended().await;
            if self.broken.load(Ordering::Relaxed) {
                return Ended { exit_code: cloister_shell::status::BROKEN_PIPE, outcome: None };
            }
            self.line.ended(&run);
            ended(&run)
        })
    }

    fn cancel(&self) {
        self.canceller.cancel();
    }
}

fn ended(run: &api::Run) -> Ended {
    match &run.outcome {
        Some(outcome) => Ended {
            exit_code: i32::from(outcome.exit_code),
            // Who interrupts a command knows.
            outcome: outcome.message.clone().filter(|_| outcome.kind != "cancelled"),
        },
        None => Ended { exit_code: cloister_shell::status::REFUSED, outcome: None },
    }
}

/// After a guest that read what is typed has ended, keys are nobody's.
pub(super) fn give_back(screen: &Screen, reader: &Reader, run: &RunId) {
    if reader.clear(run) && screen.mode() != LineMode::Prompt {
        screen.set_mode(LineMode::Busy);
    }
}
