//! A session from its first prompt to its end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use cloister_runtime::StdinPipe;
use cloister_shell::{Interrupter, Shell, SyntaxError, World, complete, parse};
use cloister_terminal::{Candidate, Effect};

use super::ShellParts;
use super::runs::Reader;
use super::screen::Screen;
use super::world::SessionWorld;
use crate::console::{Input, InputReceiver, Mark, SessionIo};

/// Lines of the history that keys reach.
const HISTORY_LINES: usize = 1_000;
/// Typed bytes that wait while a guest does not read.
const WAITING_BYTES: usize = 256 << 10;
/// What a line that is not whole yet goes on with.
const CONTINUED: &str = "> ";
const BELL: &[u8] = b"\x07";

/// Runs a shell until a person ends it, or the session is hung up.
pub(super) async fn drive(parts: Arc<ShellParts>, io: SessionIo) -> Option<i32> {
    let SessionIo { input, output, context } = io;
    let screen = Arc::new(Screen::new(output, context.size()));
    let reader = Arc::<Reader>::default();
    let world = Arc::new(SessionWorld {
        parts,
        context,
        screen: Arc::clone(&screen),
        reader: Arc::clone(&reader),
        line: Arc::default(),
    });
    let mut drive = Drive { shell: Shell::new(), input, screen, reader, world, typed: VecDeque::new() };
    drive.remember_history().await;
    loop {
        let Some(line) = drive.read_line().await else {
            drive.shell.kill_jobs();
            return None;
        };
        let Typed::Line(line) = line else {
            drive.shell.kill_jobs();
            return Some(drive.shell.status());
        };
        if line.trim().is_empty() {
            continue;
        }
        if drive.run_line(&line).await.is_none() {
            drive.shell.kill_jobs();
            return None;
        }
        if let Some(status) = drive.shell.exit_requested() {
            return Some(status);
        }
    }
}

enum Typed {
    Line(String),
    End,
}

struct Drive {
    shell: Shell,
    input: InputReceiver,
    screen: Arc<Screen>,
    reader: Arc<Reader>,
    world: Arc<SessionWorld>,
    /// What the discipline said and nobody has looked at yet.
    typed: VecDeque<Effect>,
}

impl Drive {
    /// Lets keys reach what was typed before, in any session.
    async fn remember_history(&mut self) {
        let known = self.world.history("", HISTORY_LINES).await;
        self.screen.edit(|discipline| {
            discipline.set_history(known.into_iter().map(|entry| entry.line).collect());
            Vec::new()
        });
    }

    fn prompt_text(&self) -> String {
        let colour = if self.shell.status() == 0 { "32" } else { "31" };
        format!(
            "\x1b[36m{}\x1b[0m \x1b[34m{}\x1b[0m \x1b[{colour}m$\x1b[0m ",
            self.world.context.scope().slug(),
            visible(self.shell.cwd())
        )
    }

    /// Shows a prompt and takes a whole line, over several when it is not whole; `None` when the session is hung up.
    async fn read_line(&mut self) -> Option<Typed> {
        let world: Arc<dyn World> = Arc::clone(&self.world) as _;
        self.shell.announce(&world).await;
        let mut line = String::new();
        self.prompt(&self.prompt_text());
        self.screen.output().mark(Mark::Prompt);
        loop {
            match self.next_effect().await? {
                Effect::Line(more) => {
                    line.push_str(&more);
                    if !matches!(parse(&line), Err(SyntaxError::Incomplete)) {
                        return Some(Typed::Line(line));
                    }
                    line.push('\n');
                    self.prompt(CONTINUED);
                }
                Effect::Interrupt => {
                    self.typed.clear();
                    self.input.discard();
                    line.clear();
                    self.prompt(&self.prompt_text());
                }
                Effect::EndOfInput if line.is_empty() => return Some(Typed::End),
                Effect::EndOfInput => {
                    line.clear();
                    self.prompt(&self.prompt_text());
                }
                Effect::Complete { line: typed, cursor_bytes, .. } => {
                    self.complete(&line, &typed, cursor_bytes).await;
                }
                Effect::Echo(_) | Effect::Data(_) => {}
            }
        }
    }

    fn prompt(&mut self, text: &str) {
        let effects = self.screen.edit(|discipline| discipline.prompt(text));
        self.typed.extend(effects);
    }

    async fn complete(&mut self, before: &str, typed: &str, cursor_bytes: usize) {
        let whole = format!("{before}{typed}");
        let found = complete(&whole, before.len() + cursor_bytes, &self.shell, &*self.world).await;
        let from = found.start.saturating_sub(before.len());
        let candidates = found.candidates.into_iter().map(|candidate| Candidate {
            text: candidate.text.chars().chain(candidate.trailing).collect(),
            shown: visible(&candidate.display),
        });
        let effects = self.screen.complete(from, &candidates.collect::<Vec<_>>());
        self.typed.extend(effects);
    }

