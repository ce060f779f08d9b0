//! Signing in, out and on, end to end.
