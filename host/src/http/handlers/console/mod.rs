//! The console: sessions, and three ways to be told what happens in them.

mod events;
mod history;
mod messages;
mod origin;
mod sessions;
mod socket;
mod ws;

pub(in crate::http) use events::events;
pub(in crate::http) use history::{clear, history};
pub(in crate::http) use messages::messages;
pub(in crate::http) use sessions::{change, create, end, list, show, ticket};
pub(in crate::http) use ws::ws;

// The macros that describe routes leave these beside their functions.
pub(in crate::http) use events::__path_events;
pub(in crate::http) use history::{__path_clear, __path_history};
pub(in crate::http) use messages::__path_messages;
pub(in crate::http) use sessions::{
    __path_change, __path_create, __path_end, __path_list, __path_show, __path_ticket,
};
pub(in crate::http) use ws::__path_ws;

use serde::Deserialize;

/// One session of a tenant.
#[derive(Deserialize)]
pub(in crate::http) struct SessionPath {
    session: String,
}
