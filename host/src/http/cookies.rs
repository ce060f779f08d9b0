//! The refresh token's cookie. Scripts cannot read it, other sites cannot send it, and only sign-in routes get it.

use axum::http::header::{COOKIE, HeaderValue};
use axum::http::{HeaderMap, HeaderName};

use super::ApiError;
use crate::auth::AuthError;

const NAME: &str = "cloister_refresh";
const PATH: &str = "/v1/auth";
static CSRF_HEADER: HeaderName = HeaderName::from_static("x-cloister-csrf");

/// The `Set-Cookie` of a sign-in; of a sign-out when `value` is empty.
pub(super) fn refresh_cookie(value: &str, max_age_s: u64, secure: bool) -> Result<HeaderValue, ApiError> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{NAME}={value}; Path={PATH}; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).map_err(ApiError::internal)
}

/// The refresh token of the cookie. A request with one must carry a header that only our own pages can set.
pub(super) fn refresh_token(headers: &HeaderMap) -> Result<Option<String>, AuthError> {
    let token = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == NAME && !value.is_empty())
        .map(|(_, value)| value.to_owned());
    if token.is_some() && !headers.contains_key(&CSRF_HEADER) {
        return Err(AuthError::CsrfMissing);
    }
    Ok(token)
}
