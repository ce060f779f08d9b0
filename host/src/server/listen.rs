//! Accepts connections, bounds them, and lets them finish when the host stops.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::ServeError;
use crate::http::App;

/// Pause after a failed accept (out of descriptors, mostly), in milliseconds.
const ACCEPT_PAUSE_MS: u64 = 50;
/// Largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Takes the port.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::AddrInUse => ServeError::PortInUse(address),
        _ => ServeError::Listen { address, source },
    };
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    TcpListener::from_std(listener).map_err(failed)
}

/// Cancelled by SIGINT or SIGTERM. A second signal ends the process at once.
pub(super) fn stop_signal() -> Result<CancellationToken, ServeError> {
    let failed = |_| ServeError::Stopped("signals cannot be watched");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        for again in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if again {
                tracing::warn!("a second signal: stopping without waiting");
                std::process::exit(130);
            }
            stopped.cancel();
        }
    });
    Ok(stop)
}

/// Serves until `stop`, then waits for what is under way, within the bound.
pub(super) async fn serve(listener: TcpListener, router: Router, app: &App, stop: CancellationToken) {
    let settings = &app.config.server;
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let connections = TaskTracker::new();
    let cut_off = CancellationToken::new();
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                continue;
            }
        };
        let (router, app, stop, cut_off) = (router.clone(), app.clone(), stop.clone(), cut_off.clone());
        connections.spawn(async move {
            let _place = place;
            tokio::select! {
                () = connection(stream, peer, router, &app, stop) => {}
                () = cut_off.cancelled() => {}
            }
        });
    }
    drop(listener);
    app.stopping.cancel();
    connections.close();
    tracing::info!(connections = connections.len(), "stopping: waiting for what is under way");
    let bound = Duration::from_millis(settings.drain_timeout_ms);
    if tokio::time::timeout(bound, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "cutting off what did not end in time");
        cut_off.cancel();
        connections.wait().await;
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, app: &App, stop: CancellationToken) {
    // Answers are small and complete: waiting to fill a packet only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended before it began");
        return;
    }
    let service = router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(app.config.http.head_timeout_ms))
        .max_buf_size(MAX_HEAD_BYTES);
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
