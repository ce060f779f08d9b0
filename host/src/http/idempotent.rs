//! Requests with an `Idempotency-Key`: done once, however often they are sent.
//!
//! JSON bodies are taken whole before the request is begun. Others are uploads: the first is digested while it streams
//! through, a repeated one is read to its end and digested before it is answered. The work goes on when its caller goes away,
//! so that the answer is there when they come back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use tracing::Instrument;

use super::extract::{is_json, read_body};
use super::{ApiError, App};
use crate::audit::Trail;
use crate::auth::{Caller, Member};
use crate::idempotency::{
    Answer, Began, Idempotency, IdempotencyError, IdempotencyKey, InvalidKey, MAX_ANSWER_BYTES, Named,
};

static KEY: HeaderName = HeaderName::from_static("idempotency-key");
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// After these, the host itself does not know how far it got.
const IN_DOUBT: [&str; 4] = ["internal", "store_failed", "audit_failed", "log_store_failed"];

/// The layer around every route.
pub(super) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    match prepare(&app, request).await {
        Ok(Prepared::Plain(request)) => next.run(*request).await,
        Ok(Prepared::Keyed(named, request)) => {
            let answered = answer(&app, named, *request, next).await;
            answered.unwrap_or_else(IntoResponse::into_response)
        }
        Err(error) => error.into_response(),
    }
}

enum Prepared {
    Plain(Box<Request>),
    Keyed(Named, Box<Request>),
}

/// Finds the key, and whose it is.
async fn prepare(app: &App, request: Request) -> Result<Prepared, ApiError> {
    let is_creating = matches!(*request.method(), Method::POST | Method::PUT);
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    if !is_creating || route.starts_with("/v1/auth/") || !request.headers().contains_key(&KEY) {
        return Ok(Prepared::Plain(Box::new(request)));
    }
    let (mut parts, body) = request.into_parts();
    let (method, path) = (parts.method.as_str().to_owned(), parts.uri.path().to_owned());
    // Who may not enter learns nothing of their key either.
    let named = if route.contains("{tenant}") && !route.starts_with("/v1/operator/") {
        let member = Member::from_request_parts(&mut parts, app).await?;
        let key = key(&parts.headers)?;
        let named = Named::of_member(&member, &method, &path, key);
        parts.extensions.insert(member);
        named
    } else {
        let caller = Caller::from_request_parts(&mut parts, app).await?;
        let operator = caller.operator()?;
        parts.extensions.insert(caller);
        Named::of_operator(&operator, &method, &path, key(&parts.headers)?)
    };
    Ok(Prepared::Keyed(named, Box::new(Request::from_parts(parts, body))))
}

fn key(headers: &HeaderMap) -> Result<IdempotencyKey, IdempotencyError> {
    let mut given = headers.get_all(&KEY).iter();
    let (Some(key), None) = (given.next(), given.next()) else { return Err(InvalidKey.into()) };
    Ok(key.to_str().map_err(|_| InvalidKey)?.parse()?)
}

async fn answer(app: &App, named: Named, request: Request, next: Next) -> Result<Response, ApiError> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let digest = Digest::of_query(&query);
    let request = if media_type.is_some_and(is_json) {
        let (parts, body) = request.into_parts();
        let body = read_body(Request::new(body), app.config.http.json_body_bytes).await?;
        Request::from_parts(parts, Body::from(body))
    } else {
        request
    };
    match app.idempotency.begin(&named).await.inspect_err(|error| count(app, error.code()))? {
        Began::First => {
            count(app, "first");
            do_once(app.clone(), named, request, next, digest).await
        }
        Began::Done { digest: first, answer } => {
            let again = digest_all(request.into_body(), digest).await?;
            if again != first {
                count(app, IdempotencyError::Reused.code());
                return Err(IdempotencyError::Reused.into());
            }
            count(app, "replayed");
            replay(answer.ok_or(IdempotencyError::NotKept)?)
        }
    }
}

fn count(app: &App, result: &str) {
    app.metrics.idempotency(result);
}

