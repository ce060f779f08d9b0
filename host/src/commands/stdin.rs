//! Feeding the standard input of a run by requests: in order, exactly once, as fast as the guest reads.

use bytes::Bytes;
use cloister_runtime::ReaderGone;
use futures_util::{Stream, StreamExt};

use super::{CommandError, Commands};
use crate::api::StdinAccepted;
use crate::auth::{Permit, act};
use crate::ids::RunId;

impl Commands {
    /// Takes bytes that begin at `offset`; those that were taken before are skipped. With `eof`, the input ends after
    /// them.
    ///
    /// # Errors
    /// When there is no such run, its input is not streamed, bytes are missing in between, or the body breaks off.
    pub async fn feed<E>(
        &self,
        permit: &Permit<act::RunControl>,
        id: &RunId,
        offset: u64,
        eof: bool,
        body: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<StdinAccepted, CommandError> {
        let Some(run) = self.inner.active.find(permit.scope(), id) else {
            self.record(permit.scope(), id).await?;
            return Err(CommandError::RunAlreadyEnded);
        };
        if run.has_ended() {
            return Err(CommandError::RunAlreadyEnded);
        }
        let pipe = run.stdin.as_ref().ok_or(CommandError::StdinNotStreamed)?;
        let _feeding = run.feeding.lock().await;
        let expected = pipe.written_bytes();
        if offset > expected {
            return Err(CommandError::StdinGap { expected, offset });
        }
        let mut at = offset;
        let mut body = std::pin::pin!(body);
        while let Some(bytes) = body.next().await {
            let mut bytes = bytes.map_err(|_| CommandError::BodyIncomplete)?;
            let known = usize::try_from(pipe.written_bytes().saturating_sub(at)).unwrap_or(usize::MAX);
            at += bytes.len() as u64;
            let new = bytes.split_off(known.min(bytes.len()));
            if pipe.is_closed() || pipe.write(new).await == Err(ReaderGone) {
                return Ok(StdinAccepted { next_offset: pipe.written_bytes(), closed: true });
            }
        }
        if eof {
            pipe.close();
        }
        Ok(StdinAccepted { next_offset: pipe.written_bytes(), closed: pipe.is_closed() })
    }
}
