//! Guests that want more than they may have: what bounds them, and how soon they end.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod attacks;
mod budget;
mod clocks;
mod deadlines;
mod residue;
#[path = "../it/support.rs"]
#[expect(dead_code, reason = "each of the two suites uses a part of it")]
mod support;