    async fn next_effect(&mut self) -> Option<Effect> {
        loop {
            if let Some(effect) = self.typed.pop_front() {
                return Some(effect);
            }
            match self.input.recv().await? {
                Input::Bytes(bytes) => self.typed.extend(self.screen.typed(&bytes)),
                Input::Interrupt => self.typed.extend(self.screen.interrupted()),
                Input::Resize(size) => self.screen.resize(size),
                Input::Hangup => return None,
            }
        }
    }

    /// Runs a line to its end, while keys go to whoever reads them; `None` when the session is hung up.
    async fn run_line(&mut self, line: &str) -> Option<()> {
        let output = self.screen.output().clone();
        self.screen.edit(|discipline| {
            if !cloister_shell::is_secret(line) {
                discipline.push_history(line.to_owned());
            }
            Vec::new()
        });
        let size = self.world.context.size();
        // Where variables are used up, guests do without.
        let _ = self.shell.set_exported("COLUMNS", &size.columns.to_string());
        let _ = self.shell.set_exported("LINES", &size.lines.to_string());
        output.mark(Mark::Command { line: line.to_owned(), run: None, background: false });
        let began = Instant::now();
        let world: Arc<dyn World> = Arc::clone(&self.world) as _;
        let mut keys = Keys {
            input: &mut self.input,
            screen: &self.screen,
            reader: &self.reader,
            typed: &mut self.typed,
            interrupter: self.shell.interrupter(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            ends: false,
        };
        let (status, hung_up) = {
            let mut running = std::pin::pin!(self.shell.run(line, &world));
            tokio::select! {
                status = &mut running => (status, false),
                () = keys.serve() => {
                    // Hung up: what runs is interrupted, and ends soon.
                    keys.interrupter.interrupt();
                    (running.await, true)
                }
            }
        };
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (run, outcome) = self.world.line.take();
        output.mark(Mark::End {
            line: line.to_owned(),
            run,
            exit_code: Some(status),
            outcome,
            duration_ms,
            background: false,
        });
        (!hung_up).then_some(())
    }
}

/// A name as it may stand on a terminal: a guest chose it.
fn visible(name: &str) -> String {
    name.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// The keys while a line runs.
struct Keys<'a> {
    input: &'a mut InputReceiver,
    screen: &'a Screen,
    reader: &'a Reader,
    typed: &'a mut VecDeque<Effect>,
    interrupter: Interrupter,
    /// What the guest has not had room for.
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    /// The guest's input ends behind what waits.
    ends: bool,
}

impl Keys<'_> {
    /// Serves until the session is hung up.
    async fn serve(&mut self) {
        loop {
            while let Some(effect) = self.typed.pop_front() {
                self.take(effect);
            }
            let pipe = self.reader.pipe();
            tokio::select! {
                biased;
                () = push(pipe, &mut self.waiting, &mut self.waiting_bytes, &mut self.ends) => {}
                input = self.input.recv() => match input {
                    Some(Input::Bytes(bytes)) => self.typed.extend(self.screen.typed(&bytes)),
                    Some(Input::Interrupt) => {
                        let effects = self.screen.interrupted();
                        // In raw mode the keys are the guest's, but this did not come by keys.
                        if !effects.contains(&Effect::Interrupt) {
                            self.interrupt();
                        }
                        self.typed.extend(effects);
                    }
                    Some(Input::Resize(size)) => self.screen.resize(size),
                    Some(Input::Hangup) | None => return,
                },
            }
        }
    }

    fn interrupt(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.input.discard();
        self.interrupter.interrupt();
    }

    fn take(&mut self, effect: Effect) {
        match effect {
            Effect::Interrupt => self.interrupt(),
            Effect::Data(bytes) if self.waiting_bytes + bytes.len() <= WAITING_BYTES => {
                self.waiting_bytes += bytes.len();
                self.waiting.push_back(bytes);
            }
            Effect::Data(_) => {
                self.screen.output().try_write(BELL);
            }
            Effect::EndOfInput => self.ends = true,
            // The discipline keeps lines to itself while nobody reads them.
            Effect::Line(_) | Effect::Complete { .. } | Effect::Echo(_) => {}
        }
    }
}

/// Hands on the first piece that waits; never ready when there is none. Dropping the future loses nothing.
async fn push(
    pipe: Option<StdinPipe>,
    waiting: &mut VecDeque<Vec<u8>>,
    waiting_bytes: &mut usize,
    ends: &mut bool,
) {
    let Some(pipe) = pipe else {
        // Nobody reads: what was meant for the last reader is nobody's.
        waiting.clear();
        *waiting_bytes = 0;
        *ends = false;
        return std::future::pending().await;
    };
    if let Some(piece) = waiting.front() {
        // One that has ended reads no more.
        let _ = pipe.write(bytes::Bytes::copy_from_slice(piece)).await;
        *waiting_bytes -= piece.len();
        waiting.pop_front();
    } else if std::mem::take(ends) {
        pipe.close();
    } else {
        std::future::pending().await
    }
}
