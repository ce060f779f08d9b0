//! Tests of the whole: the real server, asked over HTTP and by its command line. The suites mirror the URLs.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![expect(clippy::print_stderr, reason = "a test says what it could not compare, and shows the host's log")]

mod harness;

mod audit;
mod bad_modules;
mod bad_requests;
mod builtins;
mod commands;
mod console;
mod crash;
mod disk;
mod https;
mod idempotency;
mod isolation;
mod logs;
mod masking;
mod modules;
mod network;
mod output;
mod probes;
mod quota;
mod real;
mod routes;
mod runs;
mod start;
mod stdin;
mod storage;
mod tenancy;
mod tokens;
mod walkthrough;
