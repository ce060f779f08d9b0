//! The console over WebSocket: opening it. `socket.rs` is the connection.

use std::collections::HashMap;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{origin, socket};
use crate::audit::Trail;
use crate::auth::{Member, act, authorize};
use crate::console::{ConsoleError, PROTOCOL, Transport};
use crate::http::{ApiError, ApiQuery, ApiResult, App, ELSEWHERE};

/// Who connects.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ConnectQuery {
    /// From `POST …/tickets`; or `Authorization: Bearer` as everywhere.
    ticket: Option<String>,
    /// The client's name. One is made when absent.
    client: Option<String>,
}

/// A request from an allowed page, of whom it says; a ticket is used up.
pub(in crate::http) struct Opening {
    member: Result<Member, ConsoleError>,
    query: ConnectQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
}

impl FromRequestParts<App> for Opening {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        origin::check(&parts.headers, app).inspect_err(|error| app.console.stats().refused(error.code()))?;
        let ApiQuery(query) = ApiQuery::<ConnectQuery>::from_request_parts(parts, app).await?;
        let member = match &query.ticket {
            None => Ok(Member::from_request_parts(parts, app).await?),
            Some(ticket) => {
                let path = Path::<HashMap<String, String>>::from_request_parts(parts, app).await;
                let named = path.ok().and_then(|Path(mut path)| path.remove("tenant"));
                // The ticket knows its tenant, so the path may leave it out.
                let named = named.filter(|named| named != ELSEWHERE);
                app.console.redeem(ticket, named.as_deref()).await.inspect(|member| {
                    Trail::acts(member.caller());
                    Trail::enters(member.scope());
                })
            }
        };
        let upgrade = WebSocketUpgrade::from_request_parts(parts, app).await;
        Ok(Self { member, query, upgrade })
    }
}

/// The console over WebSocket.
///
/// What is wrong with a ticket is told by a close code, since a browser hides an answer's status from its page.
#[utoipa::path(
    get, path = "/v1/{tenant}/console/ws", tag = "console",
    params(("tenant" = String, Path, description = "Slug or id."), ConnectQuery),
    responses((status = 101, description = "Subprotocol `cloister.console.v1`.")), security(("bearer" = []))
)]
pub(in crate::http) async fn ws(State(app): State<App>, opening: Opening) -> ApiResult<Response> {
    let Opening { member, query, upgrade } = opening;
    let permit = match &member {
        Ok(member) => Some(authorize(member, act::ConsoleUse, "ws")?),
        Err(_) => None,
    };
    let upgrade = upgrade.map_err(|error| ApiError::new("websocket_required", error.body_text()))?;
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .max_frame_size(socket::MAX_MESSAGE_BYTES)
        .max_message_size(socket::MAX_MESSAGE_BYTES)
        .max_write_buffer_size(socket::MAX_WRITE_BUFFER_BYTES);
    let speaks = upgrade.selected_protocol().is_some();
    let opened = member.and_then(|member| {
        let place = app.console.connect(&member, Transport::WebSocket)?;
        let client = app.console.client(query.client.as_deref())?;
        Ok((member, client, place))
    });
    Ok(upgrade.on_upgrade(move |socket| async move {
        match (opened, permit) {
            (Ok((member, client, place)), Some(permit)) if speaks => {
                socket::serve(app, socket, member, permit, client, place).await;
            }
            (Ok(_), _) => socket::refuse(&app, socket, socket::Close::NO_SUBPROTOCOL).await,
            (Err(error), _) => socket::refuse(&app, socket, socket::Close::of(&error)).await,
        }
    }))
}
