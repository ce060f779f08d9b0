//! Exit statuses that the shell gives by itself.

/// Done.
pub const SUCCESS: i32 = 0;
/// A builtin, a redirection or an expansion failed.
pub const FAILURE: i32 = 1;
/// A line or a builtin's arguments that are not understood.
pub const USAGE: i32 = 2;
/// A quota, a rate or a budget does not allow it now.
pub const QUOTA: i32 = 75;
/// Refused for another reason.
pub const REFUSED: i32 = 125;
/// Not allowed, or not runnable.
pub const DENIED: i32 = 126;
/// No such command.
pub const NOT_FOUND: i32 = 127;
/// Interrupted (Ctrl-C).
pub const INTERRUPTED: i32 = 130;
/// Wrote where nobody reads any more.
pub const BROKEN_PIPE: i32 = 141;
/// A job that was killed.
pub const TERMINATED: i32 = 143;

/// The status for a run that was refused, from the refusal's code.
#[must_use]
pub fn of_refusal(code: &str) -> i32 {
    match code {
        "command_not_found" | "deployment_not_found" => NOT_FOUND,
        "permission_denied" | "tenant_suspended" | "unauthenticated" | "session_required" => DENIED,
        "too_many_runs"
        | "tenant_memory_used_up"
        | "rate_limited"
        | "quota_exceeded"
        | "storage_full"
        | "disk_full" => QUOTA,
        _ => REFUSED,
    }
}
