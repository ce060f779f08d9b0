//! What joins a run to something else than a request: a terminal, a pipe to the next command of a line, a file.

use bytes::Bytes;
use cloister_runtime::{OutputStreamKind, StdinPipe};
use futures_util::future::BoxFuture;

use crate::files::TenantPath;

/// Nobody takes this output any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes this output any more")]
pub struct TakerGone;

/// Takes what a run writes to one of its streams, in order. While it takes its time, the guest waits.
pub trait OutputTaker: Send {
    /// Takes bytes. After [`TakerGone`] it is offered no more, and the run is cancelled, as a writer to a closed pipe is.
    fn take(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), TakerGone>>;

    /// All was offered: the run has ended.
    fn end(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// One joined output stream.
pub struct JoinedOutput {
    /// Who takes it.
    pub taker: Box<dyn OutputTaker>,
    /// Whether its lines are logged too. What goes into a file or to another command is data, not a log.
    pub logged: bool,
    /// Whether the guest is told that it is a terminal.
    pub terminal: bool,
}

/// What a run's streams are joined to; what is not, is as the request says.
#[derive(Default)]
pub struct Joins {
    /// Standard input.
    pub stdin: Option<StdinPipe>,
    /// Whether the guest is told that its standard input is a terminal.
    pub stdin_terminal: bool,
    /// Standard output.
    pub stdout: Option<JoinedOutput>,
    /// Standard error.
    pub stderr: Option<JoinedOutput>,
    /// Where in the tenant's directory it was started. Guests have no working directory of their own: see
    /// `Commands::directories`.
    pub cwd: Option<TenantPath>,
}

impl Joins {
    pub(super) fn terminals(&self) -> [bool; 3] {
        let is_terminal =
            |joined: &Option<JoinedOutput>| joined.as_ref().is_some_and(|joined| joined.terminal);
        [self.stdin_terminal, is_terminal(&self.stdout), is_terminal(&self.stderr)]
    }

    pub(super) fn output(&mut self, stream: OutputStreamKind) -> &mut Option<JoinedOutput> {
        match stream {
            OutputStreamKind::Stdout => &mut self.stdout,
            OutputStreamKind::Stderr => &mut self.stderr,
        }
    }

    /// True when lines of this stream are logged.
    pub(super) fn logs(&mut self, stream: OutputStreamKind) -> bool {
        self.output(stream).as_ref().is_none_or(|joined| joined.logged)
    }

    /// Hands bytes on to whoever takes them.
    pub(super) async fn take(&mut self, stream: OutputStreamKind, bytes: Bytes) -> Result<(), TakerGone> {
        let joined = self.output(stream);
        let Some(JoinedOutput { taker, .. }) = joined else { return Ok(()) };
        let taken = taker.take(bytes).await;
        if taken.is_err() {
            // Whether it is logged stays as it was, for what is still on its way.
            let logged = joined.as_ref().is_some_and(|joined| joined.logged);
            *joined = Some(JoinedOutput { taker: Box::new(ToNobody), logged, terminal: false });
        }
        taken
    }
}

impl Joins {
    /// Tells all who take output that there is no more.
    pub(super) async fn end(mut self) {
        for joined in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            joined.taker.end().await;
        }
    }
}

/// Lets a stream go, such as into `/dev/null`.
pub struct ToNobody;

impl OutputTaker for ToNobody {
    fn take(&mut self, _: Bytes) -> BoxFuture<'_, Result<(), TakerGone>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
