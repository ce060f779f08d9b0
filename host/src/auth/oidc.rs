//! Identities of trusted OpenID Connect issuers: their tokens, checked with keys that the issuers publish.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation};
use parking_lot::RwLock;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Auth, AuthError};
use crate::config::{OidcIssuer, is_safe};

/// Largest identity token, in bytes.
const MAX_TOKEN_BYTES: usize = 16 << 10;
/// Largest discovery document and key set, in bytes.
const MAX_DOCUMENT_BYTES: usize = 256 << 10;
/// Keys of one issuer.
const MAX_KEYS: usize = 100;
/// An issuer that takes longer to answer does not answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Keys are asked for again after this long, in milliseconds.
const KEYS_FRESH_MS: u64 = 3_600_000;
/// And not sooner than this for a key that is not known, in milliseconds: strangers choose key ids.
const ASK_AGAIN_MS: u64 = 30_000;
/// How far an issuer's clock may be off, in seconds.
const LEEWAY_S: u64 = 60;
/// Longest name that an issuer gives an identity (OpenID Connect Core 1.0, section 2).
const MAX_SUBJECT_BYTES: usize = 255;
/// Signatures that are checked: none with a shared secret, and never "none".
const FAMILIES: [AlgorithmFamily; 3] = [AlgorithmFamily::Rsa, AlgorithmFamily::Ec, AlgorithmFamily::Ed];

/// An identity that an issuer vouches for.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The issuer, and what it is here.
    pub issuer: Arc<OidcIssuer>,
    /// What the issuer calls it; never another's.
    pub subject: String,
    /// All that the issuer says about it.
    pub claims: serde_json::Map<String, Value>,
}

impl Identity {
    /// The e-mail address, when the issuer has verified it.
    #[must_use]
    pub fn verified_email(&self) -> Option<&str> {
        let verified = self.claims.get("email_verified").and_then(Value::as_bool).unwrap_or(false);
        self.claims.get("email").and_then(Value::as_str).filter(|_| verified)
    }

    /// The tenant that it belongs to, by slug.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        match (&self.issuer.tenant, &self.issuer.tenant_claim) {
            (Some(tenant), _) => Some(tenant),
            (None, Some(claim)) => {
                let named = self.claims.get(claim)?.as_str()?;
                self.issuer.tenants.iter().map(String::as_str).find(|tenant| *tenant == named)
            }
            (None, None) => None,
        }
    }

    /// The role that it has there.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        let claim = self.issuer.role_claim.as_ref().and_then(|claim| self.claims.get(claim));
        let names: Vec<&str> = match claim {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let listed = names.into_iter().find_map(|name| self.issuer.roles.get(name));
        listed.or(self.issuer.default_role.as_ref()).map(String::as_str)
    }
}

/// The trusted issuers, and their keys as far as they are known.
pub(super) struct Issuers {
    issuers: HashMap<String, Issuer>,
    client: Option<reqwest::Client>,
}

struct Issuer {
    config: Arc<OidcIssuer>,
    keys: RwLock<Option<Arc<Keys>>>,
    /// One asks, the others wait for the answer.
    asking: tokio::sync::Mutex<()>,
}

struct Keys {
    set: JwkSet,
    asked_ms: u64,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuers {
    pub(super) fn new(configs: &[OidcIssuer]) -> Result<Self, AuthError> {
        let issuer = |config: &OidcIssuer| Issuer {
            config: Arc::new(config.clone()),
            keys: RwLock::default(),
            asking: tokio::sync::Mutex::default(),
        };
        let client = match configs.is_empty() {
            true => None,
            false => Some(client()?),
        };
        let issuers = configs.iter().map(|config| (config.issuer.clone(), issuer(config))).collect();
        Ok(Self { issuers, client })
    }
}

fn client() -> Result<reqwest::Client, AuthError> {
    // Fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("cloister/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(TIMEOUT)
        .timeout(TIMEOUT)
        // A redirection could lead anywhere.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|_| AuthError::Internal("set up the HTTP client"))
}

impl Auth {
    /// The identity of an issuer's token.
    ///
    /// # Errors
    /// When the token is not one of a trusted issuer for this host, or the issuer's keys cannot be had.
    pub async fn identity(&self, token: &str) -> Result<Identity, AuthError> {
        let refused = |_| AuthError::IdentityInvalid;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::IdentityInvalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(refused)?;
        if !FAMILIES.iter().any(|family| family.algorithms().contains(&header.alg)) {
            return Err(AuthError::IdentityInvalid);
        }
        let kid = header.kid.ok_or(AuthError::IdentityInvalid)?;
        // Only to find out whose keys to check with; nothing else of it is believed before.
        let claimed: HashMap<String, Value> =
            jsonwebtoken::dangerous::insecure_decode(token).map_err(refused)?.claims;
        let named = claimed.get("iss").and_then(Value::as_str).ok_or(AuthError::IdentityInvalid)?;
        let issuer = self.inner.issuers.issuers.get(named).ok_or(AuthError::IdentityInvalid)?;
        let key = self.issuer_key(issuer, &kid).await?;
        let claims = check(token, header.alg, &key, &issuer.config)?;
        check_times(&claims, self.inner.clock.unix_ms() / 1_000)?;
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !(1..=MAX_SUBJECT_BYTES).contains(&subject.len()) {
            return Err(AuthError::IdentityInvalid);
        }
        Ok(Identity { issuer: Arc::clone(&issuer.config), subject, claims })
    }

