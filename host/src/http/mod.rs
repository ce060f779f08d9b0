//! HTTP: every URL, what comes in, what goes out.

mod console;
mod cookies;
mod cursor;
mod envelope;
mod error;
mod extract;
mod handlers;
mod idempotent;
mod linger;
mod middleware;
mod openapi;
mod problems;
mod rates;
mod router;
mod state;

pub use cursor::Paging;
pub use envelope::{Answer, data, in_tenant, page_in_tenant, page_of_host};
pub use error::{ApiError, ApiResult};
pub(in crate::http) use extract::ELSEWHERE;
pub use extract::{ApiJson, ApiPath, ApiQuery, Peer};
pub use openapi::document as openapi;
pub use router::{Routes, router};
pub use state::{App, Parts};

#[cfg(test)]
mod tests;
