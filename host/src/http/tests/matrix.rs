//! Every route of the router, asked by everybody: a route without a case here fails.

use super::members::{join, key};
use super::*;
use crate::auth::{Action, Origin};
use crate::http::Routes;
use crate::tenancy::Role;

/// Who may.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    /// Whoever asks: what comes is something else than an access token.
    Anybody,
    /// Whoever has an access token or an API key.
    Caller,
    /// Whoever has signed in.
    Person,
    /// The operator.
    Operator,
    /// Members with this permission.
    With(Action),
}

use Action as A;
use Who::{Anybody, Caller, Operator, Person, With};

const USER: &str = "usr_00000000000000000000000000";
const RUN: &str = "run_00000000000000000000000000";

/// Method, path, who may, and a body that would be taken.
#[rustfmt::skip]
const CASES: &[(&str, &str, Who, &str)] = &[
    ("GET", "/healthz", Anybody, ""),
    ("GET", "/readyz", Anybody, ""),
    ("GET", "/metrics", Anybody, ""),
    ("GET", "/openapi.json", Anybody, ""),
    ("GET", "/.well-known/jwks.json", Anybody, ""),
    ("POST", "/v1/auth/sign-in", Anybody, r#"{"email":"a@b","password":"x"}"#),
    ("POST", "/v1/auth/link", Anybody, r#"{"token":"x"}"#),
    ("POST", "/v1/auth/oidc", Anybody, r#"{"id_token":"x"}"#),
    ("POST", "/v1/auth/refresh", Anybody, r#"{"refresh_token":"x"}"#),
    ("POST", "/v1/auth/sign-out", Anybody, r#"{"refresh_token":"x"}"#),
    ("POST", "/v1/auth/invitation", Anybody, r#"{"token":"x"}"#),
    ("GET", "/v1/auth/me", Caller, ""),
    ("POST", "/v1/auth/password", Person, r#"{"new_password":"short"}"#),
    ("GET", "/v1/auth/sessions", Person, ""),
    ("DELETE", "/v1/auth/sessions", Person, ""),
    ("DELETE", "/v1/auth/sessions/{session}", Person, ""),
    ("POST", "/v1/operator/tenants", Operator, r#"{"slug":"No","name":"x","owner_email":"a@b"}"#),
    ("GET", "/v1/operator/tenants", Operator, ""),
    ("GET", "/v1/operator/tenants/{id}", Operator, ""),
    ("PATCH", "/v1/operator/tenants/{id}", Operator, r#"{"reason":""}"#),
    ("POST", "/v1/operator/tenants/{id}/suspend", Operator, r#"{"reason":""}"#),
    ("POST", "/v1/operator/tenants/{id}/resume", Operator, r#"{"reason":""}"#),
    ("POST", "/v1/operator/tenants/{id}/offboard", Operator, r#"{"reason":""}"#),
    ("POST", "/v1/operator/tenants/{id}/erase", Operator, r#"{"reason":"","confirm":""}"#),
    ("GET", "/v1/operator/tenants/{id}/export", Operator, ""),
    ("POST", "/v1/operator/import", Operator, ""),
    ("GET", "/v1/operator/receipts", Operator, ""),
    ("GET", "/v1/operator/audit", Operator, ""),
    ("GET", "/v1/operator/audit/head", Operator, ""),
    ("GET", "/v1/operator/audit/export", Operator, ""),
    ("GET", "/v1/operator/users", Operator, ""),
    ("POST", "/v1/operator/users/recover", Operator, r#"{"email":"a@b","reason":""}"#),
    ("POST", "/v1/operator/signing-keys/rotate", Operator, r#"{}"#),
    ("GET", "/v1/{tenant}/settings", With(A::TenantRead), ""),
    ("PATCH", "/v1/{tenant}/settings", With(A::TenantWrite), r#"{}"#),
    ("GET", "/v1/{tenant}/export", With(A::TenantExport), ""),
    ("GET", "/v1/{tenant}/audit", With(A::AuditRead), ""),
    ("GET", "/v1/{tenant}/audit/head", With(A::AuditRead), ""),
    ("GET", "/v1/{tenant}/audit/export", With(A::AuditRead), ""),
    ("GET", "/v1/{tenant}/usage", With(A::UsageRead), ""),
    ("GET", "/v1/{tenant}/masking", With(A::MaskingRead), ""),
    ("PUT", "/v1/{tenant}/masking", With(A::MaskingWrite), r#"{}"#),
    ("GET", "/v1/{tenant}/secrets", With(A::SecretRead), ""),
    ("PUT", "/v1/{tenant}/secrets/{name}", With(A::SecretWrite), r#"{"value":"x"}"#),
    ("DELETE", "/v1/{tenant}/secrets/{name}", With(A::SecretWrite), ""),
    ("GET", "/v1/{tenant}/members", With(A::MemberRead), ""),
    ("PUT", "/v1/{tenant}/members/{user}", With(A::MemberWrite), r#"{"role":"viewer"}"#),
    ("DELETE", "/v1/{tenant}/members/{user}", With(A::MemberWrite), ""),
    ("POST", "/v1/{tenant}/invitations", With(A::MemberWrite), r#"{"email":"no","role":"viewer"}"#),
    ("GET", "/v1/{tenant}/invitations", With(A::MemberRead), ""),
    ("DELETE", "/v1/{tenant}/invitations/{invitation}", With(A::MemberWrite), ""),
    ("GET", "/v1/{tenant}/roles", With(A::RoleRead), ""),
    ("PUT", "/v1/{tenant}/roles/{role}", With(A::RoleWrite), r#"{"permissions":[]}"#),
    ("DELETE", "/v1/{tenant}/roles/{role}", With(A::RoleWrite), ""),
    ("POST", "/v1/{tenant}/keys", With(A::KeyWrite), r#"{"name":"x","permissions":[]}"#),
    ("GET", "/v1/{tenant}/keys", With(A::KeyRead), ""),
    ("DELETE", "/v1/{tenant}/keys/{key}", With(A::KeyWrite), ""),
    ("POST", "/v1/{tenant}/modules", With(A::ModuleUpload), ""),
    ("GET", "/v1/{tenant}/modules", With(A::ModuleRead), ""),
    ("GET", "/v1/{tenant}/modules/{digest}", With(A::ModuleRead), ""),
    ("DELETE", "/v1/{tenant}/modules/{digest}", With(A::ModuleDelete), ""),
    ("GET", "/v1/{tenant}/deployments", With(A::DeploymentRead), ""),
    ("GET", "/v1/{tenant}/deployments/{name}", With(A::DeploymentRead), ""),
    ("PUT", "/v1/{tenant}/deployments/{name}", With(A::DeploymentWrite), r#"{"module":"x"}"#),
    ("DELETE", "/v1/{tenant}/deployments/{name}", With(A::DeploymentWrite), ""),
    ("POST", "/v1/{tenant}/deployments/{name}/rollback", With(A::DeploymentWrite), r#"{"version":1}"#),
    ("POST", "/v1/{tenant}/runs", With(A::RunCreate), r#"{"command":"x"}"#),
    ("GET", "/v1/{tenant}/runs", With(A::RunRead), ""),
    ("GET", "/v1/{tenant}/runs/{run}", With(A::RunRead), ""),
    ("POST", "/v1/{tenant}/runs/{run}/kill", With(A::RunControl), ""),
    ("POST", "/v1/{tenant}/runs/{run}/stdin", With(A::RunControl), ""),
    ("GET", "/v1/{tenant}/runs/{run}/output", With(A::RunRead), ""),
    ("GET", "/v1/{tenant}/runs/{run}/output/{stream}", With(A::RunRead), ""),
    ("GET", "/v1/{tenant}/logs", With(A::LogRead), ""),
    ("GET", "/v1/{tenant}/logs/histogram", With(A::LogRead), ""),
    ("GET", "/v1/{tenant}/logs/export", With(A::LogRead), ""),
    ("GET", "/v1/{tenant}/logs/{line}", With(A::LogRead), ""),
    ("GET", "/v1/{tenant}/logs/{line}/context", With(A::LogRead), ""),
    ("DELETE", "/v1/{tenant}/runs/{run}/logs", With(A::LogDelete), ""),
    ("POST", "/v1/{tenant}/console/sessions", With(A::ConsoleUse), r#"{"columns":0}"#),
    ("GET", "/v1/{tenant}/console/sessions", With(A::ConsoleUse), ""),
    ("GET", "/v1/{tenant}/console/sessions/{session}", With(A::ConsoleUse), ""),
    ("PATCH", "/v1/{tenant}/console/sessions/{session}", With(A::ConsoleUse), r#"{"name":"x"}"#),
    ("DELETE", "/v1/{tenant}/console/sessions/{session}", With(A::ConsoleUse), ""),
    ("POST", "/v1/{tenant}/console/sessions/{session}/messages", With(A::ConsoleUse), r#"{"client":"12345678","messages":[]}"#),
    ("POST", "/v1/{tenant}/console/tickets", With(A::ConsoleUse), ""),
    ("GET", "/v1/{tenant}/console/ws", With(A::ConsoleUse), ""),
    ("GET", "/v1/{tenant}/console/events", With(A::ConsoleUse), ""),
    ("GET", "/v1/{tenant}/console/history", With(A::ConsoleUse), ""),
    ("DELETE", "/v1/{tenant}/console/history", With(A::ConsoleUse), ""),
    ("GET", "/v1/{tenant}/files", With(A::FileRead), ""),
    ("GET", "/v1/{tenant}/files/{*path}", With(A::FileRead), ""),
    ("PUT", "/v1/{tenant}/files/{*path}", With(A::FileWrite), ""),
    ("DELETE", "/v1/{tenant}/files/{*path}", With(A::FileWrite), ""),
];

/// Codes by which a caller is turned away for who they are.
const TURNED_AWAY: &[&str] = &[
    "unauthenticated",
    "token_invalid",
    "token_expired",
    "tenant_not_found",
    "tenant_suspended",
    "permission_denied",
    "session_required",
];

fn address(path: &str, tenant: &str) -> String {
    let query = match path {
        "/v1/operator/import" => "?slug=No&owner_email=x",
        "/v1/{tenant}/console/events" => "?wait=0",
        _ => "",
    };
    let path = path
        .replace("{tenant}", tenant)
        .replace("{id}", "no-such-tenant")
        .replace("{session}", "x")
        .replace("{user}", USER)
        .replace("{invitation}", "x")
        .replace("{role}", "no-such-role")
        .replace("{key}", "x")
        .replace("{digest}", &"0".repeat(64))
        .replace("{name}", "it")
        .replace("{run}", RUN)
        .replace("{stream}", "stdout")
        .replace("{line}", "1")
        .replace("{*path}", "a");
    assert!(!path.contains('{'), "{path} needs a value for its parameter here");
    path + query
}

/// One person, who signs in anew for each request: some requests end sessions.
struct Asker<'a> {
    host: &'a Host,
    email: String,
}

impl Asker<'_> {
    async fn token(&self) -> String {
        let email = self.email.parse().unwrap();
        let user = self.host.app.store.reader_blocking().user_by_email(&email).unwrap().unwrap();
        let signed_in = self.host.app.auth.begin_session(user, None, Origin::default()).await.unwrap();
        signed_in.tokens.access_token
    }
}

/// What a request was turned away with; `passed` when it was not.
async fn ask(host: &Host, case: &(&str, &str, Who, &str), tenant: &str, token: &str) -> String {
    let (method, path, _, body) = case;
    let body = (!body.is_empty()).then(|| serde_json::from_str(body).unwrap());
    let reply = host.call(method.parse().unwrap(), &address(path, tenant), token, body).await;
    let code = reply.json()["code"].as_str().unwrap_or_default().to_owned();
    let operators = path.starts_with("/v1/operator/") && code == "tenant_not_found";
    if TURNED_AWAY.contains(&code.as_str()) && !operators { code } else { "passed".to_owned() }
}

#[tokio::test]
async fn every_route_has_a_case() {
    let names = Routes::all();
    let routes: std::collections::BTreeSet<(&str, &str)> =
        names.names().iter().map(|(method, path)| (method.as_str(), *path)).collect();
    let cases: std::collections::BTreeSet<(&str, &str)> =
        CASES.iter().map(|(method, path, ..)| (*method, *path)).collect();
    assert_eq!(routes, cases);
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let host = Host::start().await;
    let (owner, _) = (host.owner_of("acme").await, host.owner_of("birch").await);
    host.operator().await;
    let mut people = vec![(Role::Owner, "owner@acme.test".to_owned())];
    for role in &Role::ALL[1..] {
        let email = format!("{}@acme.test", role.as_str());
        join(&host, &owner, "acme", &email, role.as_str()).await;
        people.push((*role, email));
    }
    let scoped = key(&host, &owner, "acme", json!(["role:read"])).await;
    let expired = Asker { host: &host, email: "owner@acme.test".to_owned() }.token().await;
    host.advance_s(700);
    let operator = Asker { host: &host, email: "operator@cloister.local".to_owned() };
    let foreign = Asker { host: &host, email: "owner@birch.test".to_owned() };
    for case in CASES {
        let (method, path, who, _) = *case;
        let check = async |name: &str, token: &str, expected: &str| {
            assert_eq!(ask(&host, case, "acme", token).await, expected, "{name}: {method} {path}");
        };
        let expect = |passes: bool, code: &'static str| if passes { "passed" } else { code };
        let open = who == Anybody;
        check("nobody", "", expect(open, "unauthenticated")).await;
        if path != "/v1/auth/invitation" {
            check("expired", &expired, expect(open, "token_expired")).await;
            check("wrong", "wrong", expect(open, "token_invalid")).await;
        }
        let other = match who {
            Operator => "permission_denied",
            With(_) => "tenant_not_found",
            _ => "passed",
        };
        check("foreign", &foreign.token().await, other).await;
        let by_operator = expect(!matches!(who, With(_)), "tenant_not_found");
        check("operator", &operator.token().await, by_operator).await;
        let by_key = match who {
            Operator => "permission_denied",
            Person => "session_required",
            With(action) => expect(action == A::RoleRead, "permission_denied"),
            _ => "passed",
        };
        if !open {
            check("key", &scoped, by_key).await;
        }
        for (role, email) in &people {
            let token = Asker { host: &host, email: email.clone() }.token().await;
            let expected = match who {
                Operator => "permission_denied",
                With(action) => expect(action.is_of(*role), "permission_denied"),
                _ => "passed",
            };
            check(role.as_str(), &token, expected).await;
        }
    }
}

#[tokio::test]
async fn no_route_of_a_suspended_tenant_lets_anybody_but_its_owner_read() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    join(&host, &owner, "acme", "admin@acme.test", "admin").await;
    let operator = host.operator().await;
    host.post("/v1/operator/tenants/acme/suspend", &operator, json!({"reason": "x"})).await.data();
    for case in CASES {
        let (method, path, With(action), _) = *case else { continue };
        let admin = Asker { host: &host, email: "admin@acme.test".to_owned() }.token().await;
        let expected = if action.is_of(Role::Admin) { "tenant_suspended" } else { "permission_denied" };
        assert_eq!(ask(&host, case, "acme", &admin).await, expected, "{method} {path}");
        let owner = Asker { host: &host, email: "owner@acme.test".to_owned() }.token().await;
        // A console is no reading: whoever opens one may type.
        let reads = method == "GET" && action != A::ConsoleUse;
        let expected = if reads { "passed" } else { "tenant_suspended" };
        assert_eq!(ask(&host, case, "acme", &owner).await, expected, "{method} {path}");
    }
}

/// A generator of numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

/// Random operations of random principals of 20 tenants, with ids of all of them: nobody gets or changes what is
/// another's, and what is another's answers as what does not exist.
#[tokio::test]
async fn random_operations_never_reach_another_tenant() {
    const TENANTS: usize = 20;
    let host = Host::start().await;
    let mut owners = Vec::new();
    // Of each tenant: paths below it that exist there and nowhere else.
    let mut resources: Vec<(usize, String)> = Vec::new();
    for number in 0..TENANTS {
        let slug = format!("t{number}");
        let owner = host.owner_of(&slug).await;
        host.send_bytes(Method::PUT, &format!("/v1/{slug}/files/of-{number}"), &owner, slug.as_bytes())
            .await
            .data();
        let module = [WASM, &[0, 2, 1, b'a' + u8::try_from(number).unwrap()]].concat();
        let module =
            host.send_bytes(Method::POST, &format!("/v1/{slug}/modules"), &owner, &module).await.data();
        let invite = json!({"email": format!("x@{slug}.test"), "role": "viewer"});
        let invited = host.post(&format!("/v1/{slug}/invitations"), &owner, invite).await.data();
        let role = json!({"permissions": ["log:read"]});
        host.call(Method::PUT, &format!("/v1/{slug}/roles/role-{number}"), &owner, Some(role)).await.data();
        let body = json!({"name": slug, "permissions": ["log:read"]});
        let made = host.post(&format!("/v1/{slug}/keys"), &owner, body).await.data();
        let me = host.get("/v1/auth/me", &owner).await.data();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        for path in [
            format!("files/of-{number}"),
            format!("modules/{}", text(&module["digest"])),
            format!("invitations/{}", text(&invited["invitation"]["id"])),
            format!("roles/role-{number}"),
            format!("keys/{}", text(&made["key"]["id"])),
            format!("members/{}", text(&me["id"])),
        ] {
            resources.push((number, path));
        }
        owners.push(owner);
    }
    let mut dice = Dice(7);
    for _ in 0..800 {
        let (actor, tenant) = (dice.roll(TENANTS), dice.roll(TENANTS));
        let (of, path) = &resources[dice.roll(resources.len())];
        let method = [Method::GET, Method::DELETE, Method::PUT][dice.roll(3)].clone();
        let makes = method == Method::PUT && (path.starts_with("files/") || path.starts_with("roles/"));
        // One's own, and making something of the same name in one's own tenant, are no attempts.
        if actor == tenant && (*of == tenant || makes) {
            continue;
        }
        let body = (method == Method::PUT).then(|| json!({"role": "viewer"}));
        let body = body.filter(|_| path.starts_with("members/"));
        let target = format!("/v1/t{tenant}/{path}");
        let reply = host.call(method.clone(), &target, &owners[actor], body.clone()).await;
        if actor != tenant {
            let problem = reply.problem();
            // Where a path takes no such method, it takes it of nobody.
            let hidden = ["404 tenant_not_found", "405 method_not_allowed"].contains(&problem.as_str());
            assert!(hidden, "{method} {target} by t{actor}: {problem}");
            continue;
        }
        assert!(matches!(reply.status.as_u16(), 404 | 405), "{method} {target}: {}", reply.status);
    }
    // Everything is where it was, and lists hold one's own only.
    for (number, owner) in owners.iter().enumerate() {
        let slug = format!("t{number}");
        let text = host.get(&format!("/v1/{slug}/files/of-{number}"), owner).await;
        assert_eq!(text.body, slug.as_bytes());
        for list in ["modules", "invitations", "keys", "members"] {
            let found = host.get(&format!("/v1/{slug}/{list}"), owner).await.data();
            assert_eq!(found.as_array().unwrap().len(), 1, "{slug} {list}");
            let mine = resources.iter().filter(|(of, path)| *of == number && path.starts_with(list));
            let shown = found.to_string();
            for (_, path) in mine {
                assert!(shown.contains(path.split_once('/').unwrap().1), "{slug} {path}");
            }
        }
    }
}
