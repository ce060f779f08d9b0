//! Sign-in sessions: refresh tokens that work once, and what happens when one comes back.

use std::time::Duration;

use jiff::Timestamp;

use super::AuthError;
use super::secret::{self, Secret};
use super::service::Origin;
use crate::clock::Clock;
use crate::config::AuthConfig;
use crate::ids::{SessionId, TenantId, UserId};
use crate::store::{Reader, SessionRecord, UserRecord, Writer};

/// Spent refresh tokens of a session that are recognised; an older one is merely not valid.
pub const MAX_SPENT_TOKENS: usize = 64;
/// Sessions of one user that may live at once; one more ends the oldest.
const MAX_LIVE_SESSIONS: usize = 100;
/// A token that comes back this soon after it was exchanged is two windows refreshing at once, in milliseconds.
const RACE_MS: u64 = 10_000;

/// What is kept of a client's name for itself, in characters.
const MAX_AGENT_CHARACTERS: usize = 200;

/// What became of a refresh token. Each is a change that must be kept, so none is an error of the store's work.
pub(super) enum Refreshed {
    /// Exchanged.
    Renewed(SessionRecord, Secret),
    /// Came back too late: the session has been ended.
    Reused(SessionRecord),
    /// Came back a moment after it was exchanged.
    Superseded,
    /// Not a token of a living session.
    Invalid,
}

/// A session that was just begun.
pub(super) struct Begun {
    pub(super) session: SessionRecord,
    pub(super) refresh: Secret,
    /// Sessions that made room for it.
    pub(super) forgotten: Vec<SessionId>,
}

/// Begins a session, for the named tenant or the user's first.
pub(super) fn begin(
    writer: &mut Writer,
    clock: &Clock,
    config: &AuthConfig,
    user: &UserId,
    tenant: Option<&str>,
    origin: &Origin,
) -> Result<Begun, AuthError> {
    let tenant = choose_tenant(writer.before(), user, tenant, [])?;
    let forgotten = clear_away(writer, clock, config, user)?;
    let now = clock.now();
    let id = SessionId::generate(clock);
    let token = new_token(&id)?;
    let session = SessionRecord {
        id,
        user: user.clone(),
        refresh_hash: secret::hash(token.reveal()),
        spent_hashes: Vec::new(),
        created_at: now,
        refreshed_at: now,
        expires_at: later(now, config.session_max_s),
        ended_at: None,
        agent: origin.agent.chars().take(MAX_AGENT_CHARACTERS).filter(|c| !c.is_control()).collect(),
        address: origin.address,
        tenant,
    };
    writer.put_session(&session)?;
    Ok(Begun { session, refresh: token, forgotten })
}

/// Exchanges a refresh token. The next access token is for the tenant that is named, else for the one that a request was last
/// refused for, which `asked_for` says of a session, else for the one of the last token.
///
/// # Errors
/// [`AuthError::TenantNotFound`] when the named tenant is not the user's; the token stays good then.
pub(super) fn refresh(
    writer: &mut Writer,
    clock: &Clock,
    config: &AuthConfig,
    token: &str,
    tenant: Option<&str>,
    asked_for: impl FnOnce(&SessionId) -> Option<TenantId>,
) -> Result<Refreshed, AuthError> {
    let Some(mut session) = find(writer, token)? else { return Ok(Refreshed::Invalid) };
    let now = clock.now();
    if !is_alive(&session, now, config) {
        return Ok(Refreshed::Invalid);
    }
    let given = secret::hash(token);
    if secret::same(&given, &session.refresh_hash) {
        let next = new_token(&session.id)?;
        let spent = std::mem::replace(&mut session.refresh_hash, secret::hash(next.reveal()));
        if session.spent_hashes.len() == MAX_SPENT_TOKENS {
            session.spent_hashes.remove(0);
        }
        session.spent_hashes.push(spent);
        session.refreshed_at = now;
        let likely = [asked_for(&session.id), session.tenant].into_iter().flatten();
        session.tenant = choose_tenant(writer.before(), &session.user, tenant, likely)?;
        writer.put_session(&session)?;
        return Ok(Refreshed::Renewed(session, next));
    }
    if !session.spent_hashes.iter().any(|spent| secret::same(&given, spent)) {
        return Ok(Refreshed::Invalid);
    }
    let is_last = session.spent_hashes.last().is_some_and(|last| secret::same(&given, last));
    let age_ms = now.duration_since(session.refreshed_at).as_millis();
    if is_last && u128::try_from(age_ms).is_ok_and(|age_ms| age_ms < u128::from(RACE_MS)) {
        return Ok(Refreshed::Superseded);
    }
    end(writer, &mut session, now)?;
    Ok(Refreshed::Reused(session))
}

