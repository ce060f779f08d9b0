//! The line discipline and the output filter, with a terminal emulator as the judge.
#![expect(clippy::expect_used, reason = "a test fails loudly")]

mod alphabet;
mod editing;
mod filter;
mod fuzz;
mod modes;
mod screen;
mod terminal;
