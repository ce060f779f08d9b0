//! Talks to a host: forms addresses, signs requests, reads answers and problems.

mod auth;
mod backoff;
mod events;
mod sse;
mod upload;

use std::time::Duration;

use cloister_host::api::{Problem, Success};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use auth::Auth;
pub(crate) use backoff::Backoff;
pub(crate) use events::EventStream;
pub(crate) use upload::FileBody;

use super::failure::{Failure, Outcome};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a failure's body is read.
const MAX_PROBLEM_BYTES: usize = 64 << 10;
/// The most the API gives per page.
const MAX_PER_PAGE: usize = 200;

/// A host, and as whom and for which tenant one talks to it.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    tenant: Option<String>,
    auth: Auth,
}

impl Client {
    /// A client of the host at `base`. Nothing is sent yet.
    pub(crate) fn new(base: Url, tenant: Option<String>, auth: Auth) -> Outcome<Self> {
        let http = http_client(&base).map_err(|error| Failure::local("set up the HTTP client", &error))?;
        Ok(Self { http, base, tenant, auth })
    }

    /// The host's address, without a slash at its end.
    pub(crate) fn host(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The chosen tenant.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// The address of these path segments.
    pub(crate) fn url(&self, segments: &[&str]) -> Outcome<Url> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::usage(format!("`{}` cannot be a host's address", self.base)))?
            .pop_if_empty()
            .extend(segments);
        Ok(url)
    }

    /// The address of these path segments below the chosen tenant.
    pub(crate) fn tenant_url(&self, segments: &[&str]) -> Outcome<Url> {
        let tenant = self.tenant.as_deref().ok_or_else(|| {
            Failure::usage("no tenant is chosen").with_hint("--tenant SLUG; `cloister whoami` lists yours")
        })?;
        self.url(&[&["v1", tenant], segments].concat())
    }

    /// A request that is not sent yet.
    pub(crate) fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        self.http.request(method, url.clone())
    }

    /// Sends what `build` makes, signed; once more with a new access token when the host refuses the first. A failure
    /// status is an error.
    pub(crate) async fn send(&self, build: impl Fn() -> Outcome<RequestBuilder>) -> Outcome<Response> {
        let token = self.auth.token(self, None).await?;
        let answer = self.send_once(build()?, token.as_deref()).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || !self.auth.can_refresh() {
            return checked(answer).await;
        }
        let token = self.auth.token(self, token.as_deref()).await?;
        checked(self.send_once(build()?, token.as_deref()).await?).await
    }

    /// Sends a request without a token.
    pub(crate) async fn send_unsigned(&self, request: RequestBuilder) -> Outcome<Response> {
        checked(self.send_once(request, None).await?).await
    }

    async fn send_once(&self, request: RequestBuilder, token: Option<&str>) -> Outcome<Response> {
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.map_err(|error| Failure::unreachable(self.host(), &error))
    }

    /// Gets one thing.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: &Url) -> Outcome<T> {
        let answer = self.send(|| Ok(self.request(Method::GET, url))).await?;
        Ok(self.envelope(answer).await?.data)
    }

    /// Gets an answer with all that stands beside its data.
    pub(crate) async fn get_whole<T: DeserializeOwned>(&self, url: &Url) -> Outcome<T> {
        let answer = self.send(|| Ok(self.request(Method::GET, url))).await?;
        let body = answer.bytes().await.map_err(|error| Failure::unreachable(self.host(), &error))?;
        serde_json::from_slice(&body).map_err(Failure::bad_answer)
    }

    /// Gets up to `at_most` things of a list, page by page.
    pub(crate) async fn list<T: DeserializeOwned>(&self, url: &Url, at_most: usize) -> Outcome<Vec<T>> {
        let mut items: Vec<T> = Vec::new();
        let mut cursor: Option<String> = None;
        while items.len() < at_most {
            let mut page = url.clone();
            let per_page = (at_most - items.len()).min(MAX_PER_PAGE);
            page.query_pairs_mut().append_pair("limit", &per_page.to_string());
            if let Some(cursor) = &cursor {
                page.query_pairs_mut().append_pair("cursor", cursor);
            }
            let answer = self.send(|| Ok(self.request(Method::GET, &page))).await?;
            let answer: Success<Vec<T>> = self.envelope(answer).await?;
            let empty = answer.data.is_empty();
            items.extend(answer.data);
            cursor = answer.pagination.filter(|p| p.has_next).and_then(|p| p.cursor);
            if cursor.is_none() || empty {
                break;
            }
        }
        items.truncate(at_most);
        Ok(items)
    }

    /// Sends JSON and reads the answer's data.
    pub(crate) async fn send_json<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        url: &Url,
        body: &B,
    ) -> Outcome<T> {
        // One key for the repeated request too: the host does the work once.
        let key = idempotency_key()?;
        let answer = self
            .send(|| Ok(self.request(method.clone(), url).header("Idempotency-Key", &key).json(body)))
            .await?;
        Ok(self.envelope(answer).await?.data)
    }

    /// Deletes one thing.
    pub(crate) async fn delete(&self, url: &Url) -> Outcome {
        self.send(|| Ok(self.request(Method::DELETE, url))).await.map(drop)
    }

    /// Reads the envelope of a successful answer.
    pub(crate) async fn envelope<T: DeserializeOwned>(&self, answer: Response) -> Outcome<Success<T>> {
        let body = answer.bytes().await.map_err(|error| Failure::unreachable(self.host(), &error))?;
        serde_json::from_slice(&body).map_err(Failure::bad_answer)
    }
}

/// A random key for `Idempotency-Key`.
pub(crate) fn idempotency_key() -> Outcome<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new("local", format!("cannot draw random bytes: {error}")))?;
    Ok(hex::encode(bytes))
}

fn http_client(base: &Url) -> Result<reqwest::Client, reqwest::Error> {
    let agent = concat!("cloister/", env!("CARGO_PKG_VERSION"));
    let mut builder = reqwest::Client::builder()
        .user_agent(agent)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    // Fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if base.scheme() != "https" {
        // Without TLS there is no reason to spend milliseconds on reading the system's certificates.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    builder.build()
}

/// True for this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn checked(answer: Response) -> Outcome<Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let header = answer.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let body = read_some(answer).await;
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Err(Failure::from_problem(problem)),
        Err(_) => Err(Failure::from_status(status, header)),
    }
}

/// The start of the body; what was read so far when the connection breaks.
async fn read_some(mut answer: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(MAX_PROBLEM_BYTES - body.len())]);
        if body.len() == MAX_PROBLEM_BYTES {
            break;
        }
    }
    body
}
