//! Tests of the language as a session uses it, in a world in memory.

mod commands;
mod completion;
mod expansion;
mod grammar;
mod hostile;
mod jobs;
mod pipelines;
mod real_shells;
mod secrets;
mod world;

use std::sync::Arc;

use self::world::Fake;
use crate::{Shell, World};

/// A shell and its world.
struct Session {
    shell: Shell,
    fake: Arc<Fake>,
    world: Arc<dyn World>,
}

impl Session {
    fn new(files: &[(&str, &str)]) -> Self {
        let fake = Fake::with(files);
        let world: Arc<dyn World> = Arc::clone(&fake) as Arc<dyn World>;
        Self { shell: Shell::new(), fake, world }
    }

    /// Runs a line: its status, and what the terminal shows.
    async fn run(&mut self, line: &str) -> (i32, String) {
        let status = self.shell.run(line, &self.world).await;
        (status, self.fake.take_terminal())
    }

    /// What a line that succeeds shows.
    async fn shows(&mut self, line: &str) -> String {
        let (status, shown) = self.run(line).await;
        assert_eq!(status, 0, "{line}: {shown}");
        shown
    }
}
