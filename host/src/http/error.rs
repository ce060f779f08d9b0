//! The one mapping from a failure to an answer: RFC 9457 problem details.

use std::sync::Arc;

use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{problems, rates};
use crate::api::Problem;
use crate::audit::AuditError;
use crate::auth::AuthError;
use crate::commands::CommandError;
use crate::console::ConsoleError;
use crate::files::FilesError;
use crate::idempotency::IdempotencyError;
use crate::lifecycle::LifecycleError;
use crate::logs::LogError;
use crate::masking::MaskingError;
use crate::quota::{Allowance, QuotaError};
use crate::registry::RegistryError;
use crate::secrets::SecretsError;
use crate::store::StoreError;
use crate::tenancy::TenancyError;

/// What a handler returns.
pub type ApiResult<T> = Result<T, ApiError>;

/// A failure on its way to the client. Becomes a [`Problem`] once the request's id is at hand, in the middleware.
#[derive(Debug, Clone)]
pub struct ApiError {
    code: &'static str,
    detail: String,
    retry_after_s: Option<u64>,
    allowance: Option<Allowance>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// A failure with a code of `problems.rs`, and what happened this time: a sentence without a full stop.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        debug_assert!(problems::of(code).code == code, "{code} is not in problems.rs");
        Self { code, detail: detail.into(), retry_after_s: None, allowance: None, source: None }
    }

    /// A fault of the host. The client learns nothing but the request's id; the log gets the whole chain.
    #[must_use]
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source: Box<dyn std::error::Error + Send + Sync> = source.into();
        let mut error = Self::new("internal", "");
        error.source = Some(source.into());
        error
    }

    /// A failure of another part, by its own code. What a client may know is in its message, never in its sources.
    #[must_use]
    pub fn from_part(code: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        let kind = problems::of(code);
        let detail = if kind.status >= 500 { String::new() } else { source.to_string() };
        Self { code: kind.code, detail, retry_after_s: None, allowance: None, source: Some(Arc::new(source)) }
    }

    /// Tells the client when to try again.
    #[must_use]
    pub fn retry_after_s(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        problems::of(self.code).status
    }

    /// The answer of a request.
    pub(super) fn render(self, request_id: &str) -> Response {
        let kind = problems::of(self.code);
        if kind.status >= 500 {
            let chain = self.source.as_deref().map(chain).unwrap_or_default();
            tracing::error!(code = self.code, chain, "request failed");
        }
        let problem = Problem {
            kind: format!("/problems/{}", kind.code),
            title: kind.title.to_owned(),
            status: kind.status,
            detail: sentences(&self.detail, kind.advice),
            code: kind.code.to_owned(),
            request_id: request_id.to_owned(),
        };
        let status = StatusCode::from_u16(kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s.or((kind.status == 503).then_some(1)) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allowance) = &self.allowance {
            rates::show(headers, allowance);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // So that a shared cache never keeps a refusal.
        headers.insert(HeaderName::from_static("cache-control"), HeaderValue::from_static("no-store"));
        response
    }
}

impl IntoResponse for ApiError {
    /// Hands the failure to the middleware, which knows the request's id.
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::from_part(error.code(), error)
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let retry_after_s = match &error {
            AuthError::TooManyAttempts { retry_after_s } => Some(*retry_after_s),
            _ => None,
        };
        Self { retry_after_s, ..Self::from_part(error.code(), error) }
    }
}

impl From<TenancyError> for ApiError {
    fn from(error: TenancyError) -> Self {
        Self::from_part(error.code(), error)
    }
}

impl From<LifecycleError> for ApiError {
    fn from(error: LifecycleError) -> Self {
        Self::from_part(error.code(), error)
    }
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        let retry_after_s = matches!(error, RegistryError::TooManyUploads(_)).then_some(5);
        Self { retry_after_s, ..Self::from_part(error.code(), error) }
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        let error = match error {
            CommandError::Quota(error) => return error.into(),
            error => error,
        };
        let retry_after_s = matches!(
            error,
            CommandError::TooManyRuns(_) | CommandError::TenantMemory(_) | CommandError::Busy
        )
        .then_some(1);
        Self { retry_after_s, ..Self::from_part(error.code(), error) }
    }
}

impl From<ConsoleError> for ApiError {
    fn from(error: ConsoleError) -> Self {
        match error {
            ConsoleError::Auth(error) => error.into(),
            error => {
                let retry_after_s = matches!(error, ConsoleError::InputFull { .. }).then_some(1);
                Self { retry_after_s, ..Self::from_part(error.code(), error) }
            }
        }
    }
}

impl From<AuditError> for ApiError {
    fn from(error: AuditError) -> Self {
        Self::from_part(error.code(), error)
    }
}

impl From<SecretsError> for ApiError {
    fn from(error: SecretsError) -> Self {
        Self::from_part(error.code(), error)
    }
}

impl From<IdempotencyError> for ApiError {
    fn from(error: IdempotencyError) -> Self {
        let retry_after_s = match error {
            IdempotencyError::InFlight => Some(1),
            IdempotencyError::Full => Some(3_600),
            _ => None,
        };
        Self { retry_after_s, ..Self::from_part(error.code(), error) }
    }
}

impl From<QuotaError> for ApiError {
    fn from(error: QuotaError) -> Self {
        let allowance = error.allowance();
        let retry_after_s = allowance.map(|allowance| allowance.retry_after_s);
        Self { retry_after_s, allowance, ..Self::from_part(error.code(), error) }
    }
}

impl From<MaskingError> for ApiError {
    fn from(error: MaskingError) -> Self {
        Self::from_part(error.code(), error)
    }
}

impl From<LogError> for ApiError {
    fn from(error: LogError) -> Self {
        Self::from_part(error.code(), error)
    }
}

impl From<FilesError> for ApiError {
    fn from(error: FilesError) -> Self {
        Self::from_part(error.code(), error)
    }
}

/// `what happened. What to do.`
fn sentences(detail: &str, advice: &str) -> String {
    let mut characters = detail.trim_end_matches('.').chars();
    match characters.next() {
        Some(first) => format!("{}{}. {advice}", first.to_uppercase(), characters.as_str()),
        None => advice.to_owned(),
    }
}

fn chain(error: &(dyn std::error::Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text += ": ";
        text += &source.to_string();
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_says_what_happened_and_what_to_do() {
        assert_eq!(
            sentences("the slug `a` is taken", "Choose another."),
            "The slug `a` is taken. Choose another."
        );
        assert_eq!(sentences("", "Try again."), "Try again.");
    }

    #[test]
    fn a_fault_of_the_host_tells_the_client_nothing() {
        let error = ApiError::from_part("internal", std::io::Error::other("/secret/path"));
        assert_eq!(error.detail, "");
    }
}
