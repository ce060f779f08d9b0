//! What surrounds every request: an id, a span, counting, problems, and headers that protect browsers.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::linger::Lingering;
use super::{ApiError, App};
use crate::audit::{Audit, AuditError, Conclusion, Trail};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Inline scripts and sheets, frames, plugins and foreign hosts are shut out. The console adopts as sheets what its
/// libraries would add as `<style>` elements; `style` attributes carry the terminal's colours.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
     style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const PROTECTION: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The outermost layer.
pub(super) async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let _in_flight = app.metrics.request_began();
    let id = format!("req_{}", app.clock.ulid().to_string().to_ascii_lowercase());
    // The template, not the path: the label must be bounded.
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let method = known_method(request.method());
    let span = tracing::info_span!("request", id, method, route);
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let trail = Trail::begin(&id, peer, method, &route, request.uri().path());
    let mut response = async {
        let request = request.map(|body| Body::new(Lingering::new(body)));
        let mut response = audited(&app, &trail, request, next).await;
        if let Some(error) = response.extensions_mut().remove::<ApiError>() {
            // What the refusal carried besides (such as `Allow`) stays.
            let kept = std::mem::take(response.headers_mut());
            response = error.render(&id);
            if let Some(allow) = kept.get(header::ALLOW) {
                response.headers_mut().insert(header::ALLOW, allow.clone());
            }
        }
        tracing::debug!(status = response.status().as_u16(), us = began.elapsed().as_micros(), "answered");
        response
    }
    .instrument(span)
    .await;
    app.metrics.request_answered(&route, method, response.status().as_u16(), began.elapsed());
    protect(&mut response, &id);
    response
}

/// Does the request's work, and sees to it that what it was is recorded before it is answered.
async fn audited(app: &App, trail: &Arc<Trail>, request: Request, next: Next) -> Response {
    if trail.changes()
        && let Err(error) = app.audit.health()
    {
        return ApiError::from(error).into_response();
    }
    let mut abandoned = Abandoned { app, trail: Some(trail) };
    let response = trail.follow(next.run(request)).await;
    abandoned.trail = None;
    let error = response.extensions().get::<ApiError>();
    let status = error.map_or(response.status().as_u16(), ApiError::status);
    match record(&app.audit, trail.conclude(status, error.map(ApiError::code))).await {
        Ok(()) => response,
        Err(error) => ApiError::from(error).into_response(),
    }
}

async fn record(audit: &Audit, conclusion: Conclusion) -> Result<(), AuditError> {
    let mut written = Vec::new();
    for (chain, event) in conclusion.events {
        if conclusion.coalesced {
            audit.record_coalesced(chain, event).await?;
        } else if conclusion.durable {
            written.push(audit.record_durably(chain, event).await?);
        } else {
            audit.record(chain, event).await?;
        }
    }
    for record in written {
        record.durable().await?;
    }
    Ok(())
}

/// Records what the caller of a request did not wait for: it may have been done.
struct Abandoned<'a> {
    app: &'a App,
    trail: Option<&'a Arc<Trail>>,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let Some(trail) = self.trail else { return };
        let conclusion = trail.abandon();
        if conclusion.events.is_empty() {
            return;
        }
        let audit = self.app.audit.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = record(&audit, conclusion).await {
                    tracing::error!(%error, "a request that its caller left is not in the audit");
                }
            });
        }
    }
}

fn protect(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    for (name, value) in PROTECTION {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID.clone(), id);
    }
}

/// A handler that panicked is a fault of the host like any other.
pub(super) fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let message = payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default();
    ApiError::internal(format!("a handler panicked: {message}")).into_response()
}

/// Methods are a label too, and anybody can make one up.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
