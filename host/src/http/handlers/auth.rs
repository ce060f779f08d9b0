//! Signing in, staying signed in, signing out.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};

use crate::api::{ChangePassword, Principal, Refresh, SignIn, SignInLink, SignOut, Success, Tokens};
use crate::auth::{AuthError, Caller, Origin, SignedIn};
use crate::http::cookies::{refresh_cookie, refresh_token};
use crate::http::{Answer, ApiJson, ApiResult, App, data};

/// Signs in by e-mail address and password.
#[utoipa::path(
    post, path = "/v1/auth/sign-in", tag = "auth", request_body = SignIn,
    responses((status = 200, body = Success<Tokens>))
)]
pub(in crate::http) async fn sign_in(
    State(app): State<App>,
    origin: Origin,
    ApiJson(body): ApiJson<SignIn>,
) -> ApiResult<impl IntoResponse> {
    let result = app.auth.sign_in(&body.email, body.password, body.tenant, origin).await;
    answer(&app, "password", result)
}

/// Signs in by a one-time link, and sets the account's password when one is given.
#[utoipa::path(
    post, path = "/v1/auth/link", tag = "auth", request_body = SignInLink,
    responses((status = 200, body = Success<Tokens>))
)]
pub(in crate::http) async fn link(
    State(app): State<App>,
    origin: Origin,
    ApiJson(body): ApiJson<SignInLink>,
) -> ApiResult<impl IntoResponse> {
    let result = app.auth.sign_in_by_link(body.token, body.new_password, origin).await;
    answer(&app, "link", result)
}

/// Exchanges a refresh token, of the body or of the cookie, for new tokens.
#[utoipa::path(
    post, path = "/v1/auth/refresh", tag = "auth", request_body = Refresh,
    responses((status = 200, body = Success<Tokens>))
)]
pub(in crate::http) async fn refresh(
    State(app): State<App>,
    headers: HeaderMap,
    ApiJson(body): ApiJson<Refresh>,
) -> ApiResult<impl IntoResponse> {
    let token = match body.refresh_token {
        Some(token) => token,
        None => refresh_token(&headers)?.ok_or(AuthError::RefreshInvalid)?,
    };
    let result = app.auth.refresh(token, body.tenant).await;
    answer(&app, "refresh", result)
}

/// Ends the session of the refresh token, of the body or of the cookie, or of the access token.
#[utoipa::path(
    post, path = "/v1/auth/sign-out", tag = "auth", request_body = SignOut,
    responses((status = 204, description = "Signed out.")), security((), ("bearer" = []))
)]
pub(in crate::http) async fn sign_out(
    State(app): State<App>,
    caller: Result<Caller, crate::http::ApiError>,
    headers: HeaderMap,
    ApiJson(body): ApiJson<SignOut>,
) -> ApiResult<impl IntoResponse> {
    if let Ok(caller) = caller {
        app.auth.sign_out(&caller).await?;
    } else {
        let token = match body.refresh_token {
            Some(token) => token,
            None => refresh_token(&headers)?.ok_or(AuthError::Unauthenticated)?,
        };
        app.auth.sign_out_by_refresh_token(token).await?;
    }
    let gone = refresh_cookie("", 0, app.config.server.is_https())?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(SET_COOKIE, gone)])))
}

/// Sets or changes the caller's password, and ends their other sessions.
#[utoipa::path(
    post, path = "/v1/auth/password", tag = "auth", request_body = ChangePassword,
    responses((status = 204, description = "Changed.")), security(("bearer" = []))
)]
pub(in crate::http) async fn password(
    State(app): State<App>,
    caller: Caller,
    ApiJson(body): ApiJson<ChangePassword>,
) -> ApiResult<StatusCode> {
    app.auth.change_password(&caller, body.current_password, body.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who the caller is, and which tenants they belong to.
#[utoipa::path(
    get, path = "/v1/auth/me", tag = "auth",
    responses((status = 200, body = Success<Principal>)), security(("bearer" = []))
)]
pub(in crate::http) async fn me(State(app): State<App>, caller: Caller) -> ApiResult<Answer<Principal>> {
    Ok(data(app.auth.principal(&caller).await?))
}

pub(super) fn answer(
    app: &App,
    way: &str,
    result: Result<SignedIn, AuthError>,
) -> ApiResult<impl IntoResponse + use<>> {
    app.metrics.sign_in(way, result.as_ref().map_or_else(AuthError::code, |_| "ok"));
    let SignedIn { tokens, refresh_ttl_s } = result?;
    let cookie = refresh_cookie(&tokens.refresh_token, refresh_ttl_s, app.config.server.is_https())?;
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), data(tokens)))
}
