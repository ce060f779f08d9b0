//! A small copy of the API: just enough to hear what the command line says and to answer it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use cloister_host::api::{Membership, Module, Principal, Problem, Refresh, SignIn, SignInLink, Tokens};
use futures_util::StreamExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::mock_runs;

type Params = BTreeMap<String, String>;

/// What the mock has seen and how it is to behave.
pub(crate) struct Seen {
    /// `METHOD /path?query` of each request.
    pub(crate) requests: Mutex<Vec<String>>,
    /// Bodies of uploads, by path.
    pub(crate) files: Mutex<BTreeMap<String, Vec<u8>>>,
    /// JSON bodies by path.
    pub(crate) bodies: Mutex<Vec<(String, Value)>>,
    /// The lifetime that sign-in and refresh promise.
    pub(crate) expires_in_s: AtomicU64,
    /// How often tokens were given.
    pub(crate) generation: AtomicU64,
    /// Answers of lists, by path.
    pub(crate) lists: Mutex<BTreeMap<String, Vec<Value>>>,
    /// Runs that go on here.
    pub(crate) runs: mock_runs::Runs,
}

/// A served mock. Its thread ends with the process.
pub(crate) struct Mock {
    pub(crate) url: String,
    pub(crate) seen: Arc<Seen>,
}

impl Mock {
    pub(crate) fn start() -> Self {
        let seen = Arc::new(Seen {
            requests: Mutex::default(),
            files: Mutex::default(),
            bodies: Mutex::default(),
            expires_in_s: AtomicU64::new(900),
            generation: AtomicU64::new(0),
            lists: Mutex::default(),
            runs: mock_runs::Runs::default(),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = router(Arc::clone(&seen));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        Self { url, seen }
    }

    /// Requests whose line contains `part`.
    pub(crate) fn requests(&self, part: &str) -> Vec<String> {
        self.seen.requests.lock().iter().filter(|line| line.contains(part)).cloned().collect()
    }

    pub(crate) fn set_list(&self, path: &str, items: Value) {
        self.seen.lists.lock().insert(path.to_owned(), items.as_array().unwrap().clone());
    }
}

fn router(seen: Arc<Seen>) -> Router {
    Router::new()
        .route("/v1/auth/me", get(async || data(principal())))
        .route("/v1/auth/sign-out", post(async || StatusCode::NO_CONTENT))
        .route("/v1/{tenant}/modules", get(list).post(upload))
        .route("/v1/{tenant}/deployments", get(list))
        .route("/v1/{tenant}/deployments/{name}", get(missing).put(deploy).delete(missing))
        .route("/v1/operator/tenants", get(list))
        .route("/v1/{tenant}/files/{*path}", get(fetch).put(store))
        .route("/v1/{tenant}/logs", get(mock_runs::logs))
        .route("/v1/{tenant}/logs/export", get(mock_runs::export))
        .route("/v1/{tenant}/logs/{line}/context", get(mock_runs::context))
        .route("/v1/{tenant}/runs/{run}/logs", axum::routing::delete(mock_runs::delete_logs))
        .route("/v1/{tenant}/runs", get(list).post(mock_runs::start))
        .route("/v1/{tenant}/runs/{id}/kill", post(mock_runs::kill))
        .route("/v1/{tenant}/runs/{id}/stdin", post(mock_runs::stdin))
        .route("/v1/{tenant}/runs/{id}/output", get(mock_runs::output))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&seen), demand_token))
        .route("/v1/auth/sign-in", post(sign_in))
        .route("/v1/auth/link", post(sign_in_with_link))
        .route("/v1/auth/refresh", post(refresh))
        .layer(middleware::from_fn_with_state(Arc::clone(&seen), record))
        .with_state(seen)
}

/// The envelope of a success.
pub(crate) fn data(value: impl serde::Serialize) -> Response {
    Json(json!({"success": true, "data": value})).into_response()
}

/// A failure with a code.
pub(crate) fn problem(status: u16, code: &str, detail: &str) -> Response {
    let body = Problem {
        kind: format!("/problems/{code}"),
        title: code.replace('_', " "),
        status,
        detail: detail.to_owned(),
        code: code.to_owned(),
        request_id: "req_1".to_owned(),
    };
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(body)).into_response()
}

async fn record(State(seen): State<Arc<Seen>>, request: Request, next: Next) -> Response {
    seen.requests.lock().push(format!("{} {}", request.method(), request.uri()));
    next.run(request).await
}

async fn demand_token(
    State(seen): State<Arc<Seen>>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let current = format!("Bearer access-{}", seen.generation.load(Ordering::SeqCst));
    match headers.get(header::AUTHORIZATION) {
        Some(given) if *given == *current || given == "Bearer fixed" => next.run(request).await,
        _ => problem(401, "token_expired", "the access token is not valid any more"),
    }
}