/// The tenant of a user that is named by slug or id; without a name the first of the likely ones that is theirs, else the
/// oldest of theirs.
fn choose_tenant(
    reader: &Reader,
    user: &UserId,
    named: Option<&str>,
    likely: impl IntoIterator<Item = TenantId>,
) -> Result<Option<TenantId>, AuthError> {
    let mut theirs = Vec::new();
    for id in reader.tenants_of(user)? {
        theirs.extend(reader.tenant(&id)?);
    }
    let Some(named) = named else {
        let likely = likely.into_iter().find(|id| theirs.iter().any(|tenant| tenant.id == *id));
        return Ok(likely.or_else(|| theirs.into_iter().next().map(|tenant| tenant.id)));
    };
    let found =
        theirs.into_iter().find(|tenant| tenant.slug.as_str() == named || tenant.id.as_str() == named);
    found.map(|tenant| Some(tenant.id)).ok_or(AuthError::TenantNotFound)
}

/// The session of a refresh token that works, for signing out.
pub(super) fn holder(writer: &Writer, token: &str) -> Result<Option<SessionRecord>, AuthError> {
    let session = find(writer, token)?;
    Ok(session.filter(|session| secret::same(&secret::hash(token), &session.refresh_hash)))
}

/// Ends a session.
pub(super) fn end(writer: &mut Writer, session: &mut SessionRecord, now: Timestamp) -> Result<(), AuthError> {
    if session.ended_at.is_none() {
        session.ended_at = Some(now);
        writer.put_session(session)?;
    }
    Ok(())
}

/// Ends all sessions of a user but one, and answers which.
pub(super) fn end_others(
    writer: &mut Writer,
    user: &UserId,
    keep: Option<&SessionId>,
    now: Timestamp,
) -> Result<Vec<SessionId>, AuthError> {
    let mut ended = Vec::new();
    for mut session in writer.before().sessions_of(user)? {
        if Some(&session.id) != keep && session.ended_at.is_none() {
            end(writer, &mut session, now)?;
            ended.push(session.id);
        }
    }
    Ok(ended)
}

/// Sessions that one step of a clean-up looks at.
const CLEANED_AT_ONCE: usize = 1_000;

/// Forgets sessions that can no longer be used, a step's worth behind `after`: which, and where the next step begins.
pub(super) fn clean(
    writer: &mut Writer,
    clock: &Clock,
    config: &AuthConfig,
    after: Option<Vec<u8>>,
) -> Result<(Vec<SessionId>, Option<Vec<u8>>), AuthError> {
    let now = clock.now();
    let page = writer.before().sessions(after, CLEANED_AT_ONCE)?;
    let over: Vec<_> = page.items.into_iter().filter(|session| !is_alive(session, now, config)).collect();
    over.iter().for_each(|session| writer.remove_session(session));
    Ok((over.into_iter().map(|session| session.id).collect(), page.next))
}

/// Takes an account from whoever has it: its password is gone and its sessions end. A one-time link opens it again.
pub(crate) fn reclaim(writer: &mut Writer, user: &mut UserRecord, now: Timestamp) -> Result<(), AuthError> {
    user.password = None;
    user.vouched = true;
    writer.put_user(user)?;
    end_others(writer, &user.id, None, now).map(drop)
}

/// True until a session was ended, ran out or was left alone for too long.
pub(super) fn is_alive(session: &SessionRecord, now: Timestamp, config: &AuthConfig) -> bool {
    session.ended_at.is_none()
        && now < session.expires_at
        && now < later(session.refreshed_at, config.session_idle_s)
}

fn find(writer: &Writer, token: &str) -> Result<Option<SessionRecord>, AuthError> {
    let id = token.strip_prefix("rfr_").and_then(|rest| rest.split_once('.')).map(|(id, _)| id);
    let Some(Ok(id)) = id.map(str::parse::<SessionId>) else { return Ok(None) };
    Ok(writer.session(&id)?)
}

/// Forgets a user's sessions that can no longer be used, and the oldest when there are too many.
fn clear_away(
    writer: &mut Writer,
    clock: &Clock,
    config: &AuthConfig,
    user: &UserId,
) -> Result<Vec<SessionId>, AuthError> {
    let now = clock.now();
    let (alive, dead): (Vec<_>, Vec<_>) =
        writer.before().sessions_of(user)?.into_iter().partition(|session| is_alive(session, now, config));
    let too_many = (alive.len() + 1).saturating_sub(MAX_LIVE_SESSIONS);
    let mut forgotten = Vec::new();
    for session in dead.into_iter().chain(alive.into_iter().take(too_many)) {
        writer.remove_session(&session);
        forgotten.push(session.id);
    }
    Ok(forgotten)
}

/// Names its session, so that it is found without an index of secrets.
fn new_token(session: &SessionId) -> Result<Secret, AuthError> {
    Secret::generate(&format!("rfr_{session}."))
}

fn later(from: Timestamp, by_s: u64) -> Timestamp {
    from.saturating_add(Duration::from_secs(by_s)).unwrap_or(Timestamp::MAX)
}
