//! All console sessions: made, found, listed, ended, within the bounds of plan and principal.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::{Connections, Place, Transport};
use super::error::ConsoleError;
use super::history::History;
use super::input::InputReceiver;
use super::program::{Program, SessionContext, SessionIo, SessionOutput};
use super::session::{EndReason, NewSession, OWNER_GRACE_MS, Session, Size};
use super::tickets::{Refused, TICKET_TTL_S, Tickets};
use super::{HANGUP_GRACE_MS, KEPT_AFTER_EXIT_MS};
use crate::api;
use crate::audit::{Actor, Audit, Chain, Event, Outcome};
use crate::auth::{Action, Auth, AuthError, Member, Permit, TenantScope, act, authorize};
use crate::clock::Clock;
use crate::commands::Commands;
use crate::ids::{ClientId, ConsoleSessionId, PrincipalId, TenantId};
use crate::logs::LogReader;
use crate::metrics::ConsoleStats;
use crate::store::Store;

/// Sessions of one principal in one tenant, whatever the plan allows the tenant.
pub const MAX_PRINCIPAL_SESSIONS: usize = 64;
/// Sessions of the whole host.
pub const MAX_SESSIONS: usize = 10_000;
/// Longest name of a session, in characters.
const MAX_NAME_CHARACTERS: usize = 100;
/// What connections have to say goodbye when the host stops, in milliseconds.
const GOODBYE_MS: u64 = 2_000;

/// The parts that sessions stand on.
pub struct ConsoleParts {
    /// Records.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Who acts.
    pub auth: Auth,
    /// Who did what.
    pub audit: Audit,
    /// Runs.
    pub commands: Commands,
    /// Log lines.
    pub logs: LogReader,
    /// Counts.
    pub stats: ConsoleStats,
    /// What principals have typed.
    pub history: History,
    /// What runs in each session.
    pub program: Arc<dyn Program>,
}

