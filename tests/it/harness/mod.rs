//! What the suites stand on: a host of their own, clients for each identity, guests, and waiting for conditions.

mod binary;
mod client;
mod events;
mod guests;
mod host;
mod paths;
mod reference;
mod server;
mod terminal;
mod wait;
mod world;

pub(crate) use binary::{binary, leb, name, section};
pub(crate) use client::{Answer, Client, base64};
pub(crate) use events::{Event, Events};
pub(crate) use guests::{Shape, command, fixture, probe, probe_path, real, wat};
pub(crate) use host::{Host, HostOptions, serve};
pub(crate) use paths::{cloister, find_program, guests_dir, rounds, workspace};
pub(crate) use reference::{Call, Outcome};
pub(crate) use server::{Authority, Manner, Server};
pub(crate) use terminal::Terminal;
pub(crate) use wait::{PATIENCE, eventually};
pub(crate) use world::{World, tenant};
