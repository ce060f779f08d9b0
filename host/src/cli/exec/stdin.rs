//! Sends standard input to a run, no faster than the guest takes it.

use std::io::{self, Read};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use cloister_host::api::StdinAccepted;
use reqwest::{Method, Url};
use tokio::sync::mpsc;

use crate::cli::client::{Backoff, Client};
use crate::cli::failure::{Failure, Outcome};

const READ_BYTES: usize = 64 << 10;
/// Chunks read ahead of the network.
const READ_AHEAD_CHUNKS: usize = 4;
/// The most sent with one request.
const SEND_BYTES: usize = 256 << 10;

/// Sends all of standard input, then its end. Returns early when the guest takes no more.
pub(super) async fn pump(client: &Client, id: &str) -> Outcome {
    let mut chunks = read_in_thread();
    let url = client.tenant_url(&["runs", id, "stdin"])?;
    let mut target = Target { client, url, offset: 0, backoff: Backoff::default() };
    while let Some(first) = chunks.recv().await {
        let first = match first {
            Ok(first) => first,
            Err(error) => return target.fail(&error).await,
        };
        let (bytes, error) = gather(first, &mut chunks);
        if target.send(bytes, false).await? == Taken::Closed {
            return Ok(());
        }
        if let Some(error) = error {
            return target.fail(&error).await;
        }
    }
    target.send(Bytes::new(), true).await.map(drop)
}

/// A thread of its own: a read of a terminal cannot be cancelled, and must not delay the end of the process.
fn read_in_thread() -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD_CHUNKS);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let chunk = match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => Ok(Bytes::copy_from_slice(&buffer[..n])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let last = chunk.is_err();
            if sender.blocking_send(chunk).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// Joins what has been read already, so that many small writes do not become many requests.
fn gather(first: Bytes, chunks: &mut mpsc::Receiver<io::Result<Bytes>>) -> (Bytes, Option<io::Error>) {
    let mut joined = BytesMut::from(first);
    while joined.len() + READ_BYTES <= SEND_BYTES {
        match chunks.try_recv() {
            Ok(Ok(next)) => joined.extend_from_slice(&next),
            Ok(Err(error)) => return (joined.freeze(), Some(error)),
            Err(_) => break,
        }
    }
    (joined.freeze(), None)
}

#[derive(Debug, PartialEq, Eq)]
enum Taken {
    All,
    /// The run has ended, or its input was closed.
    Closed,
}

struct Target<'a> {
    client: &'a Client,
    url: Url,
    offset: u64,
    backoff: Backoff,
}

impl Target<'_> {
    /// Sends bytes from the current offset on, again when the connection breaks: the host knows them by their offset.
    async fn send(&mut self, mut bytes: Bytes, eof: bool) -> Outcome<Taken> {
        loop {
            let accepted = match self.post(&bytes, eof).await {
                Ok(accepted) => accepted,
                Err(failure) if failure.code == "run_already_ended" => return Ok(Taken::Closed),
                Err(failure) if failure.may_pass() => {
                    let Some(delay) = self.backoff.failed(Instant::now()) else { return Err(failure) };
                    tokio::time::sleep(delay).await;
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            self.backoff.succeeded();
            let taken =
                usize::try_from(accepted.next_offset.saturating_sub(self.offset)).unwrap_or(usize::MAX);
            bytes = bytes.slice(taken.min(bytes.len())..);
            self.offset = accepted.next_offset;
            if accepted.closed {
                return Ok(Taken::Closed);
            }
            if bytes.is_empty() {
                return Ok(Taken::All);
            }
        }
    }

    /// Standard input cannot be read: the guest must not wait for what will never come.
    async fn fail(&mut self, error: &io::Error) -> Outcome {
        self.send(Bytes::new(), true).await?;
        Err(Failure::local("read standard input", error))
    }

    async fn post(&self, bytes: &Bytes, eof: bool) -> Outcome<StdinAccepted> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("offset", &self.offset.to_string());
        if eof {
            url.query_pairs_mut().append_pair("eof", "true");
        }
        let build = || {
            let request = self.client.request(Method::POST, &url);
            Ok(request.header("Content-Type", "application/octet-stream").body(bytes.clone()))
        };
        let answer = self.client.send(build).await?;
        Ok(self.client.envelope(answer).await?.data)
    }
}
