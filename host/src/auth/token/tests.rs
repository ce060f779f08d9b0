//! Attacks on access tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::auth::keys::KeyPair;
use crate::clock::Clock;

const NOW_S: u64 = 1_800_000_000;

fn claims() -> Claims {
    let clock = Clock::system();
    Claims {
        iss: "cloister".to_owned(),
        aud: "cloister".to_owned(),
        sub: UserId::generate(&clock),
        tid: Some(TenantId::generate(&clock)),
        sid: SessionId::generate(&clock),
        jti: "1".to_owned(),
        exp: NOW_S + 600,
        nbf: NOW_S,
        iat: NOW_S,
    }
}

fn pair_and_signer() -> (KeyPair, Signer) {
    let ring = KeyRing { current: KeyPair::generate().unwrap(), retired: Vec::new() };
    let signer = Signer::new(&ring, "cloister").unwrap();
    (ring.current, signer)
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn code(result: Result<Claims, AuthError>) -> &'static str {
    result.err().map_or("accepted", |error| error.code())
}

/// A token with a changed claim, properly signed.
fn signed_with(signer: &Signer, change: impl FnOnce(&mut Value)) -> String {
    let mut body = serde_json::to_value(claims()).unwrap();
    change(&mut body);
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(signer.keys().key_id.clone());
    jsonwebtoken::encode(&header, &body, &signer.keys().encoding).unwrap()
}

#[test]
fn a_token_of_ours_is_accepted_within_its_time_and_leeway() {
    let (_, signer) = pair_and_signer();
    let token = signer.sign(&claims()).unwrap();
    for (now_s, expected) in [
        (NOW_S, "accepted"),
        (NOW_S + 604, "accepted"),
        (NOW_S + 605, "token_expired"),
        (NOW_S - 5, "accepted"),
        (NOW_S - 6, "token_invalid"),
    ] {
        assert_eq!(code(signer.verify(&token, now_s)), expected, "{now_s}");
    }
}

#[test]
fn another_key_another_algorithm_or_none_is_refused() {
    let (pair, signer) = pair_and_signer();
    let (_, other) = pair_and_signer();
    assert_eq!(code(signer.verify(&other.sign(&claims()).unwrap(), NOW_S)), "token_invalid");

    let body = serde_json::to_value(claims()).unwrap();
    for algorithm in ["none", "None", "NONE", "", "EdDSA2"] {
        let header = encoded(&json!({"alg": algorithm, "typ": "JWT", "kid": pair.id}));
        for signature in ["", "AAAA"] {
            let token = format!("{header}.{}.{signature}", encoded(&body));
            assert_eq!(code(signer.verify(&token, NOW_S)), "token_invalid", "{algorithm}");
        }
    }
    // The public key as an HMAC secret.
    for secret in [pair.public.to_vec(), pair.private_der.clone(), hex::encode(pair.public).into_bytes()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let mut header = Header::new(algorithm);
            header.kid = Some(pair.id.clone());
            let token = jsonwebtoken::encode(&header, &body, &EncodingKey::from_secret(&secret)).unwrap();
            assert_eq!(code(signer.verify(&token, NOW_S)), "token_invalid");
        }
    }
}

#[test]
fn a_missing_or_foreign_key_id_is_refused() {
    let (_, signer) = pair_and_signer();
    for kid in [None, Some("other"), Some("../../keys/x"), Some("http://192.0.2.1/key"), Some("")] {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = kid.map(str::to_owned);
        let token = jsonwebtoken::encode(&header, &claims(), &signer.keys().encoding).unwrap();
        assert_eq!(code(signer.verify(&token, NOW_S)), "token_invalid", "{kid:?}");
    }
}

#[test]
fn missing_wrong_or_malformed_claims_are_refused() {
    let (_, signer) = pair_and_signer();
    for claim in ["iss", "aud", "sub", "sid", "jti", "exp", "nbf", "iat"] {
        let token = signed_with(&signer, |body| drop(body.as_object_mut().unwrap().remove(claim)));
        assert_eq!(code(signer.verify(&token, NOW_S)), "token_invalid", "without {claim}");
    }
    for (claim, value) in [
        ("iss", json!("other")),
        ("aud", json!("other")),
        ("aud", json!(["cloister", "other"])),
        ("sub", json!("usr_nobody")),
        ("sub", json!(7)),
        ("tid", json!("acme")),
        ("tid", json!("")),
        ("tid", json!("*")),
        ("tid", json!(7)),
        ("tid", json!(["ten_00000000000000000000000000"])),
        ("sid", json!("../x")),
        ("exp", json!("never")),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("nbf", json!(NOW_S + 3_600)),
        ("iat", json!(NOW_S + 3_600)),
    ] {
        let token = signed_with(&signer, |body| body[claim] = value.clone());
        assert_eq!(code(signer.verify(&token, NOW_S)), "token_invalid", "{claim} = {value}");
    }
    let token = signed_with(&signer, |body| body["exp"] = json!(NOW_S - 3_600));
    assert_eq!(code(signer.verify(&token, NOW_S)), "token_expired");
}

#[test]
fn truncated_changed_and_huge_tokens_are_refused() {
    let (_, signer) = pair_and_signer();
    let token = signer.sign(&claims()).unwrap();
    for length in 0..token.len() {
        assert_eq!(code(signer.verify(&token[..length], NOW_S)), "token_invalid", "{length}");
    }
    for at in (0..token.len() - 1).step_by(7) {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(code(signer.verify(&changed, NOW_S)), "token_invalid", "{at}");
    }
    let huge = signed_with(&signer, |body| body["pad"] = json!("x".repeat(1 << 20)));
    assert_eq!(code(signer.verify(&huge, NOW_S)), "token_invalid");
    for text in ["", ".", "..", "...", "a.b.c", "é.é.é", "\0"] {
        assert_eq!(code(signer.verify(text, NOW_S)), "token_invalid", "{text:?}");
    }
}

#[test]
fn a_replaced_key_is_accepted_for_a_time_and_one_replaced_at_once_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::new(&KeyRing::load_or_create(dir.path()).unwrap(), "cloister").unwrap();
    let first = signer.sign(&claims()).unwrap();
    signer.rotate(dir.path(), NOW_S + 300).unwrap();
    let second = signer.sign(&claims()).unwrap();
    assert_eq!(code(signer.verify(&first, NOW_S + 299)), "accepted");
    assert_eq!(code(signer.verify(&first, NOW_S + 300)), "token_invalid");
    assert_eq!(code(signer.verify(&second, NOW_S + 300)), "accepted");
    assert_eq!(signer.jwks(NOW_S).keys.len(), 2);
    assert_eq!(signer.jwks(NOW_S + 300).keys.len(), 1);
    signer.rotate(dir.path(), 0).unwrap();
    assert_eq!(code(signer.verify(&second, NOW_S)), "token_invalid");
    // What a restart finds is the same.
    let again = Signer::new(&KeyRing::load_or_create(dir.path()).unwrap(), "cloister").unwrap();
    assert_eq!(again.jwks(NOW_S), signer.jwks(NOW_S));
}
