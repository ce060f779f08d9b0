//! Forms every tree name and every key.
//!
//! A key is `scope 0x00 kind 0x00 part 0x00 part ...`: the scope is a tenant's id or `@host`, the kind a short word.
//! No part holds a zero byte, so a key is never the prefix of a sibling's children by accident.

use crate::auth::TenantScope;
use crate::ids::{RunId, TenantId};

/// The tree of all small records.
pub(super) const RECORDS_TREE: &str = "records";

const HOST: &str = "@host";
const SEPARATOR: u8 = 0;

/// The name of a tenant's log tree.
pub(super) fn log_tree(scope: &TenantScope) -> String {
    format!("log/{}", scope.tenant())
}

/// A kind of record: the second part of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The mark of a store that was used, of the host.
    Established,
    /// A tenant, of the host.
    Tenant,
    /// From a slug to its tenant, of the host.
    TenantSlug,
    /// A user, of the host.
    User,
    /// From an e-mail address to its user, of the host.
    UserEmail,
    /// A sign-in session, of the host.
    Session,
    /// From a user to their sessions, of the host.
    SessionOfUser,
    /// A one-time sign-in link by its hash, of the host.
    Link,
    /// From a user to a tenant, of the host.
    MemberOf,
    /// A user's role, of a tenant.
    Membership,
    /// A role that a tenant made.
    Role,
    /// An API key, of a tenant.
    ApiKey,
    /// From an API key to its tenant, of the host.
    ApiKeyTenant,
    /// An invitation, of a tenant.
    Invitation,
    /// From the hash of an invitation's link to it, of the host.
    InvitationLink,
    /// The receipt of an erased tenant, of the host.
    Receipt,
    /// From an account at an OIDC issuer to its user, of the host.
    ExternalAccount,
    /// An uploaded module, of a tenant.
    Module,
    /// From the time of an upload to its module, of a tenant.
    ModuleByTime,
    /// Which tenants have a module, of the host.
    ModuleOwner,
    /// A command name and its active version, of a tenant.
    Deployment,
    /// One version of a deployment, of a tenant.
    DeploymentVersion,
    /// A sealed secret, of a tenant.
    Secret,
    /// What a tenant's directory took when the host last stopped, of a tenant.
    Storage,
    /// A run, of a tenant.
    Run,
    /// A run that has not ended, of the host; looked through at start.
    RunUnended,
    /// An audit record, of a tenant or of the host.
    Audit,
    /// Where a chain of audit records ends, of a tenant or of the host.
    AuditHead,
    /// An idempotency key, of a tenant or of the host.
    Idempotency,
    /// From the time of its first use to an idempotency key, of a tenant or of the host.
    IdempotencyByTime,
    /// A piece of a kept answer, of a tenant or of the host.
    IdempotencyPiece,
    /// How many idempotency keys there are, of a tenant or of the host.
    IdempotencyUsage,
    /// When a rate's bucket is full, of the host.
    Bucket,
    /// The counts of a month, of a tenant.
    Month,
    /// What a tenant was warned of, of a tenant.
    Warned,
    /// How many records of another kind there are, of a tenant.
    Count,
    /// What is masked, of a tenant.
    Masking,
    /// What a principal typed on the console, of a tenant.
    CommandLine,
    /// How many lines a principal typed, of a tenant.
    CommandLineCount,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Tenant => "tenant",
            Self::TenantSlug => "tenant-slug",
            Self::User => "user",
            Self::UserEmail => "user-email",
            Self::Session => "session",
            Self::SessionOfUser => "session-of-user",
            Self::Link => "link",
            Self::MemberOf => "member-of",
            Self::Membership => "membership",
            Self::Role => "role",
            Self::ApiKey => "api-key",
            Self::ApiKeyTenant => "api-key-tenant",
            Self::Invitation => "invitation",
            Self::InvitationLink => "invitation-link",
            Self::Receipt => "receipt",
            Self::ExternalAccount => "external-account",
            Self::Module => "module",
            Self::ModuleByTime => "module-by-time",
            Self::ModuleOwner => "module-owner",
            Self::Deployment => "deployment",
            Self::DeploymentVersion => "deployment-version",
            Self::Secret => "secret",
            Self::Storage => "storage",
            Self::Run => "run",
            Self::RunUnended => "run-unended",
            Self::Audit => "audit",
            Self::AuditHead => "audit-head",
            Self::Idempotency => "idempotency",
            Self::IdempotencyByTime => "idempotency-by-time",
            Self::IdempotencyPiece => "idempotency-piece",
            Self::IdempotencyUsage => "idempotency-usage",
            Self::Bucket => "bucket",
            Self::Month => "month",
            Self::Warned => "warned",
            Self::Count => "count",
            Self::Masking => "masking",
            Self::CommandLine => "command-line",
            Self::CommandLineCount => "command-line-count",
        }
    }
}

