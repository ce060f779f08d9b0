//! Commands of the shell itself.
//!
//! They come before deployed commands of the same name; `command NAME` runs the deployed one.

mod about;
mod jobs;
mod variables;

use crate::{
    exec::{Context, external},
    jobs::Jobs,
    path,
    state::State,
    status,
    streams::{Streams, write},
    world::{EntryKind, Out, Refusal, Stream},
};

/// A builtin's name, its arguments as `help` shows them, and what it does.
pub(crate) const BUILTINS: [(&str, &str, &str); 22] = [
    (":", "", "does nothing"),
    ("cd", "[directory]", "goes to a directory of the tenant; - is the one before"),
    ("clear", "", "clears the terminal"),
    ("command", "[-v] name [arguments]", "runs a deployed command, though a builtin has its name"),
    ("echo", "[-n] [text…]", "writes its arguments"),
    ("exit", "[status]", "ends the session"),
    ("export", "[name[=value]…]", "gives variables to the commands that are run"),
    ("false", "", "fails"),
    ("fg", "[job]", "waits for a job; Ctrl-C ends it"),
    ("help", "[name]", "tells what there is"),
    ("history", "[count | text]", "lists earlier lines, those with a text"),
    ("jobs", "", "lists what runs in the background"),
    ("kill", "job | run…", "ends jobs (%1) and runs (by id)"),
    ("pwd", "", "tells the directory"),
    ("set", "[-o | +o option]", "lists variables; options are pipefail and history"),
    ("true", "", "succeeds"),
    ("type", "name…", "tells what a name would run"),
    ("unset", "name…", "forgets variables"),
    ("version", "", "tells the shell's version"),
    ("wait", "[job…]", "waits for jobs to end"),
    ("which", "name…", "as type"),
    ("workflows", "", "lists the tenant's workflows"),
];

/// A call of a builtin.
pub(crate) struct Call<'a> {
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a [String],
    pub(crate) assigned: &'a [(String, String)],
    pub(crate) streams: Streams,
    pub(crate) state: &'a mut State,
    pub(crate) jobs: &'a mut Jobs,
    pub(crate) context: &'a Context,
}

pub(crate) fn is_builtin(name: &str) -> bool {
    BUILTINS.binary_search_by_key(&name, |builtin| builtin.0).is_ok()
}

/// Whether a builtin sees to interruptions itself, since it waits for runs. The others are just left.
pub(crate) fn attends(name: &str) -> bool {
    matches!(name, "command" | "fg")
}

/// Runs a builtin; its status.
pub(crate) async fn run(mut call: Call<'_>) -> i32 {
    match call.name {
        "cd" => call.cd().await,
        "clear" => call.print("\x1b[H\x1b[2J\x1b[3J").await,
        "command" => call.command().await,
        "echo" => call.echo().await,
        "exit" => call.exit().await,
        "export" => call.export().await,
        "false" => status::FAILURE,
        "fg" => call.fg().await,
        "help" => call.help().await,
        "history" => call.history().await,
        "jobs" => call.jobs().await,
        "kill" => call.kill().await,
        "pwd" => call.print(&format!("{}\n", call.state.cwd)).await,
        "set" => call.set().await,
        "type" | "which" => call.type_of().await,
        "unset" => call.unset().await,
        "version" => call.print(concat!("cloister ", env!("CARGO_PKG_VERSION"), "\n")).await,
        "wait" => call.wait().await,
        "workflows" => call.workflows().await,
        _ => status::SUCCESS,
    }
}

impl Call<'_> {
    /// Writes to standard output; the status is 0 unless nobody reads.
    async fn print(&self, text: &str) -> i32 {
        let written = write(&self.streams.stdout, Stream::Stdout, text, &self.context.world).await;
        written.map_or(status::BROKEN_PIPE, |()| status::SUCCESS)
    }

    /// Writes what is wrong to standard error.
    async fn complain(&self, what: &str, status: i32) -> i32 {
        let text = format!("cloister: {}: {what}\n", self.name);
        // The status says it as well.
        let _ = write(&self.streams.stderr, Stream::Stderr, &text, &self.context.world).await;
        status
    }

    async fn refuse(&self, refusal: &Refusal) -> i32 {
        self.complain(&refusal.to_string(), status::FAILURE).await
    }

    async fn usage(&self) -> i32 {
        let usage = BUILTINS.iter().find(|builtin| builtin.0 == self.name).map_or("", |builtin| builtin.1);
        self.complain(&format!("use it as: {} {usage}", self.name), status::USAGE).await
    }

    async fn cd(&mut self) -> i32 {
        let (to, shown) = match self.arguments {
            [] => (self.state.get("HOME").unwrap_or("/").to_owned(), false),
            [to] if to == "-" => match self.state.get("OLDPWD") {
                Some(before) => (before.to_owned(), true),
                None => return self.complain("there is no directory before", status::FAILURE).await,
            },
            [to] => (to.clone(), false),
            _ => return self.usage().await,
        };
        let path = match path::resolve(&self.state.cwd, &to) {
            Ok(path) => path,
            Err(refusal) => return self.refuse(&refusal).await,
        };
        match self.context.world.metadata(&path).await {
            Ok(EntryKind::Directory) => {}
            Ok(_) => return self.complain(&format!("{to}: not a directory"), status::FAILURE).await,
            Err(refusal) => return self.complain(&format!("{to}: {refusal}"), status::FAILURE).await,
        }
        let before = std::mem::replace(&mut self.state.cwd, path.clone());
        for (name, value) in [("OLDPWD", &before), ("PWD", &path)] {
            if let Err(refusal) = self.state.set(name, value) {
                return self.refuse(&refusal).await;
            }
        }
        if shown { self.print(&format!("{path}\n")).await } else { status::SUCCESS }
    }

    async fn echo(&self) -> i32 {
        let (words, end) = match self.arguments {
            [first, rest @ ..] if first == "-n" => (rest, ""),
            all => (all, "\n"),
        };
        self.print(&format!("{}{end}", words.join(" "))).await
    }

    async fn exit(&mut self) -> i32 {
        let status = match self.arguments {
            [] => self.state.status,
            [status] => match status.parse::<u8>() {
                Ok(status) => i32::from(status),
                Err(_) => return self.complain("a status is a number from 0 to 255", status::USAGE).await,
            },
            _ => return self.usage().await,
        };
        self.state.exit = Some(status);
        status
    }

    async fn command(self) -> i32 {
        match self.arguments {
            [] => self.usage().await,
            [flag, names @ ..] if flag == "-v" || flag == "-V" => {
                Call { arguments: names, ..self }.type_of().await
            }
            [name, arguments @ ..] => {
                external(name, arguments, self.assigned, self.streams, self.state, self.context).await
            }
        }
    }

    /// Whether standard output is the terminal.
    fn on_terminal(&self) -> bool {
        matches!(self.streams.stdout, Out::Terminal)
    }
}