/// Makes sessions and connections to them. Cheap to clone.
#[derive(Clone)]
pub struct Console {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) parts: ConsoleParts,
    sessions: Mutex<HashMap<ConsoleSessionId, Arc<Session>>>,
    tickets: Tickets,
    connections: Arc<Connections>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Console {
    /// Without any session.
    #[must_use]
    pub fn new(parts: ConsoleParts) -> Self {
        let inner = Inner {
            parts,
            sessions: Mutex::default(),
            tickets: Tickets::default(),
            connections: Arc::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// What principals have typed.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.inner.parts.history
    }

    /// Counts.
    #[must_use]
    pub fn stats(&self) -> &ConsoleStats {
        &self.inner.parts.stats
    }

    /// Makes a session of the caller, and starts its program.
    ///
    /// # Errors
    /// `too_many_console_sessions`, `invalid_value`, and `not_ready` when the host stops.
    pub fn create(
        &self,
        permit: &Permit<act::ConsoleUse>,
        member: &Member,
        new: api::CreateConsoleSession,
    ) -> Result<api::ConsoleSession, ConsoleError> {
        let name = checked_name(new.name.as_deref().unwrap_or("console"))?;
        let size = Size {
            columns: new.columns.unwrap_or(Size::DEFAULT.columns),
            lines: new.lines.unwrap_or(Size::DEFAULT.lines),
        };
        let (scope, plan) = (permit.scope(), permit.limits());
        let session = Session::new(NewSession {
            id: ConsoleSessionId::generate(&self.inner.parts.clock),
            scope: scope.clone(),
            caller: member.caller().clone(),
            name,
            size: size.checked()?,
            history_bytes: plan.console_history_bytes,
            owner_grace: Duration::from_millis(OWNER_GRACE_MS),
            created_at: self.inner.parts.clock.now(),
        });
        {
            let mut sessions = self.inner.sessions.lock();
            if self.inner.stopping.is_cancelled() {
                return Err(ConsoleError::Stopping);
            }
            let live = |of: &&Arc<Session>| of.scope == *scope && !of.has_ended();
            let of_tenant = sessions.values().filter(live).count();
            let own = |of: &&Arc<Session>| live(of) && of.principal == *permit.principal();
            let of_principal = sessions.values().filter(own).count();
            for (count, limit) in [
                (of_tenant, plan.console_sessions),
                (of_principal, MAX_PRINCIPAL_SESSIONS),
                (sessions.len(), MAX_SESSIONS),
            ] {
                if count >= limit {
                    return Err(ConsoleError::TooManySessions { limit });
                }
            }
            sessions.insert(session.id.clone(), Arc::clone(&session));
        }
        let idle = Duration::from_secs(plan.console_idle_s);
        self.inner.parts.stats.session_began();
        self.inner.tasks.spawn(self.clone().attend(Arc::clone(&session), member.clone(), idle));
        Ok(shown(&session))
    }

    /// Sees a session through to its end.
    async fn attend(self, session: Arc<Session>, member: Member, idle: Duration) {
        let parts = &self.inner.parts;
        let io = SessionIo {
            input: InputReceiver::new(Arc::clone(&session.input)),
            output: SessionOutput::new(Arc::clone(&session)),
            context: SessionContext::new(Arc::clone(&session), parts.auth.clone()),
        };
        let program = parts.program.start(io);
        // A panic is reported by itself; the session ends as if the program had.
        let mut program = Box::pin(AssertUnwindSafe(program).catch_unwind().map(Result::unwrap_or_default));
        let resource = session.id.to_string();
        let over = async {
            tokio::select! {
                () = session.ending.cancelled() => {}
                () = session.idle_for(idle) => session.end(EndReason::Idle),
                () = parts.auth.until_expelled(member, act::ConsoleUse, resource) => session.end(EndReason::Revoked),
            }
        };
        let exit_code = tokio::select! {
            exit_code = &mut program => exit_code,
            () = over => {
                let grace = Duration::from_millis(HANGUP_GRACE_MS);
                tokio::time::timeout(grace, &mut program).await.unwrap_or_default()
            }
        };
        drop(program);
        let exit = session.close(exit_code);
        parts.stats.session_ended();
        tracing::info!(
            tenant = %session.scope.tenant(), session = %session.id, reason = exit.reason.as_str(), "console session ended"
        );
        if !matches!(exit.reason, EndReason::Ended) {
            let event = Event {
                detail: Some(exit.reason.as_str().to_owned()),
                ..Event::of_host("console:end", session.id.as_str())
            };
            self.record(session.scope.tenant(), event).await;
        }
        if exit.reason == EndReason::Exited {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(KEPT_AFTER_EXIT_MS)) => {}
                () = self.inner.stopping.cancelled() => {}
            }
        }
        self.inner.sessions.lock().remove(&session.id);
    }

    /// Sessions that have not ended, oldest first: one's own; all of the tenant's for who manages them.
    #[must_use]
    pub fn list(&self, permit: &Permit<act::ConsoleUse>, member: &Member) -> Vec<api::ConsoleSession> {
        let manages = member.may(Action::ConsoleManage, "*");
        self.seen_by(permit.scope(), permit.principal(), manages)
    }

    pub(super) fn seen_by(
        &self,
        scope: &TenantScope,
        principal: &PrincipalId,
        manages: bool,
    ) -> Vec<api::ConsoleSession> {
        let sessions = self.inner.sessions.lock();
        let seen = sessions
            .values()
            .filter(|of| of.scope == *scope && !of.has_ended() && (manages || of.principal == *principal));
        let mut seen: Vec<_> = seen.map(|session| shown(session)).collect();
        drop(sessions);
        seen.sort_by(|a, b| a.id.cmp(&b.id));
        seen
    }

    /// One session.
    ///
    /// # Errors
    /// `console_session_not_found`.
    pub fn show(
        &self,
        permit: &Permit<act::ConsoleUse>,
        member: &Member,
        id: &str,
    ) -> Result<api::ConsoleSession, ConsoleError> {
        let session = self.find(permit, member, id)?;
        if session.has_ended() { Err(ConsoleError::SessionNotFound) } else { Ok(shown(&session)) }
    }

    /// Gives a session another name.
    ///
    /// # Errors
    /// `console_session_not_found`, `invalid_value`.
    pub fn rename(
        &self,
        permit: &Permit<act::ConsoleUse>,
        id: &str,
        name: &str,
    ) -> Result<api::ConsoleSession, ConsoleError> {
        let session = self.own(permit, id)?;
        session.rename(checked_name(name)?);
        Ok(shown(&session))
    }

    /// Ends a session with all it runs, and waits until it has.
    ///
    /// # Errors
    /// `console_session_not_found`.
    pub async fn end(
        &self,
        permit: &Permit<act::ConsoleUse>,
        member: &Member,
        id: &str,
    ) -> Result<(), ConsoleError> {
        let session = self.find(permit, member, id)?;
        if session.has_ended() {
            return Err(ConsoleError::SessionNotFound);
        }
        session.end(EndReason::Ended);
        session.ended.cancelled().await;
        self.inner.sessions.lock().remove(&session.id);
        Ok(())
    }

    /// A session that the caller may see.
    pub(super) fn find(
        &self,
        permit: &Permit<act::ConsoleUse>,
        member: &Member,
        id: &str,
    ) -> Result<Arc<Session>, ConsoleError> {
        let session = self.of_tenant(permit.scope(), id)?;
        let is_own = session.principal == *permit.principal();
        if is_own || authorize(member, act::ConsoleManage, id).is_ok() {
            Ok(session)
        } else {
            Err(ConsoleError::SessionNotFound)
        }
    }

    /// A session of the caller.
    pub(super) fn own(
        &self,
        permit: &Permit<act::ConsoleUse>,
        id: &str,
    ) -> Result<Arc<Session>, ConsoleError> {
        let session = self.of_tenant(permit.scope(), id)?;
        if session.principal == *permit.principal() {
            Ok(session)
        } else {
            Err(ConsoleError::SessionNotFound)
        }
    }

    fn of_tenant(&self, scope: &TenantScope, id: &str) -> Result<Arc<Session>, ConsoleError> {
        // What cannot be an id names no session.
        let id: ConsoleSessionId = id.parse().map_err(|_| ConsoleError::SessionNotFound)?;
        let sessions = self.inner.sessions.lock();
        sessions.get(&id).filter(|of| of.scope == *scope).cloned().ok_or(ConsoleError::SessionNotFound)
    }

    /// A ticket for one connection.
    ///
    /// # Errors
    /// `too_many_tickets`.
    pub fn ticket(
        &self,
        permit: &Permit<act::ConsoleUse>,
        member: &Member,
    ) -> Result<api::ConsoleTicket, ConsoleError> {
        let (caller, tenant) = (member.caller().clone(), permit.scope().tenant().clone());
        let ticket = self.inner.tickets.issue(caller, tenant, self.inner.parts.clock.unix_ms())?;
        Ok(api::ConsoleTicket { ticket: ticket.reveal().to_owned(), expires_in_s: TICKET_TTL_S })
    }

    /// The member behind a ticket, which is used up. `named` is the tenant of the request, when it names one.
    ///
    /// # Errors
    /// `ticket_invalid`, and why they may no longer enter.
    pub async fn redeem(&self, ticket: &str, named: Option<&str>) -> Result<Member, ConsoleError> {
        let parts = &self.inner.parts;
        let (caller, tenant) = match self.inner.tickets.take(ticket, parts.clock.unix_ms()) {
            Ok(found) => found,
            Err(refused) => {
                if let Refused::Replayed { caller, tenant } = refused {
                    tracing::warn!(%tenant, principal = %caller.principal(), "a console ticket came a second time");
                    let event = Event {
                        actor: Actor::principal(&caller.principal()),
                        outcome: Outcome::Denied,
                        code: Some("ticket_invalid"),
                        detail: Some("the ticket was used before".to_owned()),
                        ..Event::of_host("console:use", "ticket")
                    };
                    self.record(&tenant, event).await;
                }
                return Err(ConsoleError::TicketInvalid);
            }
        };
        parts.auth.check_alive(&caller).await?;
        let member = parts.auth.enter(&caller, tenant.as_str()).await?;
        if let Some(named) = named {
            member.agrees_with(named).map_err(|_| AuthError::TenantNotFound)?;
        }
        Ok(member)
    }

    /// A place for one connection, to be held as long as it lasts.
    ///
    /// # Errors
    /// `too_many_connections`.
    pub fn connect(&self, member: &Member, transport: Transport) -> Result<Place, ConsoleError> {
        let Inner { connections, tasks, parts, .. } = &*self.inner;
        let principal = member.caller().principal();
        connections.open(member.scope().tenant(), principal, transport, &parts.stats, tasks)
    }

    /// The name that a client goes by.
    ///
    /// # Errors
    /// `malformed_message` when it cannot be one.
    pub fn client(&self, named: Option<&str>) -> Result<ClientId, ConsoleError> {
        match named {
            Some(name) => name.parse().map_err(|error| ConsoleError::Malformed(format!("`client`: {error}"))),
            None => Ok(ClientId::generate(&self.inner.parts.clock)),
        }
    }

    /// The same member with the rights of this moment.
    ///
    /// # Errors
    /// When they may no longer enter.
    pub async fn again(&self, member: &Member) -> Result<Member, ConsoleError> {
        let auth = &self.inner.parts.auth;
        auth.check_alive(member.caller()).await?;
        Ok(auth.enter(member.caller(), member.scope().tenant().as_str()).await?)
    }

    /// Ends all sessions and waits for them, and for connections to close, within bounds.
    pub async fn close(&self) {
        let sessions: Vec<_> = {
            let sessions = self.inner.sessions.lock();
            self.inner.stopping.cancel();
            sessions.values().cloned().collect()
        };
        sessions.iter().for_each(|session| session.end(EndReason::Stopping));
        self.inner.tasks.close();
        let bound = Duration::from_millis(HANGUP_GRACE_MS + GOODBYE_MS);
        if tokio::time::timeout(bound, self.inner.tasks.wait()).await.is_err() {
            tracing::warn!(
                left = self.inner.tasks.len(),
                "console sessions or connections did not end in time"
            );
        }
    }

    /// Notes that a connection was cut off.
    pub async fn refused(&self, member: &Member, code: &'static str) {
        self.inner.parts.stats.refused(code);
        tracing::info!(
            tenant = %member.scope().tenant(), principal = %member.caller().principal(), code,
            "a console connection was cut off"
        );
        let event = Event {
            actor: member.caller().into(),
            outcome: Outcome::Denied,
            code: Some(code),
            ..Event::of_host("console:use", "connection")
        };
        self.record(member.scope().tenant(), event).await;
    }

    async fn record(&self, tenant: &TenantId, event: Event) {
        let chain = Chain::Tenant(tenant.clone());
        if let Err(error) = self.inner.parts.audit.record_coalesced(chain, event).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "an event of the console was not audited"
            );
        }
    }
}

fn checked_name(name: &str) -> Result<String, ConsoleError> {
    let name = name.trim();
    let fits =
        (1..=MAX_NAME_CHARACTERS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err(ConsoleError::NameInvalid) }
}

fn shown(session: &Session) -> api::ConsoleSession {
    let look = session.look();
    api::ConsoleSession {
        id: session.id.to_string(),
        name: look.name,
        created_by: session.principal.to_string(),
        created_at: format!("{:.6}", session.created_at),
        columns: look.size.columns,
        lines: look.size.lines,
        mode: look.mode.as_str().to_owned(),
        bytes: look.end_offset,
        attached: look.attached,
        owned: look.owner_attached,
    }
}
