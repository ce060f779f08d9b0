//! A host with two tenants, and somebody for each role.

use serde_json::json;

use super::{Client, Host, HostOptions};

/// One host, and who asks it.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) operator: Client,
    pub(crate) anonymous: Client,
    /// The owner of the tenant `acme`.
    pub(crate) a: Client,
    /// The owner of the tenant `birch`.
    pub(crate) b: Client,
}

impl World {
    /// Starts a host and signs everybody in.
    pub(crate) async fn start() -> Self {
        Self::start_with(HostOptions::default()).await
    }

    /// As [`World::start`], with settings.
    pub(crate) async fn start_with(options: HostOptions) -> Self {
        let host = Host::start_with(options);
        let anonymous = host.anonymous();
        let operator = sign_in(&anonymous, host.operator_link()).await;
        let a = tenant(&operator, &anonymous, "acme").await;
        let b = tenant(&operator, &anonymous, "birch").await;
        Self { host, operator, anonymous, a, b }
    }

    /// Kills the host, starts it again on the same data, and asks the new address from now on.
    pub(crate) fn kill_and_restart(&mut self) {
        self.host.kill();
        self.restart();
    }

    /// Starts the host again after it has ended.
    pub(crate) fn restart(&mut self) {
        self.host.restart();
        let url = self.host.url();
        self.operator = self.operator.at(url);
        self.anonymous = self.anonymous.at(url);
        self.a = self.a.at(url);
        self.b = self.b.at(url);
    }
}

/// Exchanges a one-time link for a token.
pub(crate) async fn sign_in(anonymous: &Client, link: &str) -> Client {
    let (_, token) = link.split_once("/#/link/").unwrap();
    let tokens = anonymous.post("/v1/auth/link", json!({"token": token})).await.expect(200).data();
    anonymous.with_token(tokens["access_token"].as_str().unwrap())
}

/// Makes a tenant and signs its owner in.
pub(crate) async fn tenant(operator: &Client, anonymous: &Client, slug: &str) -> Client {
    let body = json!({
        "slug": slug, "name": slug, "plan": "professional", "owner_email": format!("owner@{slug}.example")
    });
    let made = operator.post("/v1/operator/tenants", body).await.expect(201).data();
    sign_in(anonymous, made["owner_link"].as_str().unwrap()).await.in_tenant(slug)
}
