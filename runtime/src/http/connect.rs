//! Connections: to the address that was checked, counted, with TLS for the name that was asked for.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use wasmtime_wasi_http::Error;

use super::trust::Trust;
use crate::network::{Host, Traffic};

/// Both directions of a connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to the first of these addresses that answers.
///
/// # Errors
/// How the last one failed.
pub(super) async fn tcp(addresses: &[SocketAddr], traffic: &Arc<Traffic>) -> Result<Counted, Error> {
    let mut last = Error::DestinationNotFound;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Only latency is lost when it cannot be set.
                let _ = stream.set_nodelay(true);
                return Ok(Counted { stream, traffic: Arc::clone(traffic) });
            }
            Err(error) => last = refused(&error),
        }
    }
    Err(last)
}

fn refused(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Error::DestinationIpUnroutable,
        _ => Error::DestinationUnavailable,
    }
}

/// Speaks TLS over a connection, and checks that the other end is `host`.
///
/// # Errors
/// [`Error::TlsCertificateError`], [`Error::TlsAlertReceived`] or [`Error::TlsProtocolError`].
pub(super) async fn tls(
    stream: Counted,
    host: &Host,
    trust: Option<&Trust>,
) -> Result<impl Stream + use<>, Error> {
    // Made once, since it is large and never changes.
    static PUBLIC_WEB: LazyLock<Option<Trust>> = LazyLock::new(|| Trust::public_web().ok());
    let trust = trust.or(PUBLIC_WEB.as_ref()).ok_or(Error::ConfigurationError)?;
    let name = match host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid)?,
        Host::Address(address) => ServerName::from(*address),
    };
    let connector = tokio_rustls::TlsConnector::from(trust.config());
    connector.connect(name, stream).await.map_err(|error| tls_failure(&error))
}

fn tls_failure(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: None }
        }
        _ => Error::TlsProtocolError,
    }
}

/// A connection whose bytes are counted.
pub(super) struct Counted {
    stream: TcpStream,
    traffic: Arc<Traffic>,
}

fn add(counter: &AtomicU64, bytes: usize) {
    counter.fetch_add(bytes as u64, Ordering::Relaxed);
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        add(&self.traffic.received_bytes, buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, buffer);
        if let Poll::Ready(Ok(bytes)) = written {
            add(&self.traffic.sent_bytes, bytes);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
