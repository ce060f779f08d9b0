//! Rates of requests, and the headers that say what is left.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;

use super::{ApiError, App};
use crate::auth::{Caller, Member};
use crate::quota::{Allowance, QuotaError};

/// What is left after this request; the middleware puts it into the answer.
#[derive(Clone, Default)]
pub(super) struct Left(Arc<Mutex<Option<Allowance>>>);

impl Left {
    pub(super) fn take(&self) -> Option<Allowance> {
        self.0.lock().take()
    }
}

fn note(parts: &Parts, taken: Result<Option<Allowance>, QuotaError>) -> Result<(), ApiError> {
    let allowance = taken?;
    if let Some(left) = parts.extensions.get::<Left>() {
        *left.0.lock() = allowance;
    }
    Ok(())
}

/// Counts a request of a member.
pub(super) fn count_member(parts: &Parts, app: &App, member: &Member) -> Result<(), ApiError> {
    note(parts, app.quota.request(member))
}

/// Counts a request of a caller, unless it is one to a tenant: that is counted once the tenant is known.
pub(super) fn count_caller(parts: &Parts, app: &App, caller: &Caller) -> Result<(), ApiError> {
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if route.starts_with("/v1/{tenant}") {
        return Ok(());
    }
    count_stranger(parts, app, caller)
}

/// Counts a request of a caller for a tenant that is none of theirs, so that nobody looks for names without a bound.
pub(super) fn count_stranger(parts: &Parts, app: &App, caller: &Caller) -> Result<(), ApiError> {
    note(parts, app.quota.request_above_tenants(caller.user(), app.config.http.requests_per_minute))
}

/// The layer that counts attempts to sign in, by address.
pub(super) async fn sign_ins(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let is_attempt = *request.method() == Method::POST && route.starts_with("/v1/auth/");
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    if let Some(peer) = peer.filter(|_| is_attempt) {
        let (parts, body) = request.into_parts();
        let counted = note(&parts, app.quota.sign_in(peer, app.config.auth.sign_ins_per_minute));
        if let Err(refused) = counted {
            return refused.into_response();
        }
        return next.run(Request::from_parts(parts, body)).await;
    }
    next.run(request).await
}

/// Says what is left.
pub(super) fn show(headers: &mut HeaderMap, allowance: &Allowance) {
    let values = [
        ("x-ratelimit-limit", allowance.limit),
        ("x-ratelimit-remaining", allowance.remaining),
        ("x-ratelimit-reset", allowance.reset_s),
    ];
    for (name, value) in values {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from(value));
    }
}
