//! What is learnt of a request on its way, and what is to be recorded of it in the end.
//!
//! The trail travels with the request's task. Whoever decides something leaves a note; the middleware that began the
//! trail concludes it. What a handler does in tasks of its own leaves no notes.

use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Actor, Chain, Event, Outcome};
use crate::auth::{Caller, TenantScope};
use crate::ids::{SessionId, TenantId, UserId};

tokio::task_local! {
    static CURRENT: Arc<Trail>;
}

/// Exchanging a refresh token changes nothing that matters, ten times an hour for everybody.
const ROUTINE: &str = "/v1/auth/refresh";

/// One request, as the audit sees it.
pub struct Trail {
    request: String,
    address: Option<IpAddr>,
    changes: bool,
    route: String,
    action: String,
    path: String,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    actor: Option<Actor>,
    place: Option<TenantId>,
    decided: Option<(&'static str, String)>,
    crossed: Option<(TenantId, Option<String>)>,
    detail: Option<String>,
    recorded: bool,
    often: bool,
}

/// What is to be recorded of a request.
pub struct Conclusion {
    /// The records and their chains; two when the operator crossed into a tenant.
    pub events: Vec<(Chain, Event)>,
    /// The answer waits for the disk.
    pub durable: bool,
    /// Equal ones may be counted instead.
    pub coalesced: bool,
}

impl Trail {
    /// The trail of a request that begins. `route` is the template of its path.
    #[must_use]
    pub fn begin(request: &str, address: Option<IpAddr>, method: &str, route: &str, path: &str) -> Arc<Self> {
        let action = match route.strip_prefix("/v1/auth/") {
            Some(name) => format!("auth:{name}"),
            None => format!("{method} {route}"),
        };
        Arc::new(Self {
            request: request.to_owned(),
            address,
            changes: matches!(method, "POST" | "PUT" | "PATCH" | "DELETE"),
            route: route.to_owned(),
            action,
            path: path.to_owned(),
            notes: Mutex::default(),
        })
    }

    /// Does the request's work with this trail.
    pub async fn follow<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        CURRENT.scope(Arc::clone(self), work).await
    }

    /// The trail of the request that is being worked on; none outside of requests.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// True for a request that may change something.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.changes
    }

    /// The request's id.
    #[must_use]
    pub fn request(&self) -> &str {
        &self.request
    }

    /// Note: this caller acts.
    pub fn acts(caller: &Caller) {
        note(|notes| notes.actor = Some(caller.into()));
    }

    /// Note: this user acts, as it turned out by their signing in.
    pub fn signs_in(user: &UserId, session: &SessionId) {
        note(|notes| notes.actor = Some(Actor { name: user.to_string(), session: Some(session.clone()) }));
    }

    /// Note: within this tenant, to which the caller belongs.
    pub fn enters(scope: &TenantScope) {
        note(|notes| notes.place = Some(scope.tenant().clone()));
    }

    /// Note: it was decided whether the caller may do this.
    pub fn decided(action: &'static str, resource: &str) {
        note(|notes| notes.decided = Some((action, resource.to_owned())));
    }

    /// Note: the operator looks at or changes a tenant from outside. It is recorded in both chains, reads too.
    pub fn crosses(tenant: &TenantId, reason: Option<&str>) {
        note(|notes| notes.crossed = Some((tenant.clone(), reason.map(str::to_owned))));
    }

    /// Note: what else there is to say.
    pub fn adds(detail: &str) {
        note(|notes| notes.detail = Some(detail.to_owned()));
    }

    /// Note: this happens so often that equal ones are counted.
    pub fn often() {
        note(|notes| notes.often = true);
    }

    /// The event of something that is begun within the request and recorded at once, by itself.
    pub(crate) fn recorded_now(&self) -> (Option<Actor>, Option<IpAddr>, String) {
        let mut notes = self.notes.lock();
        notes.recorded = true;
        (notes.actor.clone(), self.address, self.request.clone())
    }

    /// What is to be recorded of a request that was answered with a status, and a code when it failed.
    #[must_use]
    pub fn conclude(&self, status: u16, code: Option<&'static str>) -> Conclusion {
        let notes = self.notes.lock();
        let denied = matches!(status, 401 | 403 | 429) || code == Some("tenant_not_found");
        let outcome = match status {
            _ if denied => Outcome::Denied,
            400.. => Outcome::Failed,
            _ => Outcome::Done,
        };
        let matters = match outcome {
            Outcome::Denied => true,
            Outcome::Failed => self.changes && notes.decided.is_some(),
            Outcome::Done | Outcome::Unknown => {
                notes.crossed.is_some() || self.changes && !notes.recorded && self.route != ROUTINE
            }
        };
        let coalesced = notes.often || denied && (notes.actor.is_none() || status != 403);
        let durable = self.changes && outcome == Outcome::Done && !coalesced;
        let events = if matters { self.events(&notes, outcome, code) } else { Vec::new() };
        Conclusion { events, durable, coalesced }
    }

    /// What is to be recorded of a request whose caller went away before it was answered.
    #[must_use]
    pub fn abandon(&self) -> Conclusion {
        let notes = self.notes.lock();
        let matters = self.changes && !notes.recorded && (notes.decided.is_some() || notes.crossed.is_some());
        let events = if matters { self.events(&notes, Outcome::Unknown, None) } else { Vec::new() };
        Conclusion { events, durable: false, coalesced: notes.often }
    }

    fn events(&self, notes: &Notes, outcome: Outcome, code: Option<&'static str>) -> Vec<(Chain, Event)> {
        let (action, resource) = match &notes.decided {
            Some((action, resource)) => ((*action).to_owned(), resource.clone()),
            None => (self.action.clone(), self.path.clone()),
        };
        let reason = notes.crossed.as_ref().and_then(|(_, reason)| reason.clone());
        let event = Event {
            actor: notes.actor.clone().unwrap_or_else(Actor::anonymous),
            action,
            resource,
            outcome,
            code,
            detail: notes.detail.clone().or(reason),
            address: self.address,
            request: Some(self.request.clone()),
            times: 1,
        };
        match (&notes.crossed, &notes.place) {
            (Some((tenant, _)), _) => {
                vec![(Chain::Host, event.clone()), (Chain::Tenant(tenant.clone()), event)]
            }
            (None, Some(tenant)) => vec![(Chain::Tenant(tenant.clone()), event)],
            (None, None) => vec![(Chain::Host, event)],
        }
    }
}

fn note(write: impl FnOnce(&mut Notes)) {
    // Outside of requests nobody concludes anything.
    let _ = CURRENT.try_with(|trail| write(&mut trail.notes.lock()));
}
