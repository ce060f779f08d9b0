//! One identity that talks to a host, and what the host answered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Events, PATIENCE, eventually};

/// Somebody who asks.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
    /// The tenant that paths are completed with.
    tenant: String,
}

impl Client {
    /// Somebody who has not signed in.
    pub(crate) fn anonymous(url: &str) -> Self {
        // Fails when it was chosen before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().read_timeout(PATIENCE).build().unwrap();
        Self { http, url: url.to_owned(), token: None, tenant: String::new() }
    }

    /// The same connection settings with a token.
    pub(crate) fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The same identity, asking about a tenant.
    pub(crate) fn in_tenant(&self, tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), ..self.clone() }
    }

    /// The same identity at another address of the same host, after a restart.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// The access token.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    /// The tenant's name in URLs.
    pub(crate) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// A request; a path that does not begin with `/` is one of the tenant.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = match path.starts_with('/') {
            true => format!("{}{path}", self.url),
            false => format!("{}/v1/{}/{path}", self.url, self.tenant),
        };
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(&body)).await
    }

    /// Sends raw bytes.
    pub(crate) async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        Answer::of(self.request(method, path).body(body)).await
    }

    /// Uploads a module.
    pub(crate) async fn upload(&self, wasm: impl Into<reqwest::Body>) -> Answer {
        self.send(Method::POST, "modules", wasm).await
    }

    /// Uploads a module and binds a command to it, without limits; `grants` as on the wire.
    pub(crate) async fn deploy(&self, name: &str, wasm: Vec<u8>, grants: Value) -> Value {
        let uploaded = self.upload(wasm).await;
        assert!(matches!(uploaded.status, 200 | 201), "{uploaded:?}");
        let body = json!({"module": uploaded.data()["digest"], "grants": grants});
        self.put(&format!("deployments/{name}"), body).await.expect(201).data()
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, command: &str, args: &[&str]) -> Value {
        self.run_with(json!({"command": command, "args": args})).await
    }

    /// Runs to the end what `body` describes.
    pub(crate) async fn run_with(&self, mut body: Value) -> Value {
        body["wait"] = json!(true);
        self.post("runs", body).await.expect(200).data()
    }

    /// Starts a run and gives its id.
    pub(crate) async fn start(&self, body: Value) -> String {
        let run = self.post("runs", body).await.expect(202).data();
        run["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a run has ended.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        let path = format!("runs/{id}");
        eventually("the end of a run", async || {
            let run = self.get(&path).await.expect(200).data();
            (run["status"] == "ended").then_some(run)
        })
        .await
    }

    /// All items of a list, page after page.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut next = path.to_owned();
        loop {
            let page = self.get(&next).await.expect(200).json();
            items.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["pagination"]["cursor"].as_str() {
                Some(cursor) => next = format!("{path}{separator}cursor={cursor}"),
                None => return items,
            }
        }
    }

    /// Follows a stream of server-sent events, after `last` when there is one.
    pub(crate) async fn events(&self, path: &str, last: Option<&str>) -> Events {
        let mut request = self.request(Method::GET, path).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        Events::of(response)
    }
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Sends a request and takes the whole answer.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    /// Fails when it has another status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Fails when it is not this problem; gives what it says.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str().unwrap_or_default()), (status, code), "{problem}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(
            (&problem["status"], &problem["type"]),
            (&json!(status), &json!(format!("/problems/{code}")))
        );
        assert!(problem["request_id"].as_str().unwrap().starts_with("req_"));
        problem["detail"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// What was asked for, out of its envelope.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        let mut envelope = self.json();
        assert_eq!(envelope["success"], true, "{envelope}");
        envelope["data"].take()
    }

    /// The items of a list.
    #[track_caller]
    pub(crate) fn items(&self) -> Vec<Value> {
        self.data().as_array().unwrap().clone()
    }
}

/// The bytes of standard base64.
pub(crate) fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}