fn principal() -> Principal {
    let membership = |slug: &str, role: &str| Membership {
        tenant_id: format!("ten_{slug}"),
        slug: slug.to_owned(),
        name: slug.to_uppercase(),
        role: role.to_owned(),
        permissions: Vec::new(),
    };
    Principal {
        id: "usr_1".to_owned(),
        email: "ann@example.com".to_owned(),
        operator: false,
        has_password: true,
        memberships: vec![membership("acme", "owner")],
    }
}

fn tokens(seen: &Seen) -> Response {
    let generation = seen.generation.fetch_add(1, Ordering::SeqCst) + 1;
    data(Tokens {
        access_token: format!("access-{generation}"),
        token_type: "Bearer".to_owned(),
        expires_in_s: seen.expires_in_s.load(Ordering::SeqCst),
        refresh_token: format!("refresh-{generation}"),
        tenant_id: Some("ten_acme".to_owned()),
        principal: principal(),
    })
}

async fn sign_in(State(seen): State<Arc<Seen>>, Json(body): Json<SignIn>) -> Response {
    if body.password != "correct horse battery" {
        return problem(401, "wrong_credentials", "the e-mail address or the password is wrong");
    }
    tokens(&seen)
}

async fn sign_in_with_link(State(seen): State<Arc<Seen>>, Json(body): Json<SignInLink>) -> Response {
    seen.bodies.lock().push(("link".to_owned(), serde_json::to_value(&body).unwrap()));
    tokens(&seen)
}

async fn refresh(State(seen): State<Arc<Seen>>, Json(body): Json<Refresh>) -> Response {
    let current = format!("refresh-{}", seen.generation.load(Ordering::SeqCst));
    seen.bodies.lock().push(("refresh".to_owned(), serde_json::to_value(&body).unwrap()));
    if body.tenant.as_deref() == Some("nobodys") {
        return problem(404, "tenant_not_found", "there is no such tenant among those you belong to");
    }
    if body.refresh_token != Some(current) {
        return problem(401, "refresh_reused", "this refresh token was used before");
    }
    tokens(&seen)
}

/// Pages of two, so that paging is always at work.
async fn list(State(seen): State<Arc<Seen>>, Query(params): Query<Params>, request: Request) -> Response {
    let items = seen.lists.lock().get(request.uri().path()).cloned().unwrap_or_default();
    let wanted = params.get("status");
    let items: Vec<Value> =
        items.into_iter().filter(|item| wanted.is_none_or(|status| item["status"] == **status)).collect();
    let from: usize = params.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let page: Vec<&Value> = items.iter().skip(from).take(2).collect();
    let next = from + page.len();
    let has_next = next < items.len();
    let cursor = has_next.then(|| next.to_string());
    let pagination = json!({"per_page": 2, "cursor": cursor, "has_next": has_next});
    Json(json!({"success": true, "data": page, "pagination": pagination})).into_response()
}

async fn missing(Path((_, name)): Path<(String, String)>) -> Response {
    problem(404, "command_not_found", &format!("there is no command `{name}`"))
}

async fn deploy(
    State(seen): State<Arc<Seen>>,
    Path((_, name)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Response {
    seen.bodies.lock().push((name.clone(), body.clone()));
    let mut version = body;
    version["version"] = json!(1);
    version["created_at"] = json!("2020-01-02T03:04:05Z");
    version["created_by"] = json!("usr_1");
    data(json!({"name": name, "version": 1, "active": version}))
}

async fn upload(State(seen): State<Arc<Seen>>, Query(params): Query<Params>, body: Body) -> Response {
    let (mut digest, mut size_bytes) = (Sha256::new(), 0);
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk: Bytes = chunk.unwrap();
        if size_bytes == 0 && !chunk.starts_with(b"\0asm") {
            // Answers early, with most of the body still to come, which a host reads on meanwhile.
            tokio::spawn(async move { while let Some(Ok(_)) = stream.next().await {} });
            return problem(422, "module_not_wasm", "this is not a WebAssembly binary");
        }
        size_bytes += chunk.len() as u64;
        digest.update(&chunk);
    }
    seen.files.lock().insert("upload".to_owned(), size_bytes.to_string().into_bytes());
    data(Module {
        digest: hex::encode(digest.finalize()),
        name: params.get("name").cloned().unwrap_or_default(),
        size_bytes,
        kind: "core".to_owned(),
        wasi: "preview1".to_owned(),
        imports: vec![],
        needs: vec!["stdout".to_owned()],
        help: None,
        created_at: "2020-01-02T03:04:05Z".to_owned(),
        created_by: "usr_1".to_owned(),
    })
}

async fn store(
    State(seen): State<Arc<Seen>>,
    Path((_, path)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    seen.files.lock().insert(path.clone(), body.to_vec());
    let name = path.rsplit('/').next().unwrap();
    data(
        json!({"name": name, "kind": "file", "size_bytes": body.len(), "modified_at": "2020-01-02T03:04:05Z"}),
    )
}

async fn fetch(State(seen): State<Arc<Seen>>, Path((_, path)): Path<(String, String)>) -> Response {
    match seen.files.lock().get(&path) {
        Some(bytes) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes.clone()).into_response(),
        None => problem(404, "file_not_found", "there is no such file"),
    }
}
