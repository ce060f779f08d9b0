//! What went wrong, in the words a person gets, and the exit code it ends with.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Display;
use std::io;

use cloister_host::api::Problem;
use reqwest::StatusCode;

/// Everything that is not told apart below.
pub(crate) const EXIT_FAILURE: u8 = 1;
/// The command line makes no sense; clap uses the same.
pub(crate) const EXIT_USAGE: u8 = 2;
/// The host cannot be reached (`EX_UNAVAILABLE` of sysexits.h).
pub(crate) const EXIT_UNREACHABLE: u8 = 69;
/// Not signed in, or not allowed (`EX_NOPERM` of sysexits.h).
pub(crate) const EXIT_DENIED: u8 = 77;
/// What a shell shows for a program that died of a closed pipe: 128 + SIGPIPE.
pub(crate) const EXIT_BROKEN_PIPE: u8 = 141;

/// A result of the command line.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// A failure as it is shown: `error[code]: detail`, a hint, the request's id.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The process's exit code.
    pub(crate) exit: u8,
    /// Stable and machine-readable; the host's own where there is one.
    pub(crate) code: Cow<'static, str>,
    /// What happened.
    pub(crate) detail: String,
    /// What to do about it.
    pub(crate) hint: Option<Cow<'static, str>>,
    /// Names the request in the host's log.
    pub(crate) request_id: Option<String>,
    /// The host asked to try again later.
    pub(crate) transient: bool,
}

impl Failure {
    /// A failure that ends with [`EXIT_FAILURE`].
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            exit: EXIT_FAILURE,
            code: code.into(),
            detail: detail.into(),
            hint: None,
            request_id: None,
            transient: false,
        }
    }

    /// The arguments make no sense together.
    pub(crate) fn usage(detail: impl Into<String>) -> Self {
        Self { exit: EXIT_USAGE, ..Self::new("usage", detail) }
    }

    /// Nobody is signed in there.
    pub(crate) fn not_signed_in(host: &str) -> Self {
        Self { exit: EXIT_DENIED, ..Self::new("not_signed_in", format!("you are not signed in to {host}")) }
            .with_hint(format!("cloister login {host}"))
    }

    /// Something on this machine failed: `attempted` completes "cannot ...".
    pub(crate) fn local(attempted: impl Display, source: &(dyn Error + 'static)) -> Self {
        Self::new("local", format!("cannot {attempted}: {}", innermost(source)))
    }

    /// Standard output is closed; nobody is left to tell.
    pub(crate) fn broken_pipe() -> Self {
        Self { exit: EXIT_BROKEN_PIPE, ..Self::new("broken_pipe", "standard output was closed") }
    }

    /// Writing to standard output or standard error failed.
    pub(crate) fn from_write(source: &io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            return Self::broken_pipe();
        }
        Self::local("write the output", source)
    }

    /// A request that got no answer.
    pub(crate) fn unreachable(host: &str, source: &reqwest::Error) -> Self {
        let detail = if source.is_timeout() {
            format!("{host} did not answer in time")
        } else if source.is_connect() {
            format!("cannot reach {host}: {}", innermost(source))
        } else {
            format!("the connection to {host} failed: {}", innermost(source))
        };
        Self { exit: EXIT_UNREACHABLE, ..Self::new("host_unreachable", detail) }
            .with_hint("is the host running, and is the address right? --host URL chooses another")
    }

    /// A failure the host described.
    pub(crate) fn from_problem(problem: Problem) -> Self {
        let hint = hint_for(problem.status, &problem.code);
        Self {
            exit: exit_for(problem.status),
            code: problem.code.into(),
            detail: problem.detail,
            hint: hint.map(Cow::Borrowed),
            request_id: Some(problem.request_id).filter(|id| !id.is_empty()),
            transient: is_transient(problem.status),
        }
    }

    /// A failure status without a description, for instance from a proxy in between.
    pub(crate) fn from_status(status: StatusCode, request_id: Option<String>) -> Self {
        let detail = format!("the host answered {status} without saying why");
        let hint = hint_for(status.as_u16(), "").map(Cow::Borrowed);
        let code = Cow::Owned(format!("http_{}", status.as_u16()));
        let transient = is_transient(status.as_u16());
        Self { exit: exit_for(status.as_u16()), code, detail, hint, request_id, transient }
    }

    /// An answer that is not what the API promises.
    pub(crate) fn bad_answer(what: impl Display) -> Self {
        Self::new(
            "bad_answer",
            format!("the host answered something this version does not understand: {what}"),
        )
        .with_hint("is this a Cloister host, and of a version close to this one?")
    }

    /// Adds what to do about it.
    pub(crate) fn with_hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// True when the same request may succeed a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        self.exit == EXIT_UNREACHABLE || self.transient
    }

    /// True when there is nobody left to tell.
    pub(crate) fn is_silent(&self) -> bool {
        self.exit == EXIT_BROKEN_PIPE
    }
}

fn exit_for(status: u16) -> u8 {
    if matches!(status, 401 | 403) { EXIT_DENIED } else { EXIT_FAILURE }
}

fn is_transient(status: u16) -> bool {
    matches!(status, 429 | 500 | 502..=504)
}

fn hint_for(status: u16, code: &str) -> Option<&'static str> {
    match (code, status) {
        ("wrong_credentials" | "link_invalid", _) => None,
        ("command_not_found" | "deployment_not_found", _) => {
            Some("`cloister deployments` lists the commands")
        }
        ("tenant_not_found", _) => Some("`cloister whoami` lists your tenants; --tenant SLUG chooses one"),
        ("module_not_found", _) => Some("`cloister modules` lists the modules"),
        ("run_not_found", _) => Some("`cloister ps --all` lists the runs"),
        (_, 401) => Some("sign in again with `cloister login`"),
        (_, 403) => Some("your role in this tenant does not allow it; `cloister whoami` shows it"),
        (_, 429) => Some("wait a moment and try again"),
        (_, 502..=504) => Some("the host is starting, stopping or overloaded; try again"),
        (_, 500) => Some("the host's own log has more under this request id"),
        _ => None,
    }
}

/// The last error of the chain: the one that names the cause.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current
}
