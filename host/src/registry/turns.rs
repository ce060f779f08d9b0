//! One compilation of a tenant at a time, so that none of them can take all the compiler's places.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::RegistryError;
use crate::auth::TenantScope;
use crate::ids::TenantId;

/// Modules of one tenant that may wait while another of it is compiled.
const MAX_WAITING: usize = 8;

/// Tenants that compile, or wait to.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<TenantId, Line>>>);

struct Line {
    turn: Arc<Semaphore>,
    length: usize,
}

/// A place in a tenant's line; given back when dropped.
struct Place {
    turns: Turns,
    tenant: TenantId,
}

/// A tenant's turn to compile, until it is dropped.
pub(crate) struct CompileTurn {
    _turn: OwnedSemaphorePermit,
    _place: Place,
}

impl Turns {
    /// Waits for the tenant's turn.
    ///
    /// # Errors
    /// [`RegistryError::TooManyUploads`] when too many of the tenant wait already.
    pub(super) async fn take(&self, scope: &TenantScope) -> Result<CompileTurn, RegistryError> {
        let (place, turn) = self.line_up(scope)?;
        let turn = turn.acquire_owned().await.map_err(|_| RegistryError::Internal("take turns"))?;
        Ok(CompileTurn { _turn: turn, _place: place })
    }

    fn line_up(&self, scope: &TenantScope) -> Result<(Place, Arc<Semaphore>), RegistryError> {
        let tenant = scope.tenant().clone();
        let mut lines = self.0.lock();
        let new = || Line { turn: Arc::new(Semaphore::new(1)), length: 0 };
        let line = lines.entry(tenant.clone()).or_insert_with(new);
        if line.length > MAX_WAITING {
            return Err(RegistryError::TooManyUploads(line.length));
        }
        line.length += 1;
        Ok((Place { turns: self.clone(), tenant }, Arc::clone(&line.turn)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.turns.0.lock();
        if let Some(line) = lines.get_mut(&self.tenant) {
            line.length -= 1;
            if line.length == 0 {
                lines.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn scope() -> TenantScope {
        TenantScope::for_test(TenantId::generate(&Clock::system()))
    }

    #[tokio::test]
    async fn a_tenant_compiles_one_at_a_time_and_others_go_on() {
        let (turns, one, other) = (Turns::default(), scope(), scope());
        let first = turns.take(&one).await.unwrap();
        let waits = tokio::spawn({
            let (turns, one) = (turns.clone(), one.clone());
            async move { turns.take(&one).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(turns.take(&other).await.unwrap());
        drop(first);
        waits.await.unwrap().unwrap();
        assert!(turns.0.lock().is_empty());
    }

    #[tokio::test]
    async fn a_long_line_is_refused_and_one_that_goes_away_makes_room() {
        let (turns, one) = (Turns::default(), scope());
        let first = turns.take(&one).await.unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING).map(|_| turns.line_up(&one).unwrap()).collect();
        let refused = turns.take(&one).await.err().unwrap();
        assert!(matches!(refused, RegistryError::TooManyUploads(9)), "{refused}");
        drop(waiting);
        drop(first);
        assert!(turns.0.lock().is_empty());
        drop(turns.take(&one).await.unwrap());
    }
}
