//! Signing in, staying signed in, signing out.

use super::*;

const PASSWORD: &str = "correct horse battery";

/// The operator with a password.
async fn host_with_operator() -> Host {
    let host = Host::start().await;
    let token = host.operator().await;
    let set = host.post("/v1/auth/password", &token, json!({"new_password": PASSWORD})).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT);
    host
}

async fn sign_in(host: &Host, email: &str, password: &str) -> Reply {
    host.post("/v1/auth/sign-in", "", json!({"email": email, "password": password})).await
}

async fn refresh(host: &Host, token: &Value) -> Reply {
    host.post("/v1/auth/refresh", "", json!({"refresh_token": token})).await
}

#[tokio::test]
async fn the_right_password_gives_tokens_that_say_who_one_is() {
    let host = host_with_operator().await;
    let reply = sign_in(&host, "Operator@Cloister.local", PASSWORD).await;
    let tokens = reply.data();
    assert_eq!(tokens["expires_in_s"], 600);
    let cookie = reply.headers["set-cookie"].to_str().unwrap();
    for part in ["cloister_refresh=rfr_", "Path=/v1/auth", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let me = host.get("/v1/auth/me", tokens["access_token"].as_str().unwrap()).await.data();
    assert_eq!((&me["operator"], &me["has_password"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn wrong_passwords_and_unknown_users_answer_alike_and_are_slowed_down() {
    let host = host_with_operator().await;
    for email in ["operator@cloister.local", "nobody@cloister.local", "not an address"] {
        assert_eq!(sign_in(&host, email, "wrong").await.problem(), "401 wrong_credentials", "{email}");
    }
    for _ in 0..4 {
        sign_in(&host, "operator@cloister.local", "wrong").await;
    }
    let slowed = sign_in(&host, "operator@cloister.local", PASSWORD).await;
    assert_eq!(slowed.problem(), "429 too_many_attempts");
    assert_eq!(slowed.headers["retry-after"], "1");
    host.advance_s(1);
    assert_eq!(sign_in(&host, "operator@cloister.local", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_link_works_once_within_a_day() {
    let host = Host::start().await;
    let operator = host.app.tenancy.ensure_operator().await.unwrap();
    let link = host.app.tenancy.link_for(&operator.id).await.unwrap();
    let used = |body: Value| host.post("/v1/auth/link", "", body);
    // A refused password leaves the link good.
    let short = used(json!({"token": link.reveal(), "new_password": "short"})).await;
    assert_eq!(short.problem(), "400 password_invalid");
    used(json!({"token": link.reveal(), "new_password": PASSWORD})).await.data();
    assert_eq!(used(json!({"token": link.reveal()})).await.problem(), "401 link_invalid");
    assert_eq!(used(json!({"token": "lnk_x", "new_password": PASSWORD})).await.problem(), "401 link_invalid");
    sign_in(&host, "operator@cloister.local", PASSWORD).await.data();
    let late = host.app.tenancy.link_for(&operator.id).await.unwrap();
    host.advance_s(24 * 3_600);
    assert_eq!(used(json!({"token": late.reveal()})).await.problem(), "401 link_invalid");
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_return_ends_the_session() {
    let host = host_with_operator().await;
    let first = sign_in(&host, "operator@cloister.local", PASSWORD).await.data();
    let second = refresh(&host, &first["refresh_token"]).await.data();
    // Two windows at once: the older token is refused, and nothing else happens.
    assert_eq!(refresh(&host, &first["refresh_token"]).await.problem(), "409 refresh_superseded");
    let third = refresh(&host, &second["refresh_token"]).await.data();
    let access = third["access_token"].as_str().unwrap();
    assert_eq!(host.get("/v1/auth/me", access).await.status, StatusCode::OK);
    host.advance_s(60);
    assert_eq!(refresh(&host, &first["refresh_token"]).await.problem(), "401 refresh_reused");
    // Whoever held the newest token is out as well, at once.
    assert_eq!(refresh(&host, &third["refresh_token"]).await.problem(), "401 refresh_invalid");
    assert_eq!(host.get("/v1/auth/me", access).await.problem(), "401 token_invalid");
}

#[tokio::test]
async fn made_up_refresh_tokens_end_nothing() {
    let host = host_with_operator().await;
    let tokens = sign_in(&host, "operator@cloister.local", PASSWORD).await.data();
    let token = tokens["refresh_token"].as_str().unwrap();
    let (session, _) = token.split_once('.').unwrap();
    for made_up in
        ["", "x", "rfr_", session, &format!("{session}."), &format!("{session}.AAAA"), &token[..60]]
    {
        assert_eq!(refresh(&host, &json!(made_up)).await.problem(), "401 refresh_invalid", "{made_up}");
    }
    refresh(&host, &tokens["refresh_token"]).await.data();
}

#[tokio::test]
async fn sessions_end_when_left_alone_and_after_their_longest_time() {
    let host = Host::start_with(|config| {
        config.auth.session_idle_s = 1_000;
        config.auth.session_max_s = 2_500;
    })
    .await;
    let operator = host.app.tenancy.ensure_operator().await.unwrap();
    let link = host.app.tenancy.link_for(&operator.id).await.unwrap();
    let mut tokens = host.post("/v1/auth/link", "", json!({"token": link.reveal()})).await.data();
    for _ in 0..2 {
        host.advance_s(999);
        tokens = refresh(&host, &tokens["refresh_token"]).await.data();
    }
    // The access token does not outlive the session.
    assert_eq!(tokens["expires_in_s"], 502);
    host.advance_s(502);
    assert_eq!(refresh(&host, &tokens["refresh_token"]).await.problem(), "401 refresh_invalid");
    let idle = host.app.tenancy.link_for(&operator.id).await.unwrap();
    let tokens = host.post("/v1/auth/link", "", json!({"token": idle.reveal()})).await.data();
    host.advance_s(1_000);
    assert_eq!(refresh(&host, &tokens["refresh_token"]).await.problem(), "401 refresh_invalid");
}

#[tokio::test]
async fn signing_out_is_honoured_at_once() {
    let host = host_with_operator().await;
    let tokens = sign_in(&host, "operator@cloister.local", PASSWORD).await.data();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(host.get("/v1/auth/me", access).await.status, StatusCode::OK);
    let out = host.post("/v1/auth/sign-out", access, json!({})).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(host.get("/v1/auth/me", access).await.problem(), "401 token_invalid");
    assert_eq!(refresh(&host, &tokens["refresh_token"]).await.problem(), "401 refresh_invalid");
    // By refresh token alone, as when the access token has expired.
    let tokens = sign_in(&host, "operator@cloister.local", PASSWORD).await.data();
    let body = json!({"refresh_token": tokens["refresh_token"]});
    assert_eq!(host.post("/v1/auth/sign-out", "", body).await.status, StatusCode::NO_CONTENT);
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(host.get("/v1/auth/me", access).await.problem(), "401 token_invalid");
    assert_eq!(host.post("/v1/auth/sign-out", "", json!({})).await.problem(), "401 unauthenticated");
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let host = host_with_operator().await;
    let email = "operator@cloister.local";
    let here = sign_in(&host, email, PASSWORD).await.data()["access_token"].as_str().unwrap().to_owned();
    let there = sign_in(&host, email, PASSWORD).await.data()["access_token"].as_str().unwrap().to_owned();
    let change =
        |current: &str| json!({"current_password": current, "new_password": "another long password"});
    let wrong = host.post("/v1/auth/password", &here, change("wrong")).await;
    assert_eq!(wrong.problem(), "401 wrong_credentials");
    assert_eq!(host.post("/v1/auth/password", &here, change(PASSWORD)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(host.get("/v1/auth/me", &here).await.status, StatusCode::OK);
    assert_eq!(host.get("/v1/auth/me", &there).await.problem(), "401 token_invalid");
    assert_eq!(sign_in(&host, email, PASSWORD).await.problem(), "401 wrong_credentials");
}

#[tokio::test]
async fn the_cookie_needs_a_header_that_other_sites_cannot_send() {
    let host = host_with_operator().await;
    let tokens = sign_in(&host, "operator@cloister.local", PASSWORD).await.data();
    let cookie = format!("other=1; cloister_refresh={}", tokens["refresh_token"].as_str().unwrap());
    let request = |csrf: bool| {
        let mut request = Request::post("/v1/auth/refresh")
            .header("cookie", &cookie)
            .header("content-type", "application/json");
        if csrf {
            request = request.header("x-cloister-csrf", "1");
        }
        request.body(Body::from("{}")).unwrap()
    };
    assert_eq!(host.send(request(false)).await.problem(), "403 csrf_missing");
    host.send(request(true)).await.data();
}

#[tokio::test]
async fn tokens_expire_and_bad_headers_are_refused() {
    let host = Host::start().await;
    let token = host.operator().await;
    for header in ["", "Bearer", "Bearer ", "bearer x.y.z", "Basic b3A6cHc=", "Bearer \u{e9}"] {
        let request = Request::get("/v1/auth/me").header("authorization", header.as_bytes());
        let refused = host.send(request.body(Body::empty()).unwrap()).await;
        assert!(refused.problem().starts_with("401 "), "{header}");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
    }
    host.advance_s(604);
    assert_eq!(host.get("/v1/auth/me", &token).await.status, StatusCode::OK);
    host.advance_s(1);
    assert_eq!(host.get("/v1/auth/me", &token).await.problem(), "401 token_expired");
    let huge = "A".repeat(60_000);
    assert_eq!(host.get("/v1/auth/me", &huge).await.problem(), "401 token_invalid");
}

#[tokio::test]
async fn a_token_of_another_host_is_refused() {
    let (host, other) = (Host::start().await, Host::start().await);
    host.operator().await;
    let foreign = other.operator().await;
    assert_eq!(host.get("/v1/auth/me", &foreign).await.problem(), "401 token_invalid");
}

#[tokio::test]
async fn bodies_that_are_not_the_expected_json_are_refused() {
    let host = Host::start_with(|config| config.http.json_body_bytes = 1_024).await;
    let send = async |media_type: &str, body: Vec<u8>| {
        let request = Request::post("/v1/auth/sign-in").header("content-type", media_type);
        host.send(request.body(Body::from(body)).unwrap()).await
    };
    for body in
        [&b""[..], b"{", b"[]", b"{\"email\":1,\"password\":\"\"}", b"\xff\xfe", b"{\"email\":\"\xff\"}"]
    {
        assert_eq!(send("application/json", body.to_vec()).await.problem(), "400 malformed_json");
    }
    assert_eq!(send("text/plain", b"{}".to_vec()).await.problem(), "415 unsupported_media_type");
    assert_eq!(send("application/json", vec![b' '; 2_000]).await.problem(), "413 body_too_large");
    let unknown =
        send("application/json; charset=utf-8", br#"{"email":"a@b","password":"x","role":"owner"}"#.to_vec());
    assert!(unknown.await.json()["detail"].as_str().unwrap().contains("Unknown field `role`"));
}
