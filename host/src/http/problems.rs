//! Every code that a problem can have: its status, its title, and what to do about it.

/// One kind of problem.
pub(super) struct Kind {
    pub(super) code: &'static str,
    pub(super) status: u16,
    pub(super) title: &'static str,
    pub(super) advice: &'static str,
}

const fn kind(code: &'static str, status: u16, title: &'static str, advice: &'static str) -> Kind {
    Kind { code, status, title, advice }
}

/// The kind of a code; an unknown one is a fault of the host.
pub(super) fn of(code: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.code == code).unwrap_or(&INTERNAL)
}

pub(super) static INTERNAL: Kind = kind(
    "internal",
    500,
    "The host failed",
    "Try again, and give the request id to the operator if it persists.",
);

#[rustfmt::skip]
pub(super) static KINDS: &[Kind] = &[
    // The request itself.
    kind("malformed_json", 400, "The body is not the JSON that was expected", "Correct the body and send it again."),
    kind("malformed_query", 400, "The query is not valid", "Correct the query and send it again."),
    kind("malformed_path", 400, "The path is not valid", "Percent-encode each segment as UTF-8."),
    kind("malformed_cursor", 400, "The cursor is not valid", "Use the cursor of the last page as it came, or leave it out to start over."),
    kind("invalid_value", 400, "A value is not valid", "Correct the value and send it again."),
    kind("unsupported_media_type", 415, "The body has the wrong type", "Send `Content-Type: application/json`."),
    kind("body_too_large", 413, "The body is too large", "Send less."),
    kind("body_incomplete", 400, "The body ended early or came too slowly", "Send it again."),
    kind("not_found", 404, "There is nothing at this path", "Look the path up in /openapi.json."),
    kind("method_not_allowed", 405, "This path does not take this method", "Look the path up in /openapi.json."),
    kind("idempotency_key_invalid", 400, "The idempotency key is not valid", "Send one `Idempotency-Key` of 1 to 255 visible ASCII characters."),
    kind("idempotency_key_reused", 422, "The idempotency key was used for another request", "Choose a new key for each piece of work."),
    kind("idempotency_in_flight", 409, "The first request with this key goes on", "Send it again as `Retry-After` says."),
    kind("idempotency_cut_off", 409, "The first request with this key was cut off", "Look whether it was done; if not, send it again with a new key."),
    kind("idempotency_not_kept", 409, "The request was done, and its answer was too large to be kept", "Look at what it made."),
    kind("idempotency_full", 429, "Too many idempotency keys within a day", "Wait, or send the request without one."),
    // Who acts.
    kind("unauthenticated", 401, "Sign in first", "Send `Authorization: Bearer` with an access token."),
    kind("token_invalid", 401, "The access token is not valid", "Sign in again."),
    kind("token_expired", 401, "The access token has expired", "Get a new one with the refresh token."),
    kind("token_of_other_tenant", 401, "The access token is good for another tenant", "Get one for this tenant: `POST /v1/auth/refresh` with `tenant`."),
    kind("wrong_credentials", 401, "Wrong e-mail address or password", "Check both; ask the tenant's owner or the operator for a link if it is lost."),
    kind("link_invalid", 401, "The sign-in link is not valid", "Ask for a new one."),
    kind("refresh_invalid", 401, "The refresh token is not valid", "Sign in again."),
    kind("refresh_reused", 401, "The refresh token was used before", "The session was ended, since someone may have copied the token. Sign in again."),
    kind("refresh_superseded", 409, "The refresh token was exchanged a moment ago", "Use the newer token."),
    kind("csrf_missing", 403, "The request may come from another site", "Send the header `X-Cloister-CSRF: 1`."),
    kind("too_many_attempts", 429, "Too many failed attempts", "Wait as `Retry-After` says."),
    kind("busy", 503, "The host is busy", "Try again in a moment."),
    kind("password_invalid", 400, "The password does not meet the rule", "Choose one of 12 to 256 characters."),
    kind("permission_denied", 403, "Your role does not allow this", "Ask an owner of the tenant."),
    kind("grants_too_much", 403, "You would grant more than you hold", "Leave out what you may not do yourself, or ask an owner of the tenant."),
    kind("session_required", 403, "An API key cannot do this", "Sign in as a person."),
    kind("sign_in_first", 409, "The account exists", "Sign in to it, and accept the invitation with its access token."),
    kind("identity_invalid", 401, "The identity token is not valid", "Get a new one from your issuer."),
    kind("issuer_failed", 503, "The issuer's keys cannot be had", "Try again in a moment."),
    kind("identity_without_place", 403, "You have no role here", "Ask the owner of the tenant, or whoever runs your issuer."),
    kind("account_exists", 409, "The account exists", "Sign in to it with its password, or ask the operator to trust the issuer with e-mail addresses."),
    kind("session_not_found", 404, "There is no such session", "List yours with GET /v1/auth/sessions."),
    kind("key_invalid", 422, "The API key is not valid", "Correct it and send it again."),
    kind("key_not_found", 404, "There is no such API key", "List keys with GET /v1/{tenant}/keys."),
    kind("too_many_keys", 409, "The tenant has too many API keys", "Revoke one."),
    // Tenants.
    kind("tenant_status", 409, "The tenant does not stand where this can be done", "Look it up with GET /v1/operator/tenants/{id}."),
    kind("archive_invalid", 422, "The archive cannot be used", "Send an archive as it was exported."),
    kind("archive_too_large", 413, "The archive is too large", "Ask the operator to raise `tenancy.import_bytes`."),
    kind("not_confirmed", 422, "The request is not confirmed", "Repeat the tenant's slug in `confirm`."),
    kind("member_not_found", 404, "There is no such member", "List members with GET /v1/{tenant}/members."),
    kind("last_owner", 409, "A tenant must have an owner", "Make another member an owner first."),
    kind("already_member", 409, "They are a member", "Change their role with PUT /v1/{tenant}/members/{user}."),
    kind("invitation_not_found", 404, "There is no such invitation", "List invitations with GET /v1/{tenant}/invitations."),
    kind("role_not_found", 404, "There is no such role", "List roles with GET /v1/{tenant}/roles."),
    kind("role_in_use", 409, "The role is in use", "Give its members another role, and revoke its invitations first."),
    kind("role_invalid", 422, "The role is not valid", "Correct it and send it again."),
    kind("too_many", 409, "The tenant has as many as it may have", "Remove one first."),
    kind("user_not_found", 404, "There is no such account", "List accounts with GET /v1/operator/users."),
    kind("tenant_not_found", 404, "There is no such tenant", "Look your tenants up with GET /v1/auth/me."),
    kind("tenant_mismatch", 400, "The request names two tenants", "Name the same tenant in the path, `X-Tenant-ID`, `?tenant=` and the subdomain."),
    kind("tenant_unnamed", 400, "The request names no tenant", "Name one in the path, `X-Tenant-ID` or `?tenant=`."),
    kind("tenant_suspended", 403, "The tenant is suspended", "Ask the operator."),
    kind("slug_taken", 409, "The slug is taken", "Choose another."),
    kind("name_invalid", 400, "The name is not valid", "Choose one of 1 to 100 characters."),
    // Modules.
    kind("module_not_found", 404, "There is no such module", "Upload it first."),
    kind("module_in_use", 409, "The module is in use", "Remove or change the commands that name it first."),
    kind("module_too_large", 413, "The module is too large", "Make it smaller, or ask for a larger plan."),
    kind("module_empty", 422, "The module is empty", "Send the binary as the body."),
    kind("module_not_wasm", 422, "Not a WebAssembly binary", "Upload a core module or a component."),
    kind("module_truncated", 422, "The module ends early", "Upload the whole file."),
    kind("module_invalid", 422, "The module is not valid", "Build it again."),
    kind("module_no_entry_point", 422, "The module has no entry point", "Build it as a command, which exports `_start` or `wasi:cli/run`, not as a library."),
    kind("module_unknown_import", 422, "The module imports what no host provides", "Build it for WASI preview 1, 0.2 or 0.3."),
    kind("module_compile_limit", 422, "The module takes too much to compile", "Make it smaller or simpler."),
    kind("module_compile_failed", 500, "The host could not compile the module", "Try again, and give the request id to the operator if it persists."),
    kind("too_many_modules", 409, "The plan's number of modules is reached", "Remove one, or ask for a larger plan."),
    kind("too_many_uploads", 429, "Too many modules of the tenant wait to be compiled", "Wait as `Retry-After` says, and send it again."),
    // Deployments.
    kind("deployment_not_found", 404, "There is no such command", "List commands with GET /v1/{tenant}/deployments."),
    kind("version_not_found", 404, "There is no such version of the command", "List its versions with GET /v1/{tenant}/deployments/{name}."),
    kind("limit_above_plan", 422, "A limit is above the plan's", "Lower it, or ask for a larger plan."),
    kind("grant_invalid", 422, "A grant is not valid", "Correct it and send it again."),
    kind("too_many_deployments", 409, "The plan's number of commands is reached", "Remove one, or ask for a larger plan."),
    // Secrets.
    kind("secret_not_found", 404, "There is no such secret", "List secrets with GET /v1/{tenant}/secrets."),
    kind("secret_missing", 409, "A secret of the command is not set", "Set it with PUT /v1/{tenant}/secrets/{name}."),
    kind("too_many_secrets", 409, "The tenant has as many secrets as it may", "Remove one."),
    kind("secret_damaged", 500, "A stored secret cannot be opened", "Set it again."),
    // Files.
    kind("path_invalid", 400, "The path cannot name a file of the tenant", "Use a path inside the tenant's directory, without `..`."),
    kind("file_not_found", 404, "There is no such file", "List the directory above it."),
    kind("file_too_large", 413, "The file is too large", "Send less."),
    kind("not_a_file", 409, "The path is not a regular file", "Name a file."),
    kind("not_a_directory", 409, "The path is not a directory", "Name a directory."),
    kind("file_exists", 409, "There is something at this path", "Remove it first, or choose another path."),
    kind("file_refused", 409, "The file system refused", "Check what is at the path."),
    // Runs.
    kind("command_not_found", 404, "There is no such command", "List commands with GET /v1/{tenant}/deployments."),
    kind("run_not_found", 404, "There is no such run", "List runs with GET /v1/{tenant}/runs."),
    kind("run_already_ended", 409, "The run has ended", "Nothing is left to do."),
    kind("run_not_ended", 409, "The run has not ended", "Wait for its end, or end it with POST /v1/{tenant}/runs/{run}/kill."),
    kind("absolute_path", 422, "An absolute path where only relative ones lead", "Start the command at the top of the directory."),
    kind("stdin_gap", 409, "Bytes of standard input are missing in between", "Send again from the offset that was expected."),
    kind("stdin_not_streamed", 409, "The run takes no more input", "Start it with `stdin: stream`."),
    kind("too_many_runs", 429, "The plan's number of concurrent runs is reached", "Wait for one to end, or ask for a larger plan."),
    kind("tenant_memory_used_up", 429, "The memory that the plan allows all runs together is used up", "Wait for a run to end, or ask for a larger plan."),
    // The console.
    kind("console_session_not_found", 404, "There is no such console session", "List yours with GET /v1/{tenant}/console/sessions."),
    kind("console_session_ended", 409, "The console session has ended", "Make another."),
    kind("too_many_console_sessions", 429, "There are too many console sessions", "End one, or ask for a larger plan."),
    kind("too_many_connections", 429, "There are too many connections", "Close one."),
    kind("too_many_tickets", 429, "There are too many tickets", "Use those that you have, or wait half a minute."),
    kind("ticket_invalid", 401, "The ticket is not valid", "Get another with POST /v1/{tenant}/console/tickets."),
    kind("origin_refused", 403, "The page is of another site", "Ask the operator to add its origin to `http.allowed_origins`."),
    kind("websocket_required", 400, "This is a WebSocket", "Ask for an upgrade to `websocket` with subprotocol `cloister.console.v1`."),
    kind("malformed_message", 400, "The message is not valid", "Correct it; docs/console.md describes each."),
    kind("not_owner", 409, "Another client owns the session", "Take it over first."),
    kind("out_of_order", 409, "Input is missing in between", "Send again from the number that is expected."),
    kind("input_full", 429, "The session has not read what was typed before", "Send it again in a moment."),
    // Logs.
    kind("log_store_failed", 503, "The log takes no more lines", "Try again when the host has restarted."),
    kind("log_read_failed", 503, "The log cannot be read", "Try again, and give the request id to the operator if it persists."),
    kind("line_not_found", 404, "There is no such line", "List lines with GET /v1/{tenant}/logs."),
    kind("line_deleted", 410, "The line was deleted", "Look at those that are left with GET /v1/{tenant}/logs."),
    kind("log_damaged", 500, "Lines of the log are damaged", "Read what is left with GET /v1/{tenant}/logs."),
    // Rates and quotas.
    kind("rate_limited", 429, "Too many of these in a short time", "Wait as `Retry-After` says."),
    kind("quota_exceeded", 429, "The plan's number of this month is used up", "Wait for the next month, or ask for a larger plan."),
    // Masking.
    kind("masking_invalid", 422, "A masking rule is not valid", "Correct it and send it again."),
    // Audit.
    kind("audit_failed", 503, "The audit takes no more records", "Nothing can be changed until the host has restarted."),
    // The host.
    kind("storage_full", 507, "The tenant's directory is full", "Nothing was written. Remove files, or ask for a larger plan."),
    kind("disk_full", 507, "The disk is nearly full", "Nothing was changed. Try again when the operator has made room."),
    kind("record_too_large", 413, "The record is too large", "Send less."),
    kind("store_failed", 503, "The store cannot write", "Try again when the host has restarted."),
    kind("not_ready", 503, "The host takes no work now", "Try again in a moment."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_statuses_are_failures() {
        for (index, kind) in KINDS.iter().enumerate() {
            assert!((400..=599).contains(&kind.status), "{}", kind.code);
            assert!(!KINDS[..index].iter().any(|other| other.code == kind.code), "{}", kind.code);
        }
    }
}
