//! The description of the API, made from the handlers.

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::handlers::{
    audit, auth, console, deployments, files, host, lifecycle, logs, masking, members, modules, operator,
    roles, runs, secrets, sessions, tenants, usage,
};
use crate::api::{OutputEvent, Problem};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cloister",
        description = "Runs tenants' WebAssembly commands. Every failure is a problem document with a stable code.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        host::alive,
        host::ready,
        host::metrics,
        host::openapi,
        auth::sign_in,
        auth::link,
        auth::refresh,
        auth::sign_out,
        auth::password,
        auth::me,
        operator::create_tenant,
        operator::list_tenants,
        operator::show_tenant,
        operator::change_tenant,
        lifecycle::suspend,
        lifecycle::resume,
        lifecycle::offboard,
        lifecycle::erase,
        lifecycle::receipts,
        lifecycle::export,
        lifecycle::export_as_operator,
        lifecycle::import,
        operator::list_users,
        operator::recover_user,
        operator::rotate_keys,
        sessions::oidc,
        sessions::accept,
        sessions::list,
        sessions::end_all,
        sessions::end,
        sessions::jwks,
        tenants::show,
        tenants::change,
        members::list,
        members::change,
        members::remove,
        members::invite,
        members::invitations,
        members::revoke,
        roles::list,
        roles::put,
        roles::remove,
        roles::make_key,
        roles::keys,
        roles::revoke_key,
        modules::upload,
        modules::list,
        modules::show,
        modules::remove,
        deployments::list,
        deployments::show,
        deployments::deploy,
        deployments::remove,
        deployments::roll_back,
        runs::create,
        runs::list,
        runs::show,
        runs::kill,
        runs::stdin,
        runs::output,
        runs::raw,
        secrets::list,
        secrets::put,
        secrets::remove,
        runs::delete_logs,
        logs::list,
        logs::histogram,
        logs::export,
        logs::show,
        logs::context,
        console::create,
        console::list,
        console::show,
        console::change,
        console::end,
        console::messages,
        console::ticket,
        console::ws,
        console::events,
        console::history,
        console::clear,
        usage::show,
        masking::show,
        masking::set,
        audit::list,
        audit::head,
        audit::export,
        audit::list_of_host,
        audit::head_of_host,
        audit::export_of_host,
        files::root,
        files::read,
        files::write,
        files::remove,
    ),
    components(schemas(Problem, OutputEvent)),
    modifiers(&Common)
)]
struct Description;

/// What all routes share: the token, and problems.
struct Common;

impl Modify for Common {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("bearer", bearer);
        let problem = utoipa::openapi::ResponseBuilder::new()
            .description("A problem document; see its `code`.")
            .content(
                "application/problem+json",
                utoipa::openapi::ContentBuilder::new()
                    .schema(Some(utoipa::openapi::Ref::from_schema_name("Problem")))
                    .build(),
            )
            .build();
        for item in openapi.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete]
                .into_iter()
                .flatten()
            {
                for class in ["4XX", "5XX"] {
                    operation.responses.responses.insert(class.to_owned(), problem.clone().into());
                }
            }
        }
    }
}

/// The OpenAPI 3.1 document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Description::openapi()
}
