//! Sending a guest's request: to a granted host, over a connection of its own, bounded in time and size.
//!
//! Nothing is followed: a redirect is an answer like any other, and what the guest asks next is checked anew. No proxy is
//! used, whatever the host's environment says.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Response, Uri, Version, header};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::{RequestBody, ResponseBody};
use super::connect::{self, Stream};
use super::{Exchange, is_forbidden, secret};
use crate::network::{GuestNetwork, Host, LookupFailure, Refusal};

/// Longest wait for a connection, with looking the name up and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the head of an answer, and between two parts of its body.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest exchange.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(600);
/// Largest body sent.
const REQUEST_BODY_BYTES: u64 = 64 << 20;
/// Largest body received.
const RESPONSE_BODY_BYTES: u64 = 256 << 20;
/// Largest head of an answer, and of what is read ahead of its guest.
const HEAD_BYTES: usize = 64 << 10;
/// Headers of an answer.
const MAX_HEADERS: usize = 128;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
    authority: String,
}

impl Target {
    /// Reads the URL of a request.
    pub(super) fn of(uri: &Uri) -> Result<Self, Error> {
        let invalid = Error::HttpRequestUriInvalid;
        let scheme = uri.scheme().cloned().ok_or(Error::HttpProtocolError)?;
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(Error::HttpProtocolError),
        };
        let authority = uri.authority().ok_or(invalid)?;
        // Names and passwords belong into headers; here they only hide who is asked.
        if authority.as_str().contains('@') {
            return Err(Error::HttpRequestUriInvalid);
        }
        let host: Host = authority.host().parse().map_err(|_| Error::HttpRequestUriInvalid)?;
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(0) => return Err(Error::HttpRequestUriInvalid),
            Some(port) => port,
            None if has_port => return Err(Error::HttpRequestUriInvalid),
            None => default_port,
        };
        Ok(Self { scheme, host, port, authority: authority.as_str().to_owned() })
    }
}

/// Sends a request, and answers with the response and what has to be polled for its body to arrive.
pub(super) async fn send(
    network: Arc<GuestNetwork>,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Exchange, Error> {
    if network.is_denied() {
        return Err(Error::HttpRequestDenied);
    }
    let target = Target::of(request.uri())?;
    // A tunnel would lead past everything that is checked here.
    if *request.method() == Method::CONNECT {
        return Err(Error::HttpRequestMethodInvalid);
    }
    let all_secrets = network.egress().map_or(&[][..], |egress| &egress.headers);
    let secrets = secret::of(all_secrets, &target, request.method())?;
    let permit = network.connection().ok_or(Error::ConnectionLimitReached)?;
    let within = |asked: Option<Duration>, most: Duration| asked.map_or(most, |asked| asked.min(most));
    let connecting = connect(&network, &target);
    let stream = timeout(within(options.connect_timeout, CONNECT_TIMEOUT), connecting);
    let stream = stream.await.map_err(|_| Error::ConnectionTimeout)??;
    let mut request = outgoing(request, &target)?;
    secret::fill_in(&secrets, request.headers_mut());
    let first_byte = within(options.first_byte_timeout, SILENCE_TIMEOUT);
    let silence = within(options.between_bytes_timeout, SILENCE_TIMEOUT);
    let (mut response, connection) = exchange(stream, request, first_byte, silence).await?;
    secret::take_out(all_secrets, response.headers_mut());
    let connection = async move {
        // Held while the connection is open.
        let _permit = permit;
        timeout(TOTAL_TIMEOUT, connection).await.unwrap_or(Err(Error::HttpResponseTimeout))
    };
    Ok((response, Box::new(connection)))
}

async fn connect(network: &GuestNetwork, target: &Target) -> Result<Box<dyn Stream>, Error> {
    let addresses = network.route(&target.host, target.port).await.map_err(|refusal| match refusal {
        Refusal::NotGranted => Error::HttpRequestDenied,
        Refusal::Prohibited => Error::DestinationIpProhibited,
        Refusal::Lookup(LookupFailure::Timeout) => Error::DnsTimeout,
        Refusal::Lookup(LookupFailure::Unknown) => {
            Error::DnsError { rcode: Some("address not available".to_owned()), info_code: None }
        }
    })?;
    let stream = connect::tcp(&addresses, &network.traffic).await?;
    if target.scheme == Scheme::HTTP {
        return Ok(Box::new(stream));
    }
    let trust = network.egress().and_then(|egress| egress.trust.as_ref());
    Ok(Box::new(connect::tls(stream, &target.host, trust).await?))
}

/// The request as it goes over the wire: a path, the host that was checked, and no header of the connection.
fn outgoing(request: Request<WasiBody>, target: &Target) -> Result<Request<RequestBody>, Error> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let path = if path.as_str().starts_with('?') { format!("/{path}") } else { path.as_str().to_owned() };
    parts.uri = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    parts.version = Version::HTTP_11;
    let forbidden: Vec<_> = parts.headers.keys().filter(|name| is_forbidden(name)).cloned().collect();
    for name in forbidden {
        parts.headers.remove(name);
    }
    let host = HeaderValue::try_from(&target.authority).map_err(|_| Error::HttpRequestUriInvalid)?;
    parts.headers.insert(header::HOST, host);
    Ok(Request::from_parts(parts, RequestBody::new(body, REQUEST_BODY_BYTES)))
}

type Connection = std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Sends the request and waits for the head of the answer, while the connection is driven.
async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<RequestBody>,
    first_byte: Duration,
    silence: Duration,
) -> Result<(Response<WasiBody>, Connection), Error> {
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES).max_headers(MAX_HEADERS);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let mut connection: Connection = Box::pin(async move { connection.await.map_err(Error::from) });
    let sending = pin!(timeout(first_byte, sender.send_request(request)));
    let answered = match select(sending, &mut connection).await {
        Either::Left((answered, _)) => answered,
        Either::Right((ended, sending)) => {
            ended?;
            connection = Box::pin(std::future::ready(Ok(())));
            sending.await
        }
    };
    let response = answered.map_err(|_| Error::ConnectionReadTimeout)??;
    let body = |incoming| ResponseBody::new(incoming, RESPONSE_BODY_BYTES, silence).boxed_unsync();
    Ok((response.map(body), connection))
}
