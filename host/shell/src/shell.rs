//! A session's shell: what it remembers, and the one way to run a line.

use std::sync::Arc;

use crate::{
    error::SyntaxError,
    exec::{self, Context},
    interrupt::Interrupter,
    is_secret,
    jobs::{Jobs, Runs},
    parse,
    state::State,
    status,
    world::{Refusal, World},
};

/// The shell of one session. When it is dropped its jobs are ended.
#[derive(Debug)]
pub struct Shell {
    state: State,
    jobs: Jobs,
    interrupter: Interrupter,
}

impl Default for Shell {
    fn default() -> Self {
        Self::new()
    }
}

impl Shell {
    /// A shell in `/`, with `HOME` and `PWD` and no other variables.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::new(), jobs: Jobs::default(), interrupter: Interrupter::new() }
    }

    /// What interrupts the foreground, from any thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Runs a line to its end and gives its status. Everything that goes wrong is told on the terminal. Unless it is
    /// blank, begins with a space or has a secret in it, the line is remembered first.
    ///
    /// The future must not be dropped before its end, unless the shell is too: runs in the foreground would go on.
    pub async fn run(&mut self, line: &str, world: &Arc<dyn World>) -> i32 {
        let context = Context {
            world: Arc::clone(world),
            interruption: self.interrupter.watch(),
            interrupted: status::INTERRUPTED,
            foreground: true,
            runs: Runs::default(),
        };
        if self.state.history && !line.trim().is_empty() && !is_secret(line) {
            world.remember(line).await;
        }
        match parse(line) {
            Ok(script) => {
                let running = exec::script(&script, &mut self.state, &mut self.jobs, &context);
                Box::pin(running).await;
            }
            Err(error) => {
                context.tell(&syntax_message(&error)).await;
                self.state.status = status::USAGE;
            }
        }
        self.state.status
    }

    /// Tells on the terminal which jobs have ended since the last time. For the moment before a prompt.
    pub async fn announce(&mut self, world: &Arc<dyn World>) {
        let ended: String = self.jobs.take_ended().iter().map(|job| job.line()).collect();
        if !ended.is_empty() {
            let bytes = bytes::Bytes::from(ended);
            world.write(crate::world::Stream::Stderr, bytes).await;
        }
    }

    /// The status that `exit` was given, once it was called.
    #[must_use]
    pub fn exit_requested(&self) -> Option<i32> {
        self.state.exit
    }

    /// The working directory, absolute in the tenant's directory.
    #[must_use]
    pub fn cwd(&self) -> &str {
        &self.state.cwd
    }

    /// The status of the last pipeline: `$?`.
    #[must_use]
    pub fn status(&self) -> i32 {
        self.state.status
    }

    /// The value of a variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.state.get(name)
    }

    /// Sets a variable and exports it, such as `COLUMNS`.
    ///
    /// # Errors
    /// `invalid_name`, `invalid_value` or `too_many_variables`.
    pub fn set_exported(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        self.state.set(name, value)?;
        self.state.export(name)
    }

    /// How many jobs have not ended.
    #[must_use]
    pub fn running_jobs(&self) -> usize {
        self.jobs.all().iter().filter(|job| job.ended().is_none()).count()
    }

    /// Cancels all jobs.
    pub fn kill_jobs(&self) {
        for job in self.jobs.all() {
            job.interrupter.interrupt();
        }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.jobs
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.kill_jobs();
    }
}

fn syntax_message(error: &SyntaxError) -> String {
    format!("cloister: {error} ({})\n", error.code())
}
