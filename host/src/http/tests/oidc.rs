//! Signing in with identities of a trusted issuer: a small one of our own, honest and otherwise.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::*;
use crate::config::OidcIssuer;

const NOW_S: u64 = 1_767_225_600; // 2026-01-01T00:00:00Z

#[derive(Default)]
struct Published {
    issuer: String,
    keys: Vec<Value>,
    padding: usize,
    delay: Duration,
    asked: usize,
}

type Shared = Arc<Mutex<Published>>;

struct Issuer {
    url: String,
    shared: Shared,
    key: SigningKey,
}

impl Issuer {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared::default();
        shared.lock().issuer.clone_from(&url);
        let base = url.clone();
        let discovery = async move |State(shared): State<Shared>| {
            let delay = shared.lock().delay;
            tokio::time::sleep(delay).await;
            let issuer = shared.lock().issuer.clone();
            axum::Json(json!({"issuer": issuer, "jwks_uri": format!("{base}/keys"), "more": true}))
        };
        let keys = async |State(shared): State<Shared>| {
            let mut shared = shared.lock();
            shared.asked += 1;
            axum::Json(json!({"keys": shared.keys, "padding": "x".repeat(shared.padding)}))
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let issuer = Self { url, shared, key: SigningKey::from_bytes(&[7; 32]) };
        issuer.publish("one", &issuer.key);
        issuer
    }

