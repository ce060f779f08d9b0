//! The load generator: HTTP/1.1 over a fixed number of connections, as fast as answers come or at a fixed rate.
//!
//! At a fixed rate each request has a time at which it should be sent, and its latency counts from then: a server that
//! stalls is charged for all requests that it kept from being sent (coordinated omission).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longest latency that is told apart, in nanoseconds.
const MAX_LATENCY_NS: u64 = 60_000_000_000;

/// What is asked, again and again.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    /// Requests, taken in turn.
    pub(crate) requests: Vec<Asked>,
    pub(crate) connections: usize,
    pub(crate) span: Duration,
    /// Requests a second over all connections; `None`: each connection asks again when it was answered.
    pub(crate) rate: Option<f64>,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Bytes,
}

/// What came of it.
pub(crate) struct Answered {
    pub(crate) latencies_ns: Histogram<u64>,
    pub(crate) took: Duration,
    /// Answers that were no success, by status.
    pub(crate) refused: u64,
}

impl Answered {
    /// Successes a second.
    pub(crate) fn rate(&self) -> f64 {
        (self.latencies_ns.len() - self.refused) as f64 / self.took.as_secs_f64()
    }

    /// The latency below which this part of the requests lies, in microseconds.
    pub(crate) fn us(&self, part: f64) -> f64 {
        self.latencies_ns.value_at_quantile(part) as f64 / 1e3
    }
}

/// Runs a load on a thread of its own, so that the generator's tasks wait for no one else's.
pub(crate) fn run(load: Load) -> Result<Answered> {
    let thread = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(drive(Arc::new(load)))
    });
    thread.join().map_err(|_| anyhow::anyhow!("the load generator panicked"))?
}

async fn drive(load: Arc<Load>) -> Result<Answered> {
    let next = Arc::new(AtomicU64::new(0));
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(connect(load.address).await?);
    }
    let began = Instant::now();
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|connection| tokio::spawn(one(Arc::clone(&load), connection, Arc::clone(&next), began)))
        .collect();
    let (mut all, mut refused) = (Histogram::new_with_bounds(1_000, MAX_LATENCY_NS, 3)?, 0);
    for task in tasks {
        let (latencies, not_successes) = task.await??;
        all.add(latencies)?;
        refused += not_successes;
    }
    ensure!(!all.is_empty(), "no request was answered");
    Ok(Answered { latencies_ns: all, took: began.elapsed(), refused })
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.context("connect to the server")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // It ends with its sender.
    tokio::spawn(connection);
    Ok(sender)
}

async fn one(
    load: Arc<Load>,
    mut connection: SendRequest<Full<Bytes>>,
    next: Arc<AtomicU64>,
    began: Instant,
) -> Result<(Histogram<u64>, u64)> {
    let (mut latencies, mut refused) = (Histogram::new_with_bounds(1_000, MAX_LATENCY_NS, 3)?, 0);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let due = match load.rate {
            Some(rate) => began + Duration::from_secs_f64(number as f64 / rate),
            None => Instant::now(),
        };
        if due.duration_since(began) >= load.span {
            return Ok((latencies, refused));
        }
        tokio::time::sleep_until(due.into()).await;
        // The timer is coarse; what it oversleeps is not the server's.
        let due = if load.connections == 1 { Instant::now().min(due + TIMER) } else { due };
        let asked = &load.requests[number as usize % load.requests.len()];
        let answer = connection.send_request(request(&load, asked)?).await?;
        refused += u64::from(!answer.status().is_success());
        answer.into_body().collect().await?;
        latencies.saturating_record(u64::try_from(due.elapsed().as_nanos())?.max(1));
        connection.ready().await?;
    }
}

/// How much a timer of the asynchronous runtime oversleeps: its resolution.
const TIMER: Duration = Duration::from_millis(1);

fn request(load: &Load, asked: &Asked) -> Result<Request<Full<Bytes>>> {
    let mut request = Request::builder()
        .method(asked.method)
        .uri(&asked.path)
        .header("host", load.address.to_string())
        .header("content-type", "application/json");
    if let Some(token) = &asked.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    Ok(request.body(Full::new(asked.body.clone()))?)
}