    /// An issuer's key by name, from what is known or else from the issuer.
    async fn issuer_key(&self, issuer: &Issuer, kid: &str) -> Result<Jwk, AuthError> {
        let known = |now_ms: u64, also_missing: bool| {
            let keys = issuer.keys.read().clone()?;
            let age_ms = now_ms.saturating_sub(keys.asked_ms);
            match keys.set.find(kid) {
                Some(key) if age_ms < KEYS_FRESH_MS => Some(Ok(key.clone())),
                None if also_missing && age_ms < ASK_AGAIN_MS => Some(Err(AuthError::IdentityInvalid)),
                _ => None,
            }
        };
        if let Some(key) = known(self.inner.clock.unix_ms(), true) {
            return key;
        }
        let _asking = issuer.asking.lock().await;
        let now_ms = self.inner.clock.unix_ms();
        // Somebody may have asked meanwhile.
        if let Some(key) = known(now_ms, true) {
            return key;
        }
        let set = self.ask(&issuer.config.issuer).await?;
        *issuer.keys.write() = Some(Arc::new(Keys { set, asked_ms: now_ms }));
        known(now_ms, true).unwrap_or(Err(AuthError::IdentityInvalid))
    }

    /// The keys that an issuer publishes (OpenID Connect Discovery 1.0, section 4).
    async fn ask(&self, issuer: &str) -> Result<JwkSet, AuthError> {
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let found: Discovery = self.document(&address).await?;
        let local = |url: &str| !url.starts_with("https:");
        if found.issuer != issuer || !is_safe(&found.jwks_uri) || (local(&found.jwks_uri) && !local(issuer)) {
            return Err(AuthError::IssuerFailed("its discovery document is not its own"));
        }
        let set: JwkSet = self.document(&found.jwks_uri).await?;
        if set.keys.len() > MAX_KEYS {
            return Err(AuthError::IssuerFailed("it has too many keys"));
        }
        Ok(set)
    }

    async fn document<T: DeserializeOwned>(&self, address: &str) -> Result<T, AuthError> {
        const UNREACHABLE: AuthError = AuthError::IssuerFailed("it does not answer");
        let client = self.inner.issuers.client.as_ref().ok_or(UNREACHABLE)?;
        let answer = client.get(address).send().await.map_err(|_| UNREACHABLE)?;
        if !answer.status().is_success() {
            return Err(AuthError::IssuerFailed("it answers with a failure"));
        }
        let mut body = Vec::new();
        let mut pieces = answer.bytes_stream();
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece.map_err(|_| UNREACHABLE)?);
            if body.len() > MAX_DOCUMENT_BYTES {
                return Err(AuthError::IssuerFailed("its answer is too long"));
            }
        }
        serde_json::from_slice(&body)
            .map_err(|_| AuthError::IssuerFailed("its answer is not what was expected"))
    }
}

/// The claims of a token that a key has signed for this host. The key decides which algorithms may be.
fn check(
    token: &str,
    algorithm: Algorithm,
    key: &Jwk,
    issuer: &OidcIssuer,
) -> Result<serde_json::Map<String, Value>, AuthError> {
    let refused = |_| AuthError::IdentityInvalid;
    let decoding = DecodingKey::from_jwk(key).map_err(refused)?;
    if !decoding.family().algorithms().contains(&algorithm) || !FAMILIES.contains(&decoding.family()) {
        return Err(AuthError::IdentityInvalid);
    }
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[&issuer.issuer]);
    validation.set_audience(&[&issuer.audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // Times are compared with the host's own clock.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    Ok(jsonwebtoken::decode(token, &decoding, &validation).map_err(refused)?.claims)
}

fn check_times(claims: &serde_json::Map<String, Value>, now_s: u64) -> Result<(), AuthError> {
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().filter(|time| *time >= 0.0).map(Some).ok_or(AuthError::IdentityInvalid),
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
    let (now_s, leeway_s) = (now_s as f64, LEEWAY_S as f64);
    let expires_s = time("exp")?.ok_or(AuthError::IdentityInvalid)?;
    if expires_s + leeway_s <= now_s {
        return Err(AuthError::IdentityInvalid);
    }
    let earliest_s = time("nbf")?.unwrap_or(0.0).max(time("iat")?.unwrap_or(0.0));
    if earliest_s > now_s + leeway_s { Err(AuthError::IdentityInvalid) } else { Ok(()) }
}