fn replay(answer: Answer) -> Result<Response, ApiError> {
    let status = StatusCode::from_u16(answer.status).map_err(ApiError::internal)?;
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    if let Some(media_type) = answer.media_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(&media_type).map_err(ApiError::internal)?);
    }
    headers.insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    Ok(response)
}

/// Does the work in a task of its own, which outlives the connection.
async fn do_once(
    app: App,
    named: Named,
    request: Request,
    next: Next,
    digest: Digest,
) -> Result<Response, ApiError> {
    let work = work(app, named, request, next, digest).instrument(tracing::Span::current());
    let task = match Trail::current() {
        Some(trail) => tokio::spawn(async move { trail.follow(work).await }),
        None => tokio::spawn(work),
    };
    task.await.map_err(ApiError::internal)?
}

async fn work(
    app: App,
    named: Named,
    request: Request,
    next: Next,
    digest: Digest,
) -> Result<Response, ApiError> {
    let keeper = &app.idempotency;
    let mut unfinished = Unfinished { keeper, named: Some(&named) };
    let seen = Arc::new(Mutex::new(Seen { digest: Some(digest), all: None }));
    let watched = Arc::clone(&seen);
    let request = request.map(|body| Body::new(Watched { body, seen: watched }));
    let response = next.run(request).await;
    unfinished.named = None;
    let error = response.extensions().get::<ApiError>().cloned();
    if error.as_ref().is_some_and(|error| IN_DOUBT.contains(&error.code())) {
        keeper.cut_off(&named).await?;
        return Ok(response);
    }
    let digest = seen.lock().all.clone();
    let (true, Some(digest)) = (error.is_none() && response.status().is_success(), digest) else {
        // Nothing was changed, or what was to be compared was not read: the next one is done anew.
        keeper.release(&named).await?;
        return Ok(response);
    };
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(ApiError::internal)?.to_bytes();
    let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let kept = if body.len() <= MAX_ANSWER_BYTES { body.to_vec() } else { vec![0; MAX_ANSWER_BYTES + 1] };
    let answer = Answer { status: parts.status.as_u16(), media_type, body: kept };
    // A run's record is written behind its answer: a kept answer must not outlive what it tells of.
    app.commands.settled().await;
    keeper.finish(&named, digest, answer).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Notes that nobody knows how far a request got whose handler panicked.
struct Unfinished<'a> {
    keeper: &'a Idempotency,
    named: Option<&'a Named>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let (Some(named), Ok(runtime)) = (self.named, tokio::runtime::Handle::try_current()) {
            let (keeper, named) = (self.keeper.clone(), named.clone());
            runtime.spawn(async move { keeper.cut_off(&named).await });
        }
    }
}

/// The digest of a query and the body behind it.
struct Digest(blake3::Hasher);

impl Digest {
    fn of_query(query: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(query.len() as u64).to_le_bytes()).update(query.as_bytes());
        Self(hasher)
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

async fn digest_all(mut body: Body, mut digest: Digest) -> Result<String, ApiError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::new("body_incomplete", ""))?;
        if let Some(bytes) = frame.data_ref() {
            digest.add(bytes);
        }
    }
    Ok(digest.finish())
}

/// What has been seen of a body.
struct Seen {
    digest: Option<Digest>,
    /// The digest, once the body has ended.
    all: Option<String>,
}

/// A body that is digested while it streams through.
struct Watched {
    body: Body,
    seen: Arc<Mutex<Seen>>,
}

impl Watched {
    fn end(&self) {
        let mut seen = self.seen.lock();
        if let Some(digest) = seen.digest.take() {
            seen.all = Some(digest.finish());
        }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(bytes), Some(digest)) = (frame.data_ref(), &mut self.seen.lock().digest) {
                    digest.add(bytes);
                }
                if self.body.is_end_stream() {
                    self.end();
                }
            }
            Poll::Ready(None) => self.end(),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    /// A handler need not read a body that is empty.
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }
}
