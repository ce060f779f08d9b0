//! What happened, before it has a number and a place in a chain.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::api::AuditRecord;
use crate::auth::{Caller, OperatorScope, TenantScope};
use crate::ids::{PrincipalId, SessionId, TenantId};

/// Longest resource and detail, in characters; longer ones are cut.
const MAX_TEXT_CHARACTERS: usize = 512;

/// Which chain a record belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Chain {
    /// What concerns no tenant, and everything that the operator does.
    Host,
    /// One tenant.
    Tenant(TenantId),
}

impl Chain {
    /// The chain of a tenant.
    #[must_use]
    pub fn of(scope: &TenantScope) -> Self {
        Self::Tenant(scope.tenant().clone())
    }

    /// The host's chain, which only the operator may read.
    #[must_use]
    pub fn of_host(_operator: &OperatorScope) -> Self {
        Self::Host
    }

    /// Its name, which every hash of the chain covers.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Host => "@host",
            Self::Tenant(tenant) => tenant.as_str(),
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor {
    /// The principal's id, `anonymous` or `host`.
    pub name: String,
    /// In which session.
    pub session: Option<SessionId>,
}

impl Actor {
    /// Nobody has proved who they are.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { name: "anonymous".to_owned(), session: None }
    }

    /// The host itself.
    #[must_use]
    pub fn host() -> Self {
        Self { name: "host".to_owned(), session: None }
    }

    /// A principal outside of any session.
    #[must_use]
    pub fn principal(id: &PrincipalId) -> Self {
        Self { name: id.to_string(), session: None }
    }
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        Self { name: caller.principal().to_string(), session: caller.session().ok().cloned() }
    }
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done, or begun.
    Done,
    /// It was allowed, and could not be done.
    Failed,
    /// It was not allowed.
    Denied,
    /// The caller went away before the answer: it may have been done.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Denied, Self::Unknown];

    /// `done`, `failed`, `denied` or `unknown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

/// Something to record.
#[derive(Debug, Clone)]
pub struct Event {
    /// Who.
    pub actor: Actor,
    /// What: a permission's name, or method and route.
    pub action: String,
    /// To what.
    pub resource: String,
    /// How it went.
    pub outcome: Outcome,
    /// Why not.
    pub code: Option<&'static str>,
    /// What else there is to say.
    pub detail: Option<String>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub request: Option<String>,
    /// Equal events that this one stands for.
    pub times: u64,
}

impl Event {
    /// Something that the host did by itself.
    #[must_use]
    pub fn of_host(action: &str, resource: &str) -> Self {
        Self {
            actor: Actor::host(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            outcome: Outcome::Done,
            code: None,
            detail: None,
            address: None,
            request: None,
            times: 1,
        }
    }

    /// The record, all but its hash.
    pub(super) fn into_record(self, seq: u64, time: Timestamp, previous: &str) -> AuditRecord {
        AuditRecord {
            seq,
            time: format!("{time:.6}"),
            actor: self.actor.name,
            session: self.actor.session.map(|session| session.to_string()),
            action: self.action,
            resource: cut(self.resource),
            outcome: self.outcome.as_str().to_owned(),
            code: self.code.map(str::to_owned),
            detail: self.detail.map(cut),
            address: self.address.map(|address| address.to_string()),
            request: self.request,
            times: self.times,
            previous: previous.to_owned(),
            hash: String::new(),
        }
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_TEXT_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
