//! Every URL.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use super::handlers::{
    audit, auth, console, deployments, files, host, lifecycle, logs, masking, members, modules, operator,
    roles, runs, secrets, sessions, tenants, usage,
};
use super::idempotent::once;
use super::middleware::{around, panicked};
use super::rates::sign_ins;
use super::{ApiError, App, console as page};

/// Routes that remember their names, so that a test can compare them with the description of the API.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    /// Routes whose bodies may pause for as long as they like: a person types them.
    patient: Router<App>,
    names: Vec<(Method, &'static str)>,
}

impl Routes {
    fn add(mut self, method: Method, path: &'static str, handler: MethodRouter<App>) -> Self {
        self.names.push((method, path));
        self.router = self.router.route(path, handler);
        self
    }

    fn add_patient(mut self, method: Method, path: &'static str, handler: MethodRouter<App>) -> Self {
        self.names.push((method, path));
        self.patient = self.patient.route(path, handler);
        self
    }

    /// Another spelling of a path that is described already.
    fn alias(mut self, path: &'static str, handler: MethodRouter<App>) -> Self {
        self.router = self.router.route(path, handler);
        self
    }

    /// All methods and paths.
    #[must_use]
    pub fn names(&self) -> &[(Method, &'static str)] {
        &self.names
    }

    /// The routes of this host.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
            // The host.
            .add(Method::GET, "/healthz", get(host::alive))
            .add(Method::GET, "/readyz", get(host::ready))
            .add(Method::GET, "/metrics", get(host::metrics))
            .add(Method::GET, "/openapi.json", get(host::openapi))
            // Who acts.
            .add(Method::POST, "/v1/auth/sign-in", post(auth::sign_in))
            .add(Method::POST, "/v1/auth/link", post(auth::link))
            .add(Method::POST, "/v1/auth/refresh", post(auth::refresh))
            .add(Method::POST, "/v1/auth/sign-out", post(auth::sign_out))
            .add(Method::POST, "/v1/auth/password", post(auth::password))
            .add(Method::GET, "/v1/auth/me", get(auth::me))
            .add(Method::POST, "/v1/auth/oidc", post(sessions::oidc))
            .add(Method::POST, "/v1/auth/invitation", post(sessions::accept))
            .add(Method::GET, "/v1/auth/sessions", get(sessions::list))
            .add(Method::DELETE, "/v1/auth/sessions", delete(sessions::end_all))
            .add(Method::DELETE, "/v1/auth/sessions/{session}", delete(sessions::end))
            .add(Method::GET, "/.well-known/jwks.json", get(sessions::jwks))
            // The operator.
            .add(Method::POST, "/v1/operator/tenants", post(operator::create_tenant))
            .add(Method::GET, "/v1/operator/tenants", get(operator::list_tenants))
            .add(Method::GET, "/v1/operator/tenants/{id}", get(operator::show_tenant))
            .add(Method::PATCH, "/v1/operator/tenants/{id}", patch(operator::change_tenant))
            .add(Method::POST, "/v1/operator/tenants/{id}/suspend", post(lifecycle::suspend))
            .add(Method::POST, "/v1/operator/tenants/{id}/resume", post(lifecycle::resume))
            .add(Method::POST, "/v1/operator/tenants/{id}/offboard", post(lifecycle::offboard))
            .add(Method::POST, "/v1/operator/tenants/{id}/erase", post(lifecycle::erase))
            .add(Method::GET, "/v1/operator/tenants/{id}/export", get(lifecycle::export_as_operator))
            .add(Method::POST, "/v1/operator/import", post(lifecycle::import))
            .add(Method::GET, "/v1/{tenant}/export", get(lifecycle::export))
            .add(Method::GET, "/v1/operator/receipts", get(lifecycle::receipts))
            .add(Method::GET, "/v1/operator/users", get(operator::list_users))
            .add(Method::POST, "/v1/operator/users/recover", post(operator::recover_user))
            .add(Method::POST, "/v1/operator/signing-keys/rotate", post(operator::rotate_keys))
            // The tenant itself, and who belongs to it.
            .add(Method::GET, "/v1/{tenant}/settings", get(tenants::show))
            .add(Method::PATCH, "/v1/{tenant}/settings", patch(tenants::change))
            .add(Method::GET, "/v1/{tenant}/members", get(members::list))
            .add(Method::PUT, "/v1/{tenant}/members/{user}", put(members::change))
            .add(Method::DELETE, "/v1/{tenant}/members/{user}", delete(members::remove))
            .add(Method::POST, "/v1/{tenant}/invitations", post(members::invite))
            .add(Method::GET, "/v1/{tenant}/invitations", get(members::invitations))
            .add(Method::DELETE, "/v1/{tenant}/invitations/{invitation}", delete(members::revoke))
            .add(Method::GET, "/v1/{tenant}/roles", get(roles::list))
            .add(Method::PUT, "/v1/{tenant}/roles/{role}", put(roles::put))
            .add(Method::DELETE, "/v1/{tenant}/roles/{role}", delete(roles::remove))
            .add(Method::POST, "/v1/{tenant}/keys", post(roles::make_key))
            .add(Method::GET, "/v1/{tenant}/keys", get(roles::keys))
            .add(Method::DELETE, "/v1/{tenant}/keys/{key}", delete(roles::revoke_key))
            // Modules.
            .add(Method::POST, "/v1/{tenant}/modules", post(modules::upload))
            .add(Method::GET, "/v1/{tenant}/modules", get(modules::list))
            .add(Method::GET, "/v1/{tenant}/modules/{digest}", get(modules::show))
            .add(Method::DELETE, "/v1/{tenant}/modules/{digest}", delete(modules::remove))
            // Deployments.
            .add(Method::GET, "/v1/{tenant}/deployments", get(deployments::list))
            .add(Method::GET, "/v1/{tenant}/deployments/{name}", get(deployments::show))
            .add(Method::PUT, "/v1/{tenant}/deployments/{name}", put(deployments::deploy))
            .add(Method::DELETE, "/v1/{tenant}/deployments/{name}", delete(deployments::remove))
            .add(Method::POST, "/v1/{tenant}/deployments/{name}/rollback", post(deployments::roll_back))
            // Runs.
            .add(Method::POST, "/v1/{tenant}/runs", post(runs::create))
            .add(Method::GET, "/v1/{tenant}/runs", get(runs::list))
            .add(Method::GET, "/v1/{tenant}/runs/{run}", get(runs::show))
            .add(Method::POST, "/v1/{tenant}/runs/{run}/kill", post(runs::kill))
            .add_patient(Method::POST, "/v1/{tenant}/runs/{run}/stdin", post(runs::stdin))
            .add(Method::GET, "/v1/{tenant}/runs/{run}/output", get(runs::output))
            .add(Method::GET, "/v1/{tenant}/runs/{run}/output/{stream}", get(runs::raw))
            // Secrets.
            .add(Method::GET, "/v1/{tenant}/secrets", get(secrets::list))
            .add(Method::PUT, "/v1/{tenant}/secrets/{name}", put(secrets::put))
            .add(Method::DELETE, "/v1/{tenant}/secrets/{name}", delete(secrets::remove))
            // Usage.
            .add(Method::GET, "/v1/{tenant}/usage", get(usage::show))
            // Logs.
            .add(Method::GET, "/v1/{tenant}/logs", get(logs::list))
            .add(Method::GET, "/v1/{tenant}/logs/histogram", get(logs::histogram))
            .add(Method::GET, "/v1/{tenant}/logs/export", get(logs::export))
            .add(Method::GET, "/v1/{tenant}/logs/{line}", get(logs::show))
            .add(Method::GET, "/v1/{tenant}/logs/{line}/context", get(logs::context))
            .add(Method::DELETE, "/v1/{tenant}/runs/{run}/logs", delete(runs::delete_logs))
            // The console.
            .add(Method::POST, "/v1/{tenant}/console/sessions", post(console::create))
            .add(Method::GET, "/v1/{tenant}/console/sessions", get(console::list))
            .add(Method::GET, "/v1/{tenant}/console/sessions/{session}", get(console::show))
            .add(Method::PATCH, "/v1/{tenant}/console/sessions/{session}", patch(console::change))
            .add(Method::DELETE, "/v1/{tenant}/console/sessions/{session}", delete(console::end))
            .add(Method::POST, "/v1/{tenant}/console/sessions/{session}/messages", post(console::messages))
            .add(Method::POST, "/v1/{tenant}/console/tickets", post(console::ticket))
            .add(Method::GET, "/v1/{tenant}/console/ws", get(console::ws))
            .add(Method::GET, "/v1/{tenant}/console/events", get(console::events))
            .add(Method::GET, "/v1/{tenant}/console/history", get(console::history))
            .add(Method::DELETE, "/v1/{tenant}/console/history", delete(console::clear))
            // Audit.
            .add(Method::GET, "/v1/{tenant}/audit", get(audit::list))
            .add(Method::GET, "/v1/{tenant}/audit/head", get(audit::head))
            .add(Method::GET, "/v1/{tenant}/audit/export", get(audit::export))
            .add(Method::GET, "/v1/operator/audit", get(audit::list_of_host))
            .add(Method::GET, "/v1/operator/audit/head", get(audit::head_of_host))
            .add(Method::GET, "/v1/operator/audit/export", get(audit::export_of_host))
            // The tenant.
            .add(Method::GET, "/v1/{tenant}/masking", get(masking::show))
            .add(Method::PUT, "/v1/{tenant}/masking", put(masking::set))
            // Files.
            .add(Method::GET, "/v1/{tenant}/files", get(files::root))
            .alias("/v1/{tenant}/files/", get(files::root))
            .add(Method::GET, "/v1/{tenant}/files/{*path}", get(files::read))
            .add(Method::PUT, "/v1/{tenant}/files/{*path}", put(files::write))
            .add(Method::DELETE, "/v1/{tenant}/files/{*path}", delete(files::remove))
    }
}

/// The service that answers everything.
pub fn router(app: App) -> Router {
    let pause = Duration::from_millis(app.config.http.body_pause_timeout_ms);
    let routes = Routes::all();
    routes
        .router
        .layer(from_fn_with_state(app.clone(), once))
        .layer(from_fn_with_state(app.clone(), sign_ins))
        .layer(RequestBodyTimeoutLayer::new(pause))
        .merge(routes.patient)
        .fallback(page::fallback)
        .method_not_allowed_fallback(method_not_allowed)
        // Each route bounds its own body: JSON, modules and files differ.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), around))
        .with_state(app)
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    ApiError::new("method_not_allowed", format!("`{}` does not take {method}", uri.path()))
}
