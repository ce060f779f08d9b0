//! Tickets: each opens one connection of who got it, once and soon. A browser cannot send a token with a WebSocket, and a token
//! in an address would be logged on its way.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::error::ConsoleError;
use crate::auth::{Caller, Secret, secret_hash};
use crate::ids::{PrincipalId, TenantId};

/// How long a ticket is good, in seconds.
pub const TICKET_TTL_S: u64 = 30;
/// Tickets of one principal that were not used.
const MAX_OF_PRINCIPAL: usize = 32;
/// Tickets that are remembered, used ones too, so that a replay is known as such.
const MAX_TICKETS: usize = 20_000;
/// Longest text that is looked at, in bytes.
const MAX_TICKET_BYTES: usize = 128;

struct Ticket {
    caller: Caller,
    tenant: TenantId,
    expires_ms: u64,
    used: bool,
}

/// Why a ticket opens nothing.
pub(super) enum Refused {
    Unknown,
    /// It was good, and was used before: somebody may have a copy.
    Replayed {
        caller: Box<Caller>,
        tenant: TenantId,
    },
    Expired,
}

/// All tickets, by the hash of their text.
#[derive(Default)]
pub(super) struct Tickets {
    issued: Mutex<HashMap<String, Ticket>>,
}

impl Tickets {
    pub(super) fn issue(
        &self,
        caller: Caller,
        tenant: TenantId,
        now_ms: u64,
    ) -> Result<Secret, ConsoleError> {
        let secret = Secret::generate("ctk_")?;
        let principal: PrincipalId = caller.principal();
        let mut issued = self.issued.lock();
        issued.retain(|_, ticket| ticket.expires_ms > now_ms);
        let unused = |ticket: &&Ticket| !ticket.used && ticket.caller.principal() == principal;
        if issued.len() >= MAX_TICKETS || issued.values().filter(unused).count() >= MAX_OF_PRINCIPAL {
            return Err(ConsoleError::TooManyTickets(MAX_OF_PRINCIPAL));
        }
        let expires_ms = now_ms + TICKET_TTL_S * 1_000;
        issued.insert(secret_hash(secret.reveal()), Ticket { caller, tenant, expires_ms, used: false });
        Ok(secret)
    }

    /// Uses a ticket up.
    pub(super) fn take(&self, text: &str, now_ms: u64) -> Result<(Caller, TenantId), Refused> {
        if text.len() > MAX_TICKET_BYTES {
            return Err(Refused::Unknown);
        }
        let mut issued = self.issued.lock();
        let ticket = issued.get_mut(&secret_hash(text)).ok_or(Refused::Unknown)?;
        let (caller, tenant) = (ticket.caller.clone(), ticket.tenant.clone());
        if ticket.used {
            return Err(Refused::Replayed { caller: Box::new(caller), tenant });
        }
        if ticket.expires_ms <= now_ms {
            return Err(Refused::Expired);
        }
        ticket.used = true;
        Ok((caller, tenant))
    }
}
