//! Which pages may open a WebSocket. Browsers let every page try, and send along where it is from.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

use crate::http::{ApiError, App};

/// Refuses a page of somewhere else. Programs send no origin.
pub(super) fn check(headers: &HeaderMap, app: &App) -> Result<(), ApiError> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(()) };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let own =
        [app.url.as_str()].into_iter().chain(app.config.http.allowed_origins.iter().map(String::as_str));
    let allowed = origins.next().is_none()
        && origin
            .to_str()
            .is_ok_and(|origin| is_of(origin, host) || own.into_iter().any(|own| own == origin));
    if allowed { Ok(()) } else { Err(ApiError::new("origin_refused", "the page is not of this host")) }
}

/// True when an origin is where the request went to.
fn is_of(origin: &str, host: Option<&str>) -> bool {
    let named = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    named.is_some_and(|named| host.is_some_and(|host| host.eq_ignore_ascii_case(named)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_hosts_own_or_foreign() {
        let host = Some("acme.test:8080");
        assert!(is_of("https://acme.test:8080", host) && is_of("http://Acme.test:8080", host));
        for origin in [
            "null",
            "",
            "https://acme.test",
            "https://evil.test",
            "https://acme.test:8080.evil.test",
            "acme.test:8080",
        ] {
            assert!(!is_of(origin, host), "{origin}");
        }
        assert!(!is_of("https://acme.test", None));
    }
}
