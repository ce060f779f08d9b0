//! Redirections: files of the tenant's directory that a line reads and writes.

use std::io::Read as _;

use bytes::Bytes;
use cloister_shell::{FileReader, FileWriter, Refusal};
use futures_util::future::BoxFuture;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::world::refusal;
use crate::auth::{Permit, act};
use crate::files::{Files, FilesError, TenantPath};

/// Bytes read from a file at once.
const READ_BYTES: usize = 64 << 10;
/// Pieces that wait to be written.
const WAITING_PIECES: usize = 4;

/// Reads a file from its beginning.
pub(super) struct Reading {
    file: Option<std::fs::File>,
}

impl Reading {
    pub(super) fn new(file: std::fs::File) -> Self {
        Self { file: Some(file) }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let Some(mut file) = self.file.take() else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; READ_BYTES];
            let count = file.read(&mut piece)?;
            piece.truncate(count);
            Ok::<_, std::io::Error>((file, piece))
        });
        match read.await {
            Ok(Ok((_, piece))) if piece.is_empty() => Ok(None),
            Ok(Ok((file, piece))) => {
                self.file = Some(file);
                Ok(Some(piece.into()))
            }
            Ok(Err(error)) => {
                Err(Refusal::new("file_refused", format!("the file cannot be read: {}", error.kind())))
            }
            Err(_) => Err(Refusal::new("internal", "the file cannot be read")),
        }
    }
}

impl FileReader for Reading {
    fn read(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Refusal>> {
        Box::pin(self.next())
    }
}

/// Why what was written is not kept.
#[derive(Debug, thiserror::Error)]
#[error("the command ended before its output was whole")]
struct GivenUp;

/// Writes a file, in a task of its own: it is received as an upload is.
pub(super) struct Writing {
    pieces: mpsc::Sender<Result<Bytes, GivenUp>>,
    task: Option<JoinHandle<Result<(), FilesError>>>,
    kept: bool,
}

impl Writing {
    pub(super) fn new(
        files: Files,
        permit: Permit<act::FileWrite>,
        path: TenantPath,
        name: String,
        append: bool,
    ) -> Self {
        let (pieces, receiver) = mpsc::channel(WAITING_PIECES);
        let body = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        let task = tokio::spawn(async move {
            if append {
                files.append(&permit, path, name, body).await
            } else {
                files.write(&permit, path, name, body).await.map(drop)
            }
        });
        Self { pieces, task: Some(task), kept: false }
    }

    /// Whatever made the task end early.
    async fn failed(&mut self) -> Refusal {
        match self.task.take() {
            Some(task) => match task.await {
                Ok(Err(error)) => refusal(error.code(), &error),
                Ok(Ok(())) | Err(_) => Refusal::new("internal", "the file was not written"),
            },
            None => Refusal::new("internal", "the file was not written"),
        }
    }

    async fn put(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        match self.pieces.send(Ok(bytes)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failed().await),
        }
    }

    async fn keep(mut self) -> Result<(), Refusal> {
        self.kept = true;
        let Some(task) = self.task.take() else {
            return Err(Refusal::new("internal", "the file was not written"));
        };
        drop(self);
        match task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(refusal(error.code(), &error)),
            Err(_) => Err(Refusal::new("internal", "the file was not written")),
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.kept {
            // When there is no room for it, the writer waits for the file, and sees the end as soon as the task is gone.
            if self.pieces.try_send(Err(GivenUp)).is_err()
                && let Some(task) = &self.task
            {
                task.abort();
            }
        }
    }
}

impl FileWriter for Writing {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(self.put(bytes))
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Refusal>> {
        Box::pin((*self).keep())
    }
}
