//! Requests against servers on loopback, as the sender sees them.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Empty};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::secret::SecretHeader;
use super::*;
use crate::budget::{Budget, BudgetLimits, Reservation};
use crate::grant::NetworkGrant;
use crate::network::{Egress, EgressRule, Resolve, Resolving};

/// Every name is this machine.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: &str, _: Reservation) -> Resolving {
        Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    }
}

fn limitless(grant: NetworkGrant) -> Arc<GuestNetwork> {
    GuestNetwork::new(grant, Budget::new(&BudgetLimits::UNLIMITED))
}

/// A server that reads one request, answers these bytes and hands on what it read.
async fn server(answer: Vec<u8>) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.windows(4).any(|end| end == b"\r\n\r\n") {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the request is cut off");
            read.extend_from_slice(&buffer[..count]);
        }
        // The client may have hung up on purpose.
        let _ = stream.write_all(&answer).await;
        String::from_utf8(read).unwrap()
    });
    (port, served)
}

fn egress(port: u16) -> Egress {
    let rule = EgressRule { host: "granted.example".parse().unwrap(), port };
    let mut egress = Egress::new(vec![rule], Arc::new(Loopback));
    egress.private_ranges = vec!["127.0.0.0/8".parse().unwrap()];
    egress
}

fn request(method: Method, url: &str, headers: &[(&str, &str)]) -> Request<WasiBody> {
    let mut builder = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync()).unwrap()
}

async fn send(egress: Egress, request: Request<WasiBody>) -> Result<Exchange, Error> {
    let network = limitless(NetworkGrant::Egress(Arc::new(egress)));
    send::send(network, request, RequestOptions::default()).await
}

async fn whole(exchange: Exchange) -> Result<Bytes, Error> {
    let (response, connection) = exchange;
    let driven = tokio::spawn(Box::into_pin(connection));
    let body = response.into_body().collect().await.map(|body| body.to_bytes());
    driven.abort();
    body
}

fn outcome(sent: Result<Exchange, Error>) -> String {
    sent.map_or_else(|error| format!("{error:?}"), |(response, _)| response.status().to_string())
}

#[tokio::test]
async fn a_request_reaches_the_granted_host_by_its_name() {
    let (port, served) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec()).await;
    let url = format!("http://granted.example:{port}/a?b=c");
    let headers =
        [("x-own", "1"), ("host", "other.example"), ("proxy-authorization", "x"), ("connection", "close")];
    let exchange = send(egress(port), request(Method::GET, &url, &headers)).await.unwrap();
    assert_eq!(whole(exchange).await.unwrap(), "hi");
    let read = served.await.unwrap();
    assert!(read.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{read}");
    assert!(read.contains(&format!("host: granted.example:{port}\r\n")), "{read}");
    assert!(read.contains("x-own: 1"), "{read}");
    for gone in ["other.example", "proxy", "connection"] {
        assert!(!read.contains(gone), "{gone}: {read}");
    }
}

#[tokio::test]
async fn what_is_not_granted_is_denied() {
    let (port, _served) = server(Vec::new()).await;
    let other = port.wrapping_add(1).max(1);
    for (url, error) in [
        (format!("http://other.example:{port}/"), "HttpRequestDenied"),
        (format!("http://granted.example:{other}/"), "HttpRequestDenied"),
        ("http://granted.example/".to_owned(), "HttpRequestDenied"),
        (format!("http://127.0.0.1:{port}/"), "HttpRequestDenied"),
        (format!("http://2130706433:{port}/"), "HttpRequestUriInvalid"),
        (format!("http://{}:{port}/", "0x7f.1"), "HttpRequestUriInvalid"),
        (format!("http://granted.example@other.example:{port}/"), "HttpRequestUriInvalid"),
        (format!("ftp://granted.example:{port}/"), "HttpProtocolError"),
    ] {
        let sent = send(egress(port), request(Method::GET, &url, &[])).await;
        assert_eq!(outcome(sent), error, "{url}");
    }
    let url = format!("http://granted.example:{port}/");
    let mut closed = egress(port);
    closed.private_ranges.clear();
    assert_eq!(outcome(send(closed, request(Method::GET, &url, &[])).await), "DestinationIpProhibited");
    let tunnel = request(Method::CONNECT, &url, &[]);
    assert_eq!(outcome(send(egress(port), tunnel).await), "HttpRequestMethodInvalid");
    let denied = limitless(NetworkGrant::Denied);
    let sent = send::send(denied, request(Method::GET, &url, &[]), RequestOptions::default()).await;
    assert_eq!(outcome(sent), "HttpRequestDenied");
}

