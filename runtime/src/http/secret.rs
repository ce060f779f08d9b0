//! Secrets in headers: filled in by the host, so that the guest never holds them.

use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue};
use wasmtime_wasi_http::Error;

use super::is_forbidden;
use super::send::Target;
use crate::network::Host;

/// A header that the host sets on a run's requests to one host and port, over what the guest set.
#[derive(Debug, Clone)]
pub struct SecretHeader {
    host: Host,
    port: u16,
    name: HeaderName,
    value: HeaderValue,
    plain: bool,
}

/// A header cannot carry a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// The name is none, or one that belongs to the connection.
    #[error("this is not a header that a request can carry a secret in")]
    Name,
    /// The value holds what no header can.
    #[error("the secret holds characters that no header can carry")]
    Value,
}

impl SecretHeader {
    /// Checks that this name can carry a secret.
    ///
    /// # Errors
    /// [`InvalidHeader::Name`].
    pub fn check_name(name: &str) -> Result<(), InvalidHeader> {
        header_name(name).map(|_| ())
    }

    /// For requests to `host` and `port`, over TLS unless `plain`.
    ///
    /// # Errors
    /// See [`InvalidHeader`].
    pub fn new(host: Host, port: u16, name: &str, value: &str, plain: bool) -> Result<Self, InvalidHeader> {
        let name = header_name(name)?;
        let mut value = HeaderValue::from_str(value).map_err(|_| InvalidHeader::Value)?;
        // Kept out of every `Debug` output.
        value.set_sensitive(true);
        Ok(Self { host, port, name, value, plain })
    }
}

fn header_name(name: &str) -> Result<HeaderName, InvalidHeader> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| InvalidHeader::Name)?;
    let framing = name == http::header::CONTENT_LENGTH || name == http::header::TRAILER;
    if framing || is_forbidden(&name) { Err(InvalidHeader::Name) } else { Ok(name) }
}

/// The secrets that go into requests to a target.
///
/// # Errors
/// [`Error::HttpRequestDenied`] when one would travel without TLS, or with a method that answers what it was sent.
pub(super) fn of<'a>(
    all: &'a [SecretHeader],
    target: &Target,
    method: &http::Method,
) -> Result<Vec<&'a SecretHeader>, Error> {
    let meant: Vec<_> =
        all.iter().filter(|secret| secret.host == target.host && secret.port == target.port).collect();
    let exposed = target.scheme != Scheme::HTTPS && meant.iter().any(|secret| !secret.plain);
    let echoed = !meant.is_empty() && *method == http::Method::TRACE;
    if exposed || echoed { Err(Error::HttpRequestDenied) } else { Ok(meant) }
}

/// Sets the secrets, in the place of what the guest set.
pub(super) fn fill_in(secrets: &[&SecretHeader], headers: &mut HeaderMap) {
    for secret in secrets {
        headers.insert(secret.name.clone(), secret.value.clone());
    }
}

/// Takes headers out of an answer that repeat a secret.
pub(super) fn take_out(secrets: &[SecretHeader], headers: &mut HeaderMap) {
    for value in headers.values_mut() {
        let repeats = |secret: &SecretHeader| {
            let secret = secret.value.as_bytes();
            !secret.is_empty() && value.as_bytes().windows(secret.len()).any(|part| part == secret)
        };
        if secrets.iter().any(repeats) {
            *value = HeaderValue::from_static("[secret]");
        }
    }
}
