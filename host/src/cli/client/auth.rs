//! Which token a request carries, and how it is renewed.

use cloister_host::api::{Refresh, Success, Tokens};
use cloister_host::clock::Clock;
use reqwest::Method;
use tokio::sync::Mutex;

use super::Client;
use crate::cli::credentials::{CredentialStore, Entry};
use crate::cli::failure::{EXIT_DENIED, Failure, Outcome};

/// An access token is renewed when it has less than this left, in seconds.
const RENEW_BEFORE_S: u64 = 30;

/// As whom one talks.
pub(crate) enum Auth {
    /// As nobody.
    None,
    /// With this access token.
    Fixed(String),
    /// With what is saved for the host, renewed when needed.
    Stored(Box<Stored>),
}

/// Saved tokens of one host.
pub(crate) struct Stored {
    store: CredentialStore,
    host: String,
    clock: Clock,
    entry: Mutex<Entry>,
}

impl Auth {
    /// Uses the tokens saved for `host`.
    pub(crate) fn stored(store: CredentialStore, host: String, clock: Clock, entry: Entry) -> Self {
        Self::Stored(Box::new(Stored { store, host, clock, entry: Mutex::new(entry) }))
    }

    /// True when a refused token can be exchanged for another.
    pub(super) fn can_refresh(&self) -> bool {
        matches!(self, Self::Stored(_))
    }

    /// A token to send; another one than `refused`.
    pub(super) async fn token(&self, client: &Client, refused: Option<&str>) -> Outcome<Option<String>> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(token) => Ok(Some(token.clone())),
            Self::Stored(stored) => stored.token(client, refused).await.map(Some),
        }
    }
}

impl Stored {
    async fn token(&self, client: &Client, refused: Option<&str>) -> Outcome<String> {
        let mut entry = self.entry.lock().await;
        if !self.usable(&entry, client.tenant(), refused) {
            *entry = self.renewed(client, refused).await?;
        }
        Ok(entry.access_token.clone())
    }

    fn now_s(&self) -> u64 {
        self.clock.unix_ms() / 1000
    }

    fn usable(&self, entry: &Entry, tenant: Option<&str>, refused: Option<&str>) -> bool {
        // One that was asked for no tenant may be good for this one.
        let other =
            entry.access_tenant.as_deref().is_some_and(|of| tenant.is_some_and(|tenant| tenant != of));
        !other
            && entry.access_expires_at_s > self.now_s().saturating_add(RENEW_BEFORE_S)
            && refused != Some(entry.access_token.as_str())
    }

    /// Takes what another process renewed meanwhile, or rotates the refresh token. The lock is held from reading the
    /// file to writing it, so that no two processes use one refresh token.
    async fn renewed(&self, client: &Client, refused: Option<&str>) -> Outcome<Entry> {
        let lock = self.store.lock().await?;
        let mut credentials = self.store.load()?;
        let entry =
            credentials.hosts.get_mut(&self.host).ok_or_else(|| Failure::not_signed_in(&self.host))?;
        if self.usable(entry, client.tenant(), refused) {
            return Ok(entry.clone());
        }
        let tokens = match rotate(client, &self.host, &entry.refresh_token, client.tenant()).await {
            // What is asked for may need no tenant; if it does, the host says that there is none.
            Err(failure) if failure.code == "tenant_not_found" => {
                rotate(client, &self.host, &entry.refresh_token, None).await?
            }
            tokens => tokens?,
        };
        entry.renew(tokens, client.tenant(), self.now_s());
        let entry = entry.clone();
        self.store.save(&lock, &credentials)?;
        Ok(entry)
    }
}

/// Exchanges a refresh token, for a tenant when one is chosen.
async fn rotate(client: &Client, host: &str, refresh_token: &str, tenant: Option<&str>) -> Outcome<Tokens> {
    let url = client.url(&["v1", "auth", "refresh"])?;
    let body = Refresh { refresh_token: Some(refresh_token.to_owned()), tenant: tenant.map(str::to_owned) };
    match client.send_unsigned(client.request(Method::POST, &url).json(&body)).await {
        Ok(answer) => {
            let answer: Success<Tokens> = client.envelope(answer).await?;
            Ok(answer.data)
        }
        // Refused, or exchanged already by someone whose answer this machine never saw.
        Err(failure) if failure.exit == EXIT_DENIED || failure.code == "refresh_superseded" => {
            let ended = Failure::not_signed_in(host);
            Err(Failure {
                detail: format!("your session on {host} has ended"),
                request_id: failure.request_id,
                ..ended
            })
        }
        Err(failure) => Err(failure),
    }
}
