//! A stream of server-sent events that survives a cut connection.

use std::time::{Duration, Instant};

use reqwest::header::ACCEPT;
use reqwest::{Method, Response, Url};

use super::sse::{Event, Parser};
use super::{Backoff, Client};
use crate::cli::failure::{EXIT_UNREACHABLE, Failure, Outcome};

/// The host sends a comment every 15 s; three missed ones mean that the connection is dead.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(45);

/// Events of one address, resumed after the last one seen whenever the connection drops.
pub(crate) struct EventStream<'a> {
    client: &'a Client,
    url: Url,
    last_id: Option<String>,
    backoff: Backoff,
    open: Option<(Response, Parser)>,
}

impl<'a> EventStream<'a> {
    /// Events of `url` after the one with id `after`, or from where the host begins. Connects at
    /// [`EventStream::open`], or the first [`EventStream::next`].
    pub(crate) fn new(client: &'a Client, url: Url, after: Option<String>) -> Self {
        Self { client, url, last_id: after, backoff: Backoff::default(), open: None }
    }

    /// Connects now, so that nothing that happens from here on is missed. The first failure is final.
    pub(crate) async fn open(&mut self) -> Outcome {
        self.open = Some((self.connect().await?, Parser::default()));
        Ok(())
    }

    /// The next event. Waits for as long as the host is there; fails when it refuses, or stays away too long.
    pub(crate) async fn next(&mut self) -> Outcome<Event> {
        loop {
            match self.step().await {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(failure) => {
                    self.open = None;
                    self.wait_or_give_up(failure).await?;
                }
            }
        }
    }

    /// Connects, or reads once.
    async fn step(&mut self) -> Outcome<Option<Event>> {
        let Some((answer, parser)) = &mut self.open else {
            self.open = Some((self.connect().await?, Parser::default()));
            return Ok(None);
        };
        if let Some(event) = parser.next() {
            self.last_id = event.id.clone().filter(|id| !id.is_empty()).or(self.last_id.take());
            self.backoff.succeeded();
            return Ok(Some(event));
        }
        let host = self.client.host();
        let lost = |why: &str| Failure { exit: EXIT_UNREACHABLE, ..Failure::new("connection_lost", why) };
        let chunk = tokio::time::timeout(SILENCE_TIMEOUT, answer.chunk())
            .await
            .map_err(|_| lost(&format!("{host} has gone silent")))?
            .map_err(|error| Failure::unreachable(host, &error))?
            .ok_or_else(|| lost(&format!("{host} closed the connection")))?;
        parser.feed(&chunk).map_err(Failure::bad_answer)?;
        Ok(None)
    }

    async fn connect(&self) -> Outcome<Response> {
        self.client
            .send(|| {
                let request = self.client.request(Method::GET, &self.url).header(ACCEPT, "text/event-stream");
                Ok(match &self.last_id {
                    Some(id) => request.header("Last-Event-ID", id),
                    None => request,
                })
            })
            .await
    }

    async fn wait_or_give_up(&mut self, failure: Failure) -> Outcome {
        if !failure.may_pass() {
            return Err(failure);
        }
        match self.backoff.failed(Instant::now()) {
            Some(delay) => tokio::time::sleep(delay).await,
            None => return Err(failure),
        }
        Ok(())
    }
}
