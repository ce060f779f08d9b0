//! Files as request bodies, streamed.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::Body;
use tokio_util::io::ReaderStream;

use crate::cli::failure::{Failure, Outcome};

const CHUNK_BYTES: usize = 64 << 10;

/// A file, or standard input, to be sent; knows how far it got and why reading failed.
pub(crate) struct FileBody {
    source: Source,
    /// Bytes, when known.
    size_bytes: Option<u64>,
    progress: Arc<Progress>,
}

enum Source {
    File(PathBuf),
    Stdin,
}

#[derive(Default)]
struct Progress {
    sent_bytes: AtomicU64,
    failure: Mutex<Option<io::Error>>,
}

impl FileBody {
    /// Of a file. `-` is standard input.
    pub(crate) fn new(path: &Path) -> Outcome<Self> {
        if path == Path::new("-") {
            return Ok(Self { source: Source::Stdin, size_bytes: None, progress: Arc::default() });
        }
        let unreadable = |error: &io::Error| Failure::local(format!("read {}", path.display()), error);
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
        if metadata.is_dir() {
            return Err(unreadable(&io::ErrorKind::IsADirectory.into()));
        }
        let size_bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { source: Source::File(path.to_owned()), size_bytes, progress: Arc::default() })
    }

    /// The whole size, when known.
    pub(crate) fn size_bytes(&self) -> Option<u64> {
        self.size_bytes
    }

    /// Bytes handed to the connection so far.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.progress.sent_bytes.load(Ordering::Relaxed)
    }

    /// A body from the start of the file. Standard input can be read only once.
    pub(crate) fn open(&self) -> Outcome<Body> {
        let already = self.progress.sent_bytes.swap(0, Ordering::Relaxed) > 0;
        let bytes: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> = match &self.source {
            Source::Stdin if already => {
                return Err(Failure::new("input_spent", "standard input cannot be sent twice")
                    .with_hint("try again: the session is renewed by now"));
            }
            Source::Stdin => Box::pin(ReaderStream::with_capacity(tokio::io::stdin(), CHUNK_BYTES)),
            Source::File(path) => {
                let file = std::fs::File::open(path)
                    .map_err(|error| Failure::local(format!("read {}", path.display()), &error))?;
                Box::pin(ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK_BYTES))
            }
        };
        Ok(Body::wrap_stream(Counted { bytes, progress: Arc::clone(&self.progress) }))
    }

    /// Names the reading failure when there was one: the request's own failure is only its consequence.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let read = self.progress.failure.lock().ok().and_then(|mut slot| slot.take());
        match (read, &self.source) {
            (Some(error), Source::File(path)) => Failure::local(format!("read {}", path.display()), &error),
            (Some(error), Source::Stdin) => Failure::local("read standard input", &error),
            (None, _) => failure,
        }
    }
}

struct Counted {
    bytes: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    progress: Arc<Progress>,
}

impl Stream for Counted {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.bytes.poll_next_unpin(cx);
        next.map(|item| {
            item.map(|chunk| {
                chunk
                    .inspect(|bytes| {
                        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                        self.progress.sent_bytes.fetch_add(len, Ordering::Relaxed);
                    })
                    .map_err(|error| {
                        let kind = error.kind();
                        if let Ok(mut slot) = self.progress.failure.lock() {
                            *slot = Some(error);
                        }
                        kind.into()
                    })
            })
        })
    }
}
