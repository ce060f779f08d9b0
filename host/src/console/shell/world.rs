//! What the command language asks of the host. Every request is authorized with the rights that the session's owner has at
//! that moment, and goes the ways that requests over HTTP go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use cloister_runtime::StdinPipe;
use cloister_shell::{
    CommandInfo, Entry, EntryKind, FileReader, FileWriter, FlagInfo, HistoryEntry, Refusal, RunHandle,
    StartRun, Stdin, Stream, World,
};
use cloister_terminal::{Mode as LineMode, OutputFilter};
use futures_util::future::BoxFuture;

use super::ShellParts;
use super::files::{Reading, Writing};
use super::runs::{Handle, LineRuns, Reader, ToTerminal, feed, give, give_back, joined};
use super::screen::Screen;
use crate::api::{CreateRun, Limits};
use crate::audit::{Actor, Chain, Event, Outcome};
use crate::auth::{Act, AuthError, Permit, act, authorize};
use crate::commands::{CommandError, EndWithCaller, Joins};
use crate::console::SessionContext;
use crate::files::{Found, TenantPath};
use crate::ids::RunId;

/// Entries of one directory that a pattern or a completion looks at.
const LISTED_ENTRIES: usize = 10_000;
/// Commands that a completion knows.
const KNOWN_COMMANDS: usize = 2_000;
/// What terminals of today understand; it is what the browser's does.
const TERM: &str = "xterm-256color";

/// The host, as one session sees it.
pub(super) struct SessionWorld {
    pub(super) parts: Arc<ShellParts>,
    pub(super) context: SessionContext,
    pub(super) screen: Arc<Screen>,
    pub(super) reader: Arc<Reader>,
    pub(super) line: Arc<LineRuns>,
}

/// A failure as the command language tells it: sentences of the API begin with a capital and end with a full stop.
pub(super) fn refusal(code: &str, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(code, error.to_string())
}

fn command_refusal(error: &CommandError) -> Refusal {
    match error {
        CommandError::CommandNotFound(_) => Refusal::new(error.code(), "no such command"),
        CommandError::AbsolutePath { .. } => Refusal::new(error.code(), format!("{error}; `cd /` first")),
        error => refusal(error.code(), error),
    }
}

impl SessionWorld {
    /// Leave to do something now. What is denied is audited.
    async fn permit<A: Act>(&self, action: A, resource: &str) -> Result<Permit<A>, Refusal> {
        let denied = |error: AuthError| refusal(error.code(), &error);
        let member = self.context.member().await.map_err(denied)?;
        match authorize(&member, action, resource) {
            Ok(permit) => Ok(permit),
            Err(error) => {
                self.audit(A::ACTION.as_str(), resource, Outcome::Denied, Some(error.code())).await;
                Err(denied(error))
            }
        }
    }

    async fn audit(&self, action: &str, resource: &str, outcome: Outcome, code: Option<&'static str>) {
        let event = Event {
            actor: Actor::principal(self.context.principal()),
            action: action.to_owned(),
            resource: resource.to_owned(),
            outcome,
            code,
            detail: Some(self.context.session().to_string()),
            address: None,
            request: None,
            times: 1,
        };
        if let Err(error) = self.parts.audit.record(Chain::of(self.context.scope()), event).await {
            tracing::error!(%error, "what a console session did could not be audited");
        }
    }

