//! `serve`: reads the configuration and hands over to the server.

use clap::Args;

use super::failure::{Failure, Outcome};

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {}

/// Serves until told to stop.
pub(crate) fn serve(_args: ServeArgs) -> Outcome<u8> {
    Err(Failure::new("not_built", "this build has no server yet"))
}