#[tokio::test]
async fn a_redirect_is_handed_to_the_guest_and_not_followed() {
    let answer = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    let (port, _served) = server(answer.to_vec()).await;
    let url = format!("http://granted.example:{port}/");
    let (response, _connection) = send(egress(port), request(Method::GET, &url, &[])).await.unwrap();
    assert_eq!(response.status(), 302);
    let next = response.headers()["location"].to_str().unwrap().to_owned();
    let sent = send(egress(port), request(Method::GET, &next, &[])).await;
    assert_eq!(outcome(sent), "HttpRequestDenied");
}

#[tokio::test]
async fn a_secret_goes_to_its_host_over_tls_or_where_plain_is_granted() {
    let (port, served) =
        server(b"HTTP/1.1 200 OK\r\nx-echo: Bearer s3cret!\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let url = format!("http://granted.example:{port}/");
    let with = |plain| {
        let host = "granted.example".parse().unwrap();
        let mut egress = egress(port);
        egress.headers =
            vec![SecretHeader::new(host, port, "authorization", "Bearer s3cret!", plain).unwrap()];
        assert!(!format!("{egress:?} {:?}", egress.headers).contains("s3cret"));
        egress
    };
    assert_eq!(outcome(send(with(false), request(Method::GET, &url, &[])).await), "HttpRequestDenied");
    assert_eq!(outcome(send(with(true), request(Method::TRACE, &url, &[])).await), "HttpRequestDenied");
    let own = [("authorization", "Bearer of the guest")];
    let (response, _connection) = send(with(true), request(Method::GET, &url, &own)).await.unwrap();
    assert_eq!(response.headers()["x-echo"], "[secret]");
    let read = served.await.unwrap();
    assert!(read.contains("authorization: Bearer s3cret!\r\n") && !read.contains("guest"), "{read}");
}

#[test]
fn headers_of_the_connection_carry_no_secret() {
    for name in
        ["host", "connection", "proxy-authorization", "transfer-encoding", "content-length", "te", "a b", ""]
    {
        assert_eq!(SecretHeader::check_name(name), Err(InvalidHeader::Name), "{name}");
    }
    let host = || "a".parse().unwrap();
    assert_eq!(SecretHeader::new(host(), 443, "x-key", "a\nb", false).unwrap_err(), InvalidHeader::Value);
}

#[tokio::test]
async fn a_head_without_end_is_cut() {
    let mut answer = b"HTTP/1.1 200 OK\r\nx-fill: ".to_vec();
    answer.resize(1 << 20, b'a');
    let (port, _served) = server(answer).await;
    let url = format!("http://granted.example:{port}/");
    let sent = send(egress(port), request(Method::GET, &url, &[])).await;
    let Err(Error::Hyper(error)) = sent else { panic!("{}", outcome(sent)) };
    assert!(error.is_parse_too_large(), "{error:?}");
}

#[tokio::test]
async fn a_silent_server_ends_at_the_timeout_of_the_request() {
    let (port, _served) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec()).await;
    let network = limitless(NetworkGrant::Egress(Arc::new(egress(port))));
    let brief = Some(std::time::Duration::from_millis(50));
    let options = RequestOptions { between_bytes_timeout: brief, ..RequestOptions::default() };
    let request = request(Method::GET, &format!("http://granted.example:{port}/"), &[]);
    let exchange = send::send(network, request, options).await.unwrap();
    let error = whole(exchange).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionReadTimeout | Error::Hyper(_)), "{error:?}");
}

#[tokio::test]
async fn connections_of_a_run_are_bounded_and_given_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let network = limitless(NetworkGrant::Egress(Arc::new(egress(port))));
    let url = format!("http://granted.example:{port}/");
    let start = || {
        let sending =
            send::send(Arc::clone(&network), request(Method::GET, &url, &[]), RequestOptions::default());
        tokio::spawn(sending)
    };
    let waiting: Vec<_> = (0..16).map(|_| start()).collect();
    let mut accepted = Vec::new();
    while accepted.len() < waiting.len() {
        accepted.push(listener.accept().await.unwrap());
    }
    assert_eq!(outcome(start().await.unwrap()), "ConnectionLimitReached");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    for task in waiting {
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }
    let again = start();
    listener.accept().await.unwrap();
    again.abort();
}