/// The key of one record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

/// The start of the keys of a group of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(Vec<u8>);

impl Key {
    /// A record of a tenant.
    #[must_use]
    pub fn in_tenant(scope: &TenantScope, kind: Kind, parts: &[&str]) -> Self {
        Self::of_tenant(scope.tenant(), kind, parts)
    }

    /// A record of the whole host.
    #[must_use]
    pub fn of_host(kind: Kind, parts: &[&str]) -> Self {
        Self(join(HOST, kind, parts))
    }

    /// A record of a tenant that is being made, or whose members are being looked up.
    pub(super) fn of_tenant(tenant: &TenantId, kind: Kind, parts: &[&str]) -> Self {
        Self(join(tenant.as_str(), kind, parts))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text of the last part.
    #[must_use]
    pub fn last_part(&self) -> &str {
        let start = self.0.iter().rposition(|&byte| byte == SEPARATOR).map_or(0, |at| at + 1);
        std::str::from_utf8(&self.0[start..]).unwrap_or_default()
    }
}

impl Prefix {
    /// The records of a kind of a tenant, below `parts`.
    #[must_use]
    pub fn in_tenant(scope: &TenantScope, kind: Kind, parts: &[&str]) -> Self {
        Self(with_end(join(scope.tenant().as_str(), kind, parts)))
    }

    /// As [`Prefix::in_tenant`], for a tenant that is being joined or taken down.
    pub(super) fn of_tenant(tenant: &TenantId, kind: Kind, parts: &[&str]) -> Self {
        Self(with_end(join(tenant.as_str(), kind, parts)))
    }

    /// Every record of a tenant, of whatever kind.
    pub(super) fn whole_tenant(tenant: &TenantId) -> Self {
        Self(with_end(tenant.as_str().as_bytes().to_vec()))
    }

    /// The records of a kind of the host, below `parts`.
    #[must_use]
    pub fn of_host(kind: Kind, parts: &[&str]) -> Self {
        Self(with_end(join(HOST, kind, parts)))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first key behind all keys with this prefix.
    pub(super) fn end(&self) -> Vec<u8> {
        let mut end = self.0.clone();
        // The last byte is the separator, 0.
        if let Some(last) = end.last_mut() {
            *last = SEPARATOR + 1;
        }
        end
    }

    /// The key with this prefix and `rest` behind it.
    pub(super) fn key(&self, rest: &[u8]) -> Vec<u8> {
        [&self.0, rest].concat()
    }
}

/// What a key of a tenant's log tree names: one letter, then a sequence number (big-endian) or a run's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogKind {
    /// The chunk that begins with a line.
    Chunk = b'c' as isize,
    /// A line before which the clock was set back.
    ClockBreak = b'b' as isize,
    /// Where a run's lines are.
    Run = b'r' as isize,
    /// Where the log stands; there is one.
    State = b's' as isize,
}

impl LogKind {
    /// The start of all keys of the kind; the whole key of the state.
    pub(super) fn prefix(self) -> [u8; 1] {
        [self as u8]
    }

    /// The key of a line.
    pub(super) fn of_seq(self, seq: u64) -> [u8; 9] {
        let mut key = [self as u8; 9];
        key[1..].copy_from_slice(&seq.to_be_bytes());
        key
    }

    /// The line of such a key; `None` for keys of another kind.
    pub(super) fn seq(self, key: &[u8]) -> Option<u64> {
        let seq = key.strip_prefix(&self.prefix())?.try_into().ok()?;
        Some(u64::from_be_bytes(seq))
    }

    /// The key of a run.
    pub(super) fn of_run(run: &RunId) -> Vec<u8> {
        [&Self::Run.prefix(), run.as_str().as_bytes()].concat()
    }

    /// The run of such a key.
    pub(super) fn run(key: &[u8]) -> Option<RunId> {
        std::str::from_utf8(key.strip_prefix(&Self::Run.prefix())?).ok()?.parse().ok()
    }
}

fn join(scope: &str, kind: Kind, parts: &[&str]) -> Vec<u8> {
    let length = scope.len() + kind.word().len() + 1 + parts.iter().map(|part| part.len() + 1).sum::<usize>();
    let mut key = Vec::with_capacity(length + 1);
    key.extend_from_slice(scope.as_bytes());
    for part in std::iter::once(kind.word()).chain(parts.iter().copied()) {
        debug_assert!(!part.as_bytes().contains(&SEPARATOR), "a part of a key holds a zero byte");
        key.push(SEPARATOR);
        key.extend_from_slice(part.as_bytes());
    }
    key
}

fn with_end(mut key: Vec<u8>) -> Vec<u8> {
    key.push(SEPARATOR);
    key
}
