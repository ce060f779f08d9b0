//! The caller's sign-in sessions, accepting an invitation, and the keys that access tokens are checked with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::answer;
use super::rfc3339;
use crate::api::{AcceptInvitation, JsonWebKeySet, Session, SignInOidc, Success, Tokens};
use crate::auth::{AuthError, Caller, Origin};
use crate::http::{Answer, ApiError, ApiJson, ApiPath, ApiQuery, ApiResult, App, data};
use crate::ids::SessionId;
use crate::store::SessionRecord;
use crate::tenancy::TenancyError;

/// One session.
#[derive(Deserialize)]
pub(in crate::http) struct SessionPath {
    session: String,
}

/// Which sessions end.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct EndAll {
    /// True: the session that asks goes on.
    #[serde(default)]
    keep_current: bool,
}

/// Lists the caller's sessions that go on, oldest first.
#[utoipa::path(
    get, path = "/v1/auth/sessions", tag = "auth",
    responses((status = 200, body = Success<Vec<Session>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Answer<Vec<Session>>> {
    let current = caller.session()?;
    let sessions = app.auth.sessions(&caller).await?;
    Ok(data(sessions.into_iter().map(|record| shown(record, current)).collect()))
}

/// Ends one of the caller's sessions; its tokens stop working at once.
#[utoipa::path(
    delete, path = "/v1/auth/sessions/{session}", tag = "auth",
    params(("session" = String, Path, description = "Its id.")),
    responses((status = 204, description = "Ended.")), security(("bearer" = []))
)]
pub(in crate::http) async fn end(
    State(app): State<App>,
    caller: Caller,
    ApiPath(path): ApiPath<SessionPath>,
) -> ApiResult<StatusCode> {
    caller.session()?;
    let id = path.session.parse().map_err(|_| AuthError::SessionNotFound)?;
    app.auth.end_one_session(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of the caller's sessions.
#[utoipa::path(
    delete, path = "/v1/auth/sessions", tag = "auth", params(EndAll),
    responses((status = 204, description = "Ended.")), security(("bearer" = []))
)]
pub(in crate::http) async fn end_all(
    State(app): State<App>,
    caller: Caller,
    ApiQuery(query): ApiQuery<EndAll>,
) -> ApiResult<StatusCode> {
    app.auth.end_all_sessions(&caller, query.keep_current).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accepts an invitation. Whoever has an account under its address sends an access token of that account too.
#[utoipa::path(
    post, path = "/v1/auth/invitation", tag = "auth", request_body = AcceptInvitation,
    responses((status = 200, body = Success<Tokens>)), security((), ("bearer" = []))
)]
pub(in crate::http) async fn accept(
    State(app): State<App>,
    caller: Result<Caller, ApiError>,
    origin: Origin,
    ApiJson(body): ApiJson<AcceptInvitation>,
) -> ApiResult<impl IntoResponse> {
    let caller = match caller {
        Ok(caller) => Some(caller),
        Err(error) if error.code() == "unauthenticated" => None,
        Err(error) => return Err(error),
    };
    match app.tenancy.accept(caller.as_ref(), &body.token, body.new_password, origin).await {
        Ok(signed_in) => answer(&app, "invitation", Ok(signed_in)),
        Err(TenancyError::Auth(error)) => answer(&app, "invitation", Err(error)),
        Err(error) => Err(error.into()),
    }
}

/// Signs in with an identity of a trusted OpenID Connect issuer.
#[utoipa::path(
    post, path = "/v1/auth/oidc", tag = "auth", request_body = SignInOidc,
    responses((status = 200, body = Success<Tokens>))
)]
pub(in crate::http) async fn oidc(
    State(app): State<App>,
    origin: Origin,
    ApiJson(body): ApiJson<SignInOidc>,
) -> ApiResult<impl IntoResponse> {
    match app.tenancy.sign_in_by_identity(&body.id_token, origin).await {
        Ok(signed_in) => answer(&app, "oidc", Ok(signed_in)),
        Err(TenancyError::Auth(error)) => answer(&app, "oidc", Err(error)),
        Err(error) => Err(error.into()),
    }
}

/// The public keys of access tokens (RFC 7517), so that others can check them.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, body = JsonWebKeySet))
)]
pub(in crate::http) async fn jwks(State(app): State<App>) -> Json<JsonWebKeySet> {
    Json(app.auth.jwks())
}

fn shown(record: SessionRecord, current: &SessionId) -> Session {
    Session {
        current: record.id == *current,
        id: record.id.to_string(),
        agent: record.agent,
        address: record.address.map(|address| address.to_string()),
        created_at: rfc3339(record.created_at),
        refreshed_at: rfc3339(record.refreshed_at),
        expires_at: rfc3339(record.expires_at),
    }
}