    async fn start_run(&self, run: StartRun) -> Result<Box<dyn RunHandle>, Refusal> {
        let permit = self.permit(act::RunCreate, &run.command).await?;
        let mut env: BTreeMap<String, String> = run.env.into_iter().collect();
        let reads_terminal = matches!(run.stdin, Stdin::Terminal) && run.foreground;
        let shows_terminal = matches!(run.stdout, cloister_shell::Out::Terminal);
        if shows_terminal || reads_terminal {
            env.entry("TERM".to_owned()).or_insert_with(|| TERM.to_owned());
        }
        if shows_terminal && reads_terminal {
            env.insert("CLOISTER_TERMINAL".to_owned(), "1".to_owned());
        }
        env.insert("PWD".to_owned(), run.cwd.clone());
        let pipe = match run.stdin {
            Stdin::Empty => None,
            Stdin::Terminal if !run.foreground => None,
            Stdin::Terminal | Stdin::Pipe(_) => Some(StdinPipe::new()),
        };
        let terminal = || ToTerminal {
            screen: Arc::clone(&self.screen),
            filter: OutputFilter::new(run.foreground),
            foreground: run.foreground,
            reader: Arc::clone(&self.reader),
        };
        let broken = Arc::<AtomicBool>::default();
        let joins = Joins {
            stdin: pipe.clone(),
            stdin_terminal: reads_terminal,
            stdout: Some(joined(run.stdout, &broken, terminal)),
            stderr: Some(joined(run.stderr, &broken, terminal)),
            cwd: Some(tenant_path(&run.cwd)?),
        };
        let request = CreateRun {
            command: run.command,
            args: run.args,
            env,
            limits: Limits::default(),
            ..CreateRun::default()
        };
        let started = self.parts.commands.start_joined(&permit, request, joins).await;
        let started = started.map_err(|error| command_refusal(&error))?;
        // Until the command language knows of it, it is gone with this future.
        let mut watched = EndWithCaller::new(&started);
        let started = Arc::new(started);
        if run.foreground {
            self.line.began(started.id());
        }
        match (run.stdin, pipe) {
            (Stdin::Pipe(from), Some(to)) => {
                let ended = Arc::clone(&started);
                tokio::spawn(feed(from, to, async move {
                    ended.ended().await;
                }));
            }
            (Stdin::Terminal, Some(pipe)) => self.hand_keys_to(&started, pipe).await,
            _ => {}
        }
        watched.disarm();
        let canceller = started.canceller();
        Ok(Box::new(Handle { run: started, canceller, broken, line: Arc::clone(&self.line) }))
    }

    /// Typed bytes are this guest's from now until it ends.
    async fn hand_keys_to(&self, run: &Arc<crate::commands::Started>, pipe: StdinPipe) {
        self.reader.set(run.id().clone(), pipe);
        let typed = self.screen.set_mode(LineMode::Cooked);
        let (screen, reader, run) = (Arc::clone(&self.screen), Arc::clone(&self.reader), Arc::clone(run));
        give(&reader, typed).await;
        tokio::spawn(async move {
            run.ended().await;
            give_back(&screen, &reader, run.id());
        });
    }

    async fn found(&self, path: &str, limit: usize) -> Result<Found, Refusal> {
        let permit = self.permit(act::FileRead, path).await?;
        let path = tenant_path(path)?;
        let found = self.parts.files.read(&permit, path, None, limit).await;
        found.map_err(|error| refusal(error.code(), &error))
    }

    async fn entries(&self, directory: &str) -> Result<Vec<Entry>, Refusal> {
        match self.found(directory, LISTED_ENTRIES).await? {
            Found::File { .. } => Err(Refusal::new("not_a_directory", "not a directory")),
            Found::Directory(listing) => Ok(listing
                .entries
                .into_iter()
                .map(|entry| Entry {
                    name: entry.name,
                    kind: match entry.kind {
                        "file" => EntryKind::File,
                        "directory" => EntryKind::Directory,
                        "symlink" => EntryKind::Symlink,
                        _ => EntryKind::Other,
                    },
                })
                .collect()),
        }
    }

    async fn known_commands(&self) -> Vec<CommandInfo> {
        let Ok(permit) = self.permit(act::DeploymentRead, "deployments").await else { return Vec::new() };
        let found = self.parts.registry.interfaces(&permit, KNOWN_COMMANDS).await;
        let interfaces = found.unwrap_or_else(|error| {
            tracing::warn!(%error, "a console session cannot list commands");
            Vec::new()
        });
        let described = |interface: crate::registry::Interface| CommandInfo {
            name: interface.name.to_string(),
            summary: interface.summary,
            flags: interface
                .flags
                .into_iter()
                .map(|flag| FlagInfo {
                    takes_value: flag.value.is_some(),
                    name: flag.name,
                    summary: flag.summary,
                })
                .collect(),
        };
        interfaces.into_iter().map(described).collect()
    }

