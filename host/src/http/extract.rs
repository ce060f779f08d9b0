//! What a handler takes from a request: who calls, and typed values with clear refusals.

use std::net::{IpAddr, SocketAddr};

use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Query, RawPathParams, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::rates::{count_caller, count_member, count_stranger};
use super::{ApiError, App};
use crate::audit::Trail;
use crate::auth::{AuthError, Caller, Member, OperatorScope, Origin};

/// The address of the other end of the connection; unknown in tests.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub Option<IpAddr>);

impl FromRequestParts<App> for Peer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        Ok(Self(parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())))
    }
}

impl FromRequestParts<App> for Origin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Peer(address) = Peer::from_request_parts(parts, app).await?;
        let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        Ok(Self { address, agent: agent.to_owned() })
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let header = parts.headers.get(AUTHORIZATION).ok_or(AuthError::Unauthenticated)?;
        let text = header.to_str().map_err(|_| AuthError::TokenInvalid)?;
        let (scheme, token) = text.split_once(' ').ok_or(AuthError::TokenInvalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(AuthError::Unauthenticated.into());
        }
        let caller = app.auth.authenticate(token.trim()).await?;
        Trail::acts(&caller);
        count_caller(parts, app, &caller)?;
        Ok(caller)
    }
}

impl FromRequestParts<App> for OperatorScope {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Caller::from_request_parts(parts, app).await?.operator()?)
    }
}

/// `?tenant=` on any route of a tenant.
#[derive(Deserialize)]
struct NamedTenant {
    tenant: Option<String>,
}

impl FromRequestParts<App> for Member {
    type Rejection = ApiError;

    /// The tenant that the request names, or the configured default, or the token's own. Every other name in the request must
    /// mean the same, and the token must be good for it.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let caller = Caller::from_request_parts(parts, app).await?;
        let mut named = names(parts, app).await?.into_iter();
        let first = named
            .next()
            .or_else(|| app.config.tenancy.default_tenant.clone())
            .or_else(|| caller.tenant().map(ToString::to_string));
        let member = match app.auth.enter(&caller, &first.ok_or_else(unnamed)?).await {
            Err(AuthError::TenantNotFound) => {
                count_stranger(parts, app, &caller)?;
                return Err(AuthError::TenantNotFound.into());
            }
            entered => entered?,
        };
        Trail::enters(member.scope());
        named.try_for_each(|other| member.agrees_with(&other))?;
        count_member(parts, app, &member)?;
        Ok(member)
    }
}

/// In a path, the tenant that is named elsewhere. No slug begins so.
pub(super) const ELSEWHERE: &str = "-";

/// All names of the tenant in a request: of the path, `X-Tenant-ID`, `?tenant=` and the subdomain, in this order.
async fn names(parts: &mut Parts, app: &App) -> Result<Vec<String>, ApiError> {
    let path = RawPathParams::from_request_parts(parts, app).await.map_err(|_| not_in_path())?;
    let in_path = path.iter().find(|(name, _)| *name == "tenant").map(|(_, value)| value.to_owned());
    let mut names = Vec::from_iter(in_path.filter(|name| name != ELSEWHERE));
    for header in parts.headers.get_all("x-tenant-id") {
        names.push(header.to_str().unwrap_or_default().to_owned());
    }
    let query = Query::<NamedTenant>::try_from_uri(&parts.uri).map_err(malformed_query)?;
    names.extend(query.0.tenant);
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).or_else(|| parts.uri.host());
    if let (Some(host), Some(domain)) = (host, &app.config.tenancy.base_domain) {
        names.extend(subdomain(host, domain));
    }
    Ok(names)
}

/// `acme` of `acme.cloister.example:8080`, when the domain is `cloister.example`.
fn subdomain(host: &str, domain: &str) -> Option<String> {
    let host = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(host, _)| host);
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let name = host.strip_suffix(domain)?.strip_suffix('.')?;
    // These are names of the host itself.
    (!["www", "api"].contains(&name)).then(|| name.to_owned())
}

fn unnamed() -> ApiError {
    ApiError::new("tenant_unnamed", "the request names no tenant")
}

fn not_in_path() -> ApiError {
    ApiError::new("malformed_path", "the path does not name a tenant in UTF-8")
}

fn malformed_query(rejection: axum::extract::rejection::QueryRejection) -> ApiError {
    ApiError::new("malformed_query", rejection.body_text())
}

/// A typed query string.
#[derive(Debug, Clone)]
pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Query(value) = Query::from_request_parts(parts, app).await.map_err(malformed_query)?;
        Ok(Self(value))
    }
}

/// Typed path parameters: a struct with a field for each.
#[derive(Debug, Clone)]
pub struct ApiPath<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for ApiPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let path: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, app).await;
        path.map(|Path(value)| Self(value))
            .map_err(|rejection| ApiError::new("malformed_path", rejection.body_text()))
    }
}

/// A JSON body, of at most `http.json_body_bytes`.
#[derive(Debug, Clone)]
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let media_type = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
        if !media_type.is_some_and(is_json) {
            let sent = media_type.map_or("none".to_owned(), |sent| format!("`{sent}`"));
            return Err(ApiError::new("unsupported_media_type", format!("the body's type is {sent}")));
        }
        let body = read_body(request, app.config.http.json_body_bytes).await?;
        parse_json(&body).map(Self)
    }
}

pub(super) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

pub(super) async fn read_body(request: Request, limit_bytes: usize) -> Result<axum::body::Bytes, ApiError> {
    use http_body_util::{BodyExt, LengthLimitError, Limited};
    let collected = Limited::new(request.into_body(), limit_bytes).collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            ApiError::new("body_too_large", format!("the body is larger than {limit_bytes} bytes"))
        } else {
            ApiError::new("body_incomplete", "")
        }
    })
}

fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let detail = format!("the body is not UTF-8 at byte {}", error.valid_up_to());
        ApiError::new("malformed_json", detail)
    })?;
    // serde_json says what is wrong, and at which line and column.
    serde_json::from_str(text).map_err(|error| ApiError::new("malformed_json", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SignIn;

    #[test]
    fn a_subdomain_is_what_stands_before_the_domain() {
        for (host, name) in [
            ("acme.cloister.example", Some("acme")),
            ("Acme.Cloister.Example:8080", Some("acme")),
            ("acme.cloister.example.", Some("acme")),
            ("cloister.example", None),
            ("www.cloister.example", None),
            ("api.cloister.example:80", None),
            ("evilcloister.example", None),
            ("127.0.0.1:8080", None),
            ("[::1]:8080", None),
            ("", None),
        ] {
            assert_eq!(subdomain(host, "cloister.example").as_deref(), name, "{host}");
        }
    }

    #[test]
    fn a_refused_body_says_where() {
        let refused = |body: &[u8]| match parse_json::<SignIn>(body) {
            Ok(_) => String::new(),
            Err(error) => format!("{error:?}"),
        };
        assert!(refused(b"{\n  \"email\": }").contains("line 2 column 12"));
        assert!(refused(b"{\"email\": \"\xff\"}").contains("not UTF-8 at byte 11"));
        assert!(refused(br#"{"email":"a","password":"b","admin":true}"#).contains("unknown field `admin`"));
        assert!(refused(br#"{"email":"a"}"#).contains("missing field `password`"));
        assert!(refused(b"").contains("EOF"));
        assert!(refused("[".repeat(100_000).as_bytes()).contains("malformed_json"));
    }
}
