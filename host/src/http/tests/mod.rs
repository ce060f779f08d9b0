//! The HTTP API, called in memory.

mod archives;
mod audit;
mod auth;
mod console;
mod deployments;
mod files;
mod host;
mod lifecycle;
mod logs;
mod matrix;
mod measure;
mod members;
mod modules;
mod oidc;
mod quota;
mod secrets;
mod sessions;
mod tenants;
mod tokens;
mod usage;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{App, router};
use crate::clock::Clock;
use crate::config::Config;
use crate::server::{Compiling, build};
use crate::tenancy::NewTenant;

/// `(module (func (export "_start")))`
pub(super) const WASM: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x04\x01\x02\0\x0b";

/// A host of its own for one test.
pub(super) struct Host {
    pub(super) app: App,
    pub(super) router: Router,
    pub(super) clock: Clock,
    pub(super) dir: tempfile::TempDir,
}

/// What a request was answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn data(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, String::from_utf8_lossy(&self.body));
        self.json()["data"].clone()
    }

    /// `status code` of a problem.
    pub(super) fn problem(&self) -> String {
        let problem = self.json();
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["status"], self.status.as_u16());
        assert!(problem["request_id"].as_str().unwrap().starts_with("req_"));
        assert_eq!(problem["request_id"], self.headers["x-request-id"].to_str().unwrap());
        format!("{} {}", self.status.as_u16(), problem["code"].as_str().unwrap())
    }
}

/// A host of a test's own, without waits that only security needs.
pub(super) fn quick_config(dir: &std::path::Path) -> Config {
    let mut config = Config::default();
    config.store.data_dir = dir.join("data");
    config.store.low_disk_bytes = 0;
    config.auth.argon2_memory_kib = 8;
    config.auth.argon2_passes = 1;
    config.engine.threads = 1;
    config
}

impl Host {
    pub(super) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(super) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = quick_config(dir.path());
        change(&mut config);
        let clock = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        let app = build(config, clock.clone(), address, Compiling::Here).await.unwrap();
        Self { router: router(app.clone()), app, clock, dir }
    }

    pub(super) async fn send(&self, mut request: Request<Body>) -> Reply {
        let peer = SocketAddr::from(([192, 0, 2, 1], 4_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(super) async fn call(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Reply {
        self.call(Method::GET, path, token, None).await
    }

    pub(super) async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::POST, path, token, Some(body)).await
    }

    pub(super) async fn send_bytes(&self, method: Method, path: &str, token: &str, bytes: &[u8]) -> Reply {
        let request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::from(bytes.to_vec())).unwrap()).await
    }

    /// The operator's access token.
    pub(super) async fn operator(&self) -> String {
        let operator = self.app.tenancy.ensure_operator().await.unwrap();
        let link = self.app.tenancy.link_for(&operator.id).await.unwrap();
        self.sign_in_by_link(link.reveal()).await
    }

    /// A tenant's owner's access token; the tenant is made.
    pub(super) async fn owner_of(&self, slug: &str) -> String {
        let new = NewTenant {
            slug: slug.parse().unwrap(),
            name: slug.to_owned(),
            plan: crate::tenancy::PlanName::Free,
            owner: format!("owner@{slug}.test").parse().unwrap(),
            settings: crate::tenancy::Settings::default(),
        };
        let made = self.app.tenancy.provision(new).await.unwrap();
        self.sign_in_by_link(made.link.reveal()).await
    }

    pub(super) async fn sign_in_by_link(&self, link: &str) -> String {
        let reply = self.post("/v1/auth/link", "", json!({"token": link})).await;
        reply.data()["access_token"].as_str().unwrap().to_owned()
    }

    /// The access token of a tenant's owner, who signs in once more.
    pub(super) async fn sign_in_again(&self, slug: &str) -> String {
        let email = format!("owner@{slug}.test").parse().unwrap();
        let user = self.app.store.reader_blocking().user_by_email(&email).unwrap().unwrap();
        let link = self.app.tenancy.link_for(&user.id).await.unwrap();
        self.sign_in_by_link(link.reveal()).await
    }

    pub(super) fn advance_s(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}