    async fn make_writer(&self, path: &str, append: bool) -> Result<Box<dyn FileWriter>, Refusal> {
        let permit = self.permit(act::FileWrite, path).await?;
        let target = tenant_path(path)?;
        if let Ok(Found::Directory(_)) = self.found(path, 1).await {
            return Err(Refusal::new("not_a_file", "is a directory"));
        }
        self.audit(act::FileWrite::ACTION.as_str(), path, Outcome::Done, None).await;
        let name = self.parts.clock.ulid().to_string();
        Ok(Box::new(Writing::new(self.parts.files.clone(), permit, target, name, append)))
    }
}

fn tenant_path(path: &str) -> Result<TenantPath, Refusal> {
    path.parse().map_err(|error| refusal("path_invalid", &error))
}

impl World for SessionWorld {
    fn start(&self, run: StartRun) -> BoxFuture<'_, Result<Box<dyn RunHandle>, Refusal>> {
        Box::pin(self.start_run(run))
    }

    fn kill<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let permit = self.permit(act::RunControl, run).await?;
            let unknown = |_| command_refusal(&CommandError::RunNotFound);
            let id: RunId = run.parse().map_err(unknown)?;
            let killed = self.parts.commands.kill(&permit, &id).await;
            let killed = killed.map(drop).map_err(|error| command_refusal(&error));
            if killed.is_ok() {
                self.audit(act::RunControl::ACTION.as_str(), run, Outcome::Done, None).await;
            }
            killed
        })
    }

    fn list<'a>(&'a self, directory: &'a str) -> BoxFuture<'a, Result<Vec<Entry>, Refusal>> {
        Box::pin(self.entries(directory))
    }

    fn metadata<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<EntryKind, Refusal>> {
        Box::pin(async move {
            match self.found(path, 1).await {
                Ok(Found::Directory(_)) => Ok(EntryKind::Directory),
                Ok(Found::File { .. }) => Ok(EntryKind::File),
                Err(refusal) if refusal.code == "not_a_file" => Ok(EntryKind::Other),
                Err(refusal) => Err(refusal),
            }
        })
    }

    fn open<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Box<dyn FileReader>, Refusal>> {
        Box::pin(async move {
            match self.found(path, 1).await? {
                Found::File { file, .. } => Ok(Box::new(Reading::new(file)) as Box<dyn FileReader>),
                Found::Directory(_) => Err(Refusal::new("not_a_file", "is a directory")),
            }
        })
    }

    fn create<'a>(
        &'a self,
        path: &'a str,
        append: bool,
    ) -> BoxFuture<'a, Result<Box<dyn FileWriter>, Refusal>> {
        Box::pin(self.make_writer(path, append))
    }

    fn commands(&self) -> BoxFuture<'_, Vec<CommandInfo>> {
        Box::pin(self.known_commands())
    }

    fn workflows(&self) -> BoxFuture<'_, Vec<String>> {
        // There are none before workflows exist.
        Box::pin(std::future::ready(Vec::new()))
    }

    fn history<'a>(&'a self, text: &'a str, limit: usize) -> BoxFuture<'a, Vec<HistoryEntry>> {
        Box::pin(async move {
            let (scope, principal) = (self.context.scope(), self.context.principal());
            let lines = self.parts.history.newest(scope, principal, text, limit).await;
            let lines = lines.unwrap_or_else(|error| {
                tracing::warn!(%error, "a history cannot be read");
                Vec::new()
            });
            let numbered = (1..).zip(lines.into_iter().rev());
            numbered.map(|(number, line)| HistoryEntry { number, line }).collect()
        })
    }

    fn remember<'a>(&'a self, line: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let (scope, principal) = (self.context.scope(), self.context.principal());
            if let Err(error) = self.parts.history.add(scope, principal, line).await {
                tracing::warn!(%error, "a history cannot be written");
            }
        })
    }

    fn write(&self, _: Stream, bytes: Bytes) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // What the shell says has lines that end with LF.
            let mut filter = OutputFilter::new(false);
            for filtered in filter.filter(&bytes) {
                if let cloister_terminal::Filtered::Bytes(bytes) = filtered {
                    // A session that has ended shows nothing.
                    let _ = self.screen.show(&bytes).await;
                }
            }
        })
    }
}