    fn publish(&self, kid: &str, key: &SigningKey) {
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes());
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig"});
        self.shared.lock().keys.push(key);
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.url, "aud": "cloister", "sub": "42", "exp": NOW_S + 600, "iat": NOW_S,
            "email": "ann@corp.test", "email_verified": true, "groups": ["staff", "devs"]
        })
    }

    fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        sign(&self.key, Some("one"), &claims)
    }

    fn trusted(&self) -> OidcIssuer {
        OidcIssuer {
            issuer: self.url.clone(),
            audience: "cloister".to_owned(),
            tenant: Some("acme".to_owned()),
            role_claim: Some("groups".to_owned()),
            roles: [("devs".to_owned(), "developer".to_owned()), ("boss".to_owned(), "admin".to_owned())]
                .into(),
            ..OidcIssuer::default()
        }
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

fn sign(key: &SigningKey, kid: Option<&str>, claims: &Value) -> String {
    let mut header = json!({"alg": "EdDSA", "typ": "JWT"});
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    let text = unsigned(&header, claims);
    let signature = key.sign(text.as_bytes()).to_bytes();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token with a shared secret of 32 bytes (HMAC-SHA256, RFC 2104).
fn sign_with_secret(secret: [u8; 32], claims: &Value) -> String {
    let text = unsigned(&json!({"alg": "HS256", "kid": "one"}), claims);
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(secret).for_each(|(to, from)| *to ^= from);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(&text).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(outer))
}

async fn host_that_trusts(issuer: OidcIssuer) -> (Host, String) {
    let host = Host::start_with(|config| config.auth.oidc = vec![issuer]).await;
    let owner = host.owner_of("acme").await;
    (host, owner)
}

async fn sign_in(host: &Host, token: &str) -> Reply {
    host.post("/v1/auth/oidc", "", json!({"id_token": token})).await
}

#[tokio::test]
async fn an_identity_gets_an_account_and_the_role_that_its_claims_say() {
    let issuer = Issuer::start().await;
    let (host, _) = host_that_trusts(issuer.trusted()).await;
    let first = sign_in(&host, &issuer.token(|_| ())).await.data();
    let membership = &first["principal"]["memberships"][0];
    assert_eq!((&membership["slug"], &membership["role"]), (&json!("acme"), &json!("developer")));
    let token = first["access_token"].as_str().unwrap();
    assert_eq!(host.get("/v1/acme/modules", token).await.status, StatusCode::OK);
    // The same person, whatever their address is by now; the role follows at once.
    let promoted = issuer.token(|c| {
        c["groups"] = json!("boss");
        c["email"] = json!("new@corp.test");
    });
    let second = sign_in(&host, &promoted).await.data();
    assert_eq!(second["principal"]["id"], first["principal"]["id"]);
    assert_eq!(second["principal"]["memberships"][0]["role"], "admin");
    // Without a role there is no place, and the old one is gone.
    let none = sign_in(&host, &issuer.token(|c| c["groups"] = json!(["staff"]))).await;
    assert_eq!(none.problem(), "403 identity_without_place");
    assert_eq!(host.get("/v1/acme/modules", token).await.problem(), "404 tenant_not_found");
    assert_eq!(issuer.shared.lock().asked, 1, "its keys are remembered");
}

#[tokio::test]
async fn an_identity_takes_no_account_over_unless_the_issuer_is_trusted_with_addresses() {
    let issuer = Issuer::start().await;
    let (host, _) = host_that_trusts(issuer.trusted()).await;
    host.operator().await;
    for email in ["owner@acme.test", "operator@cloister.local"] {
        let taken = sign_in(&host, &issuer.token(|c| c["email"] = json!(email))).await;
        assert_eq!(taken.problem(), "409 account_exists");
    }
    let unverified = sign_in(&host, &issuer.token(|c| c["email_verified"] = json!(false))).await;
    assert_eq!(unverified.problem(), "401 identity_invalid");
    let (host, _) = host_that_trusts(OidcIssuer { link_by_email: true, ..issuer.trusted() }).await;
    host.operator().await;
    let linked = sign_in(&host, &issuer.token(|c| c["email"] = json!("owner@acme.test"))).await.data();
    assert_eq!(linked["principal"]["memberships"][0]["role"], "owner", "an owner stays one");
    let operator = issuer.token(|c| {
        c["email"] = json!("operator@cloister.local");
        c["sub"] = json!("43")
    });
    assert_eq!(sign_in(&host, &operator).await.problem(), "409 account_exists");
}

#[tokio::test]
async fn a_claim_names_only_tenants_that_are_listed() {
    let issuer = Issuer::start().await;
    let trusted = OidcIssuer {
        tenant: None,
        tenant_claim: Some("org".to_owned()),
        tenants: vec!["acme".to_owned()],
        default_role: Some("viewer".to_owned()),
        ..issuer.trusted()
    };
    let (host, _) = host_that_trusts(trusted).await;
    host.owner_of("birch").await;
    for (org, expected) in
        [(json!("acme"), "200"), (json!("birch"), "403"), (json!(7), "403"), (Value::Null, "403")]
    {
        let reply = sign_in(&host, &issuer.token(|c| c["org"] = org.clone())).await;
        assert_eq!(reply.status.as_u16().to_string(), expected, "{org}");
    }
}

#[tokio::test]
async fn tokens_that_are_not_for_this_host_now_are_refused() {
    let issuer = Issuer::start().await;
    let (host, _) = host_that_trusts(issuer.trusted()).await;
    let change = |name: &str, value: Value| issuer.token(|claims| claims[name] = value.clone());
    let claims = issuer.claims();
    let without = |alg: &str| format!("{}.", unsigned(&json!({"alg": alg, "kid": "one"}), &claims));
    let confused = sign_with_secret(issuer.key.verifying_key().to_bytes(), &claims);
    let stranger = SigningKey::from_bytes(&[8; 32]);
    let good = issuer.token(|_| ());
    for (what, token) in [
        ("another issuer", change("iss", json!("https://id.example"))),
        ("a slash more", change("iss", json!(format!("{}/", issuer.url)))),
        ("another audience", change("aud", json!("somebody"))),
        ("no audience", change("aud", Value::Null)),
        ("expired", change("exp", json!(NOW_S - 61))),
        ("no end", change("exp", Value::Null)),
        ("not yet", change("nbf", json!(NOW_S + 61))),
        ("made in future", change("iat", json!(NOW_S + 61))),
        ("nobody", change("sub", json!(""))),
        ("a number", change("sub", json!(42))),
        ("a long name", change("sub", json!("x".repeat(256)))),
        ("none", without("none")),
        ("None", without("None")),
        ("EdDSA without a signature", without("EdDSA")),
        ("a shared secret", confused),
        ("another key", sign(&stranger, Some("one"), &claims)),
        ("an unknown key", sign(&stranger, Some("two"), &claims)),
        ("a key's address", sign(&stranger, Some("http://127.0.0.1:1/keys"), &claims)),
        ("no key", sign(&issuer.key, None, &claims)),
        ("cut off", good[..good.len() - 4].to_owned()),
        ("huge", change("more", json!("x".repeat(20_000)))),
        ("nothing", String::new()),
    ] {
        assert_eq!(sign_in(&host, &token).await.problem(), "401 identity_invalid", "{what}");
    }
    sign_in(&host, &good).await.data();
    assert_eq!(issuer.shared.lock().asked, 1, "strangers cannot make the host ask");
}

#[tokio::test]
async fn a_new_key_of_the_issuer_is_found_and_not_asked_for_too_often() {
    let issuer = Issuer::start().await;
    let (host, _) = host_that_trusts(issuer.trusted()).await;
    sign_in(&host, &issuer.token(|_| ())).await.data();
    let next = SigningKey::from_bytes(&[9; 32]);
    issuer.publish("two", &next);
    let token = sign(&next, Some("two"), &issuer.claims());
    assert_eq!(sign_in(&host, &token).await.problem(), "401 identity_invalid");
    host.advance_s(30);
    sign_in(&host, &token).await.data();
    assert_eq!(issuer.shared.lock().asked, 2);
    // A key that is published no more is good for an hour at most.
    issuer.shared.lock().keys.remove(0);
    host.advance_s(3_600);
    let late = issuer.token(|claims| claims["exp"] = json!(NOW_S + 10_000));
    assert_eq!(sign_in(&host, &late).await.problem(), "401 identity_invalid");
}

#[tokio::test]
async fn an_issuer_that_misbehaves_delays_and_fills_nothing() {
    for (what, misbehave) in [
        (
            "another's discovery",
            Box::new(|p: &mut Published| p.issuer = "https://id.example".into())
                as Box<dyn Fn(&mut Published)>,
        ),
        ("huge", Box::new(|p: &mut Published| p.padding = 1 << 20)),
        ("many keys", Box::new(|p: &mut Published| p.keys = vec![p.keys[0].clone(); 101])),
        ("slow", Box::new(|p: &mut Published| p.delay = Duration::from_secs(60))),
        ("nonsense", Box::new(|p: &mut Published| p.keys = vec![json!({"kty": "what"})])),
    ] {
        let issuer = Issuer::start().await;
        misbehave(&mut issuer.shared.lock());
        let (host, _) = host_that_trusts(issuer.trusted()).await;
        let token = issuer.token(|_| ());
        let reply = tokio::time::timeout(Duration::from_secs(50), sign_in(&host, &token)).await;
        let problem = reply.expect("a bounded wait").problem();
        assert!(
            ["503 issuer_failed", "401 identity_invalid"].contains(&problem.as_str()),
            "{what}: {problem}"
        );
    }
}
