//! The runtime as its users see it: guests in, reports out.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod cache;
mod runs;
mod support;
