//! One-time sign-in links.

use std::time::Duration;

use super::AuthError;
use super::secret::{self, Secret};
use crate::clock::Clock;
use crate::ids::UserId;
use crate::store::{LinkRecord, Writer};

/// Expired links that one new link clears away, at most.
const MAX_CLEARED: usize = 100;

/// Makes a link that signs a user in once, within `ttl_s` seconds. It works when the writer's change is on disk.
///
/// # Errors
/// When the store or the system's randomness fails.
pub fn stage_link(
    writer: &mut Writer,
    clock: &Clock,
    ttl_s: u64,
    user: &UserId,
) -> Result<Secret, AuthError> {
    let now = clock.now();
    writer.remove_expired_links(now, MAX_CLEARED)?;
    let token = Secret::generate("lnk_")?;
    let expires_at = now.saturating_add(Duration::from_secs(ttl_s)).unwrap_or(jiff::Timestamp::MAX);
    writer.put_link(&secret::hash(token.reveal()), &LinkRecord { user: user.clone(), expires_at })?;
    Ok(token)
}

/// Uses a link up, and answers whom it signs in.
pub(super) fn take(writer: &mut Writer, clock: &Clock, token: &str) -> Result<UserId, AuthError> {
    let link = writer.take_link(&secret::hash(token))?.ok_or(AuthError::LinkInvalid)?;
    if link.expires_at <= clock.now() { Err(AuthError::LinkInvalid) } else { Ok(link.user) }
}
