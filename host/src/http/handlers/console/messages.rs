//! What a client says, for transports that cannot send.

use axum::extract::State;

use super::SessionPath;
use crate::api::{ConsoleAccepted, ConsoleMessages, Success};
use crate::audit::Trail;
use crate::auth::{Member, act, authorize};
use crate::console::{ConsoleError, Message};
use crate::http::{Answer, ApiError, ApiJson, ApiPath, ApiResult, App, in_tenant};

/// Messages of one request.
const MAX_MESSAGES: usize = 256;

/// Says something to one of the caller's sessions; input is taken exactly once, however often it is sent.
#[utoipa::path(
    post, path = "/v1/{tenant}/console/sessions/{session}/messages", tag = "console", request_body = ConsoleMessages,
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("session" = String, Path, description = "Its id.")
    ),
    responses((status = 200, body = Success<ConsoleAccepted>)), security(("bearer" = []))
)]
pub(in crate::http) async fn messages(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<SessionPath>,
    ApiJson(body): ApiJson<ConsoleMessages>,
) -> ApiResult<Answer<ConsoleAccepted>> {
    let permit = authorize(&member, act::ConsoleUse, &path.session)?;
    Trail::often();
    if body.messages.len() > MAX_MESSAGES {
        return Err(ApiError::new(
            "malformed_message",
            format!("there are more than {MAX_MESSAGES} messages"),
        ));
    }
    let client = app.console.client(Some(&body.client))?;
    // All are read before the first is done.
    let messages: Result<Vec<_>, _> = body.messages.into_iter().map(Message::from_json).collect();
    let mut next_seq = body.seq;
    for message in messages? {
        if message.session().is_some_and(|session| session != path.session) {
            return Err(ApiError::new("malformed_message", "a message names another session than the path"));
        }
        let seq = matches!(message, Message::Input { .. }).then_some(next_seq).flatten();
        match app.console.perform(&permit, &client, &path.session, &message, seq) {
            Ok(_) => {}
            // What was taken is told; the client sends the rest again.
            Err(ConsoleError::InputFull { .. }) => break,
            Err(error) => {
                app.console.stats().refused(error.code());
                return Err(error.into());
            }
        }
        if seq.is_some() {
            next_seq = next_seq.map(|seq| seq.saturating_add(1));
        }
    }
    let seq = app.console.last_taken(&permit, &client, &path.session)?;
    Ok(in_tenant(permit.scope(), ConsoleAccepted { seq }))
}
