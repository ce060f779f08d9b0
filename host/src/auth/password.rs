//! Passwords: argon2id, off the async workers, a bounded number at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::AuthError;
use crate::config::AuthConfig;

/// Shortest and longest password, in characters.
const PASSWORD_CHARACTERS: std::ops::RangeInclusive<usize> = 12..=256;
/// Sign-ins that may wait for their turn.
const MAX_QUEUED: usize = 64;

/// Hashes and checks passwords.
#[derive(Clone)]
pub(super) struct Passwords {
    shared: Arc<Shared>,
}

struct Shared {
    argon2: Argon2<'static>,
    turns: Semaphore,
    queued: AtomicUsize,
    // Checked in place of the hash of a user who does not exist, so that both take as long.
    decoy: String,
}

impl Passwords {
    pub(super) fn new(config: &AuthConfig) -> Result<Self, AuthError> {
        let params = Params::new(config.argon2_memory_kib, config.argon2_passes, 1, None)
            .map_err(|_| AuthError::Internal("use the settings of argon2"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(|_| AuthError::Internal("draw a secret"))?;
        let decoy = hash(&argon2, &random)?;
        let turns = Semaphore::new(config.max_hashing);
        Ok(Self { shared: Arc::new(Shared { argon2, turns, queued: AtomicUsize::new(0), decoy }) })
    }

    /// Refuses a password that does not meet the rule.
    pub(super) fn check_rule(password: &str) -> Result<(), AuthError> {
        if PASSWORD_CHARACTERS.contains(&password.chars().count()) {
            Ok(())
        } else {
            Err(AuthError::PasswordInvalid)
        }
    }

    /// The PHC string of a new password.
    pub(super) async fn hash(&self, password: String) -> Result<String, AuthError> {
        Self::check_rule(&password)?;
        self.in_turn(move |shared| hash(&shared.argon2, password.as_bytes())).await
    }

    /// True when the password is the one of the PHC string. The same work is done when there is none.
    pub(super) async fn verify(&self, stored: Option<String>, password: String) -> Result<bool, AuthError> {
        if password.chars().count() > *PASSWORD_CHARACTERS.end() {
            return Ok(false);
        }
        self.in_turn(move |shared| {
            let stored_or_decoy = stored.as_deref().unwrap_or(&shared.decoy);
            let parsed = PasswordHash::new(stored_or_decoy)
                .map_err(|_| AuthError::Internal("read a password's hash"))?;
            let right = shared.argon2.verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(right && stored.is_some())
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, AuthError> + Send + 'static,
    ) -> Result<T, AuthError> {
        let _place = Place::take(&self.shared.queued)?;
        let _turn = self.shared.turns.acquire().await.map_err(|_| AuthError::Busy)?;
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || work(&shared))
            .await
            .unwrap_or(Err(AuthError::Internal("check a password")))
    }
}

/// A place in the queue, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(queued: &'a AtomicUsize) -> Result<Self, AuthError> {
        let place = Self(queued);
        if queued.fetch_add(1, Ordering::Relaxed) >= MAX_QUEUED { Err(AuthError::Busy) } else { Ok(place) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8]) -> Result<String, AuthError> {
    let hash: PasswordHash =
        argon2.hash_password(password).map_err(|_| AuthError::Internal("hash a password"))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {

    use super::*;

    fn cheap() -> Passwords {
        let config = AuthConfig { argon2_memory_kib: 8, argon2_passes: 1, ..AuthConfig::default() };
        Passwords::new(&config).unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_of_an_existing_user_verifies() {
        let passwords = cheap();
        let stored = passwords.hash("correct horse battery".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        let verify = |stored: Option<&str>, password: &str| {
            passwords.verify(stored.map(str::to_owned), password.to_owned())
        };
        assert!(verify(Some(&stored), "correct horse battery").await.unwrap());
        assert!(!verify(Some(&stored), "correct horse batterx").await.unwrap());
        assert!(!verify(None, "correct horse battery").await.unwrap());
        assert!(!verify(Some(&stored), &"x".repeat(100_000)).await.unwrap());
    }

    #[tokio::test]
    async fn short_and_endless_passwords_are_refused() {
        for password in ["", "elevenchars", &"x".repeat(257)] {
            let refused = cheap().hash(password.to_owned()).await;
            assert!(matches!(refused, Err(AuthError::PasswordInvalid)));
        }
    }

    #[tokio::test]
    async fn a_refused_place_is_given_back() {
        let queued = AtomicUsize::new(MAX_QUEUED);
        assert!(Place::take(&queued).is_err());
        assert_eq!(queued.load(Ordering::Relaxed), MAX_QUEUED);
    }
}
