//! The runtime as its users see it: guests in, reports out.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod cache;
mod runs;
#[expect(dead_code, reason = "each of the two suites uses a part of it")]
mod support;
