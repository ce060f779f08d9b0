//! The host itself: is it alive, is it ready, what does it count, what does it offer.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};

use crate::http::{ApiError, ApiResult, App};

/// Alive: the process answers.
#[utoipa::path(get, path = "/healthz", tag = "host", responses((status = 200, body = str, content_type = "text/plain")))]
pub(in crate::http) async fn alive() -> &'static str {
    "ok\n"
}

/// Ready to take work: there is room on the disk, the log takes lines, and the host is not stopping.
#[utoipa::path(get, path = "/readyz", tag = "host", responses((status = 200, body = str, content_type = "text/plain")))]
pub(in crate::http) async fn ready(State(app): State<App>) -> ApiResult<&'static str> {
    if app.is_stopping() {
        return Err(ApiError::new("not_ready", "the host is stopping"));
    }
    app.store.admit()?;
    app.logs.health()?;
    app.audit.health()?;
    Ok("ok\n")
}

/// Everything that is counted, as Prometheus text.
#[utoipa::path(get, path = "/metrics", tag = "host", responses((status = 200, body = str, content_type = "text/plain")))]
pub(in crate::http) async fn metrics(
    State(app): State<App>,
) -> ApiResult<([(HeaderName, &'static str); 1], Vec<u8>)> {
    let text = app.metrics.render().map_err(ApiError::internal)?;
    Ok(([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "host", responses((status = 200, body = Object)))]
pub(in crate::http) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(crate::http::openapi())
}
