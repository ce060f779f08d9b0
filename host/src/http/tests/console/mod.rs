//! The console over real connections.

mod attacks;
mod client;
mod program;
mod revocation;
mod sessions;
mod tenants;
mod transports;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::*;
use crate::console::Program;
use crate::server::build_with;

/// A host that listens.
pub(super) struct Served {
    pub(super) host: Host,
    pub(super) address: SocketAddr,
}

impl Served {
    pub(super) async fn start(program: Arc<dyn Program>) -> Self {
        Self::start_with(program, |_| ()).await
    }

    pub(super) async fn start_with(program: Arc<dyn Program>, change: impl FnOnce(&mut Config)) -> Self {
        // Fails when it was chosen before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let mut config = quick_config(dir.path());
        // What is tested is no rate.
        for plan in [&mut config.plans.free, &mut config.plans.professional] {
            plan.requests_per_minute = 0;
            plan.requests_per_minute_principal = 0;
        }
        change(&mut config);
        let clock = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = build_with(config, clock.clone(), address, Compiling::Here, Some(program)).await.unwrap();
        let router = router(app.clone());
        let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { host: Host { app, router, clock, dir }, address }
    }

    /// Makes a session; its id.
    pub(super) async fn session(&self, tenant: &str, token: &str) -> String {
        let made = self.host.post(&format!("/v1/{tenant}/console/sessions"), token, json!({})).await;
        made.data()["id"].as_str().unwrap().to_owned()
    }

    /// The value of a metric without labels, or with these.
    pub(super) async fn metric(&self, name: &str) -> u64 {
        let text = String::from_utf8(self.host.get("/metrics", "").await.body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }
}
