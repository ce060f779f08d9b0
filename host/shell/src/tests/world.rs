//! A world in memory: files, a terminal, and commands that are tasks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};

use super::commands;
use crate::{
    CommandInfo, Ended, Entry, EntryKind, FileReader, FileWriter, FlagInfo, HistoryEntry, Refusal, RunHandle,
    StartRun, Stream, World,
};

#[derive(Default)]
pub(super) struct Fake {
    pub(super) files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    pub(super) directories: Mutex<BTreeSet<String>>,
    pub(super) terminal: Arc<Mutex<String>>,
    pub(super) history: Mutex<Vec<String>>,
    pub(super) started: Mutex<Vec<Started>>,
    pub(super) killed: Mutex<Vec<String>>,
    runs: AtomicUsize,
    pub(super) shared: Arc<Shared>,
}

/// What the commands of a test share with it.
pub(super) struct Shared {
    /// `gated` reads one chunk for each permit.
    pub(super) gate: Semaphore,
    /// Bytes that `yes` has written.
    pub(super) written_bytes: AtomicUsize,
    /// Commands that have begun, and those that have ended.
    pub(super) begun: AtomicUsize,
    pub(super) ended: AtomicUsize,
    pub(super) changed: Notify,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            gate: Semaphore::new(0),
            written_bytes: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            changed: Notify::new(),
        }
    }
}

impl Shared {
    /// Waits until so many commands have begun.
    pub(super) async fn until_begun(&self, count: usize) {
        loop {
            let changed = self.changed.notified();
            if self.begun.load(Ordering::SeqCst) >= count {
                return;
            }
            changed.await;
        }
    }
}

/// What a command was started with.
#[derive(Debug, Clone)]
pub(super) struct Started {
    pub(super) command: String,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: String,
    pub(super) foreground: bool,
}

impl Fake {
    /// A world with files; a name that ends with `/` is an empty directory.
    pub(super) fn with(files: &[(&str, &str)]) -> Arc<Self> {
        let fake = Self::default();
        for (path, text) in files {
            for (at, _) in path.match_indices('/').skip(1) {
                fake.directories.lock().insert(path[..at].to_owned());
            }
            if !path.ends_with('/') {
                fake.files.lock().insert((*path).to_owned(), text.as_bytes().to_vec());
            }
        }
        Arc::new(fake)
    }

    pub(super) fn file(&self, path: &str) -> Option<String> {
        self.files.lock().get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub(super) fn take_terminal(&self) -> String {
        std::mem::take(&mut self.terminal.lock())
    }

    fn kind(&self, path: &str) -> Option<EntryKind> {
        if path == "/" || self.directories.lock().contains(path) {
            Some(EntryKind::Directory)
        } else {
            self.files.lock().contains_key(path).then_some(EntryKind::File)
        }
    }
}

fn missing() -> Refusal {
    Refusal::new("file_not_found", "there is no such file")
}

impl World for Fake {
    fn start(&self, run: StartRun) -> BoxFuture<'_, Result<Box<dyn RunHandle>, Refusal>> {
        async move {
            match run.command.as_str() {
                "denied" => return Err(Refusal::new("permission_denied", "your role does not allow this")),
                "crowd" => return Err(Refusal::new("too_many_runs", "too many runs")),
                name if !commands::NAMES.contains(&name) => {
                    return Err(Refusal::new("command_not_found", "no such command"));
                }
                _ => {}
            }
            self.started.lock().push(Started {
                command: run.command.clone(),
                args: run.args.clone(),
                env: run.env.clone(),
                cwd: run.cwd.clone(),
                foreground: run.foreground,
            });
            let id = format!("run-{}", self.runs.fetch_add(1, Ordering::SeqCst) + 1);
            let (cancel, cancelled) = watch::channel(false);
            let (finish, ended) = watch::channel(None);
            let (shared, terminal) = (Arc::clone(&self.shared), Arc::clone(&self.terminal));
            let files = Arc::clone(&self.files);
            let ignores = run.command == "stubborn";
            let task = async move {
                shared.begun.fetch_add(1, Ordering::SeqCst);
                shared.changed.notify_waiters();
                let running = commands::run(run, terminal, Arc::clone(&shared), files);
                let mut cancelled = cancelled;
                let code = tokio::select! {
                    biased;
                    _ = cancelled.wait_for(|cancelled| *cancelled && !ignores) => 137,
                    code = running => code,
                };
                shared.ended.fetch_add(1, Ordering::SeqCst);
                let outcome = (code == 134).then(|| "ran out of memory".to_owned());
                finish.send_replace(Some(Ended { exit_code: code, outcome }));
            };
            tokio::spawn(task);
            Ok(Box::new(Handle { id, cancel, ended }) as Box<dyn RunHandle>)
        }
        .boxed()
    }

    fn kill<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<(), Refusal>> {
        self.killed.lock().push(run.to_owned());
        let known = run.starts_with("run-");
        async move { if known { Ok(()) } else { Err(Refusal::new("run_not_found", "no such run")) } }.boxed()
    }
    fn list<'a>(&'a self, directory: &'a str) -> BoxFuture<'a, Result<Vec<Entry>, Refusal>> {
        async move {
            if self.kind(directory) != Some(EntryKind::Directory) {
                return Err(missing());
            }
            let front = if directory == "/" { "/".to_owned() } else { format!("{directory}/") };
            let below = |path: &String, kind| {
                let name = path.strip_prefix(&front)?;
                (!name.is_empty() && !name.contains('/')).then(|| Entry { name: name.to_owned(), kind })
            };
            let mut entries: Vec<Entry> =
                self.files.lock().keys().filter_map(|path| below(path, EntryKind::File)).collect();
            let directories = self.directories.lock();
            entries.extend(directories.iter().filter_map(|path| below(path, EntryKind::Directory)));
            entries.reverse();
            Ok(entries)
        }
        .boxed()
    }

    fn metadata<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<EntryKind, Refusal>> {
        async move { self.kind(path).ok_or_else(missing) }.boxed()
    }

    fn open<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Box<dyn FileReader>, Refusal>> {
        async move {
            let bytes = self.files.lock().get(path).cloned().ok_or_else(missing)?;
            let breaks = path.contains("broken");
            Ok(Box::new(Reader { bytes: bytes.into(), breaks }) as Box<dyn FileReader>)
        }
        .boxed()
    }

    fn create<'a>(
        &'a self,
        path: &'a str,
        append: bool,
    ) -> BoxFuture<'a, Result<Box<dyn FileWriter>, Refusal>> {
        async move {
            let (above, _) = path.rsplit_once('/').unwrap_or(("", path));
            let above = if above.is_empty() { "/" } else { above };
            if self.kind(above) != Some(EntryKind::Directory) {
                return Err(missing());
            }
            if self.kind(path) == Some(EntryKind::Directory) {
                return Err(Refusal::new("not_a_file", "it is a directory"));
            }
            let before = if append { self.files.lock().get(path).cloned() } else { None };
            let writer = Writer {
                path: path.to_owned(),
                bytes: before.unwrap_or_default(),
                quota_bytes: if path.contains("full") { 100_000 } else { usize::MAX },
                files: Arc::clone(&self.files),
            };
            Ok(Box::new(writer) as Box<dyn FileWriter>)
        }
        .boxed()
    }

    fn commands(&self) -> BoxFuture<'_, Vec<CommandInfo>> {
        let flag = |name: &str, takes_value| FlagInfo {
            name: name.to_owned(),
            takes_value,
            summary: "a flag".to_owned(),
        };
        let command = move |name: &&str| CommandInfo {
            name: (*name).to_owned(),
            flags: vec![flag("--all", false), flag("--max-depth", true), flag("-a", false)],
            summary: format!("runs {name}"),
        };
        async move { commands::NAMES.iter().map(command).collect() }.boxed()
    }

    fn workflows(&self) -> BoxFuture<'_, Vec<String>> {
        async { vec!["nightly".to_owned(), "build".to_owned()] }.boxed()
    }

    fn history<'a>(&'a self, text: &'a str, limit: usize) -> BoxFuture<'a, Vec<HistoryEntry>> {
        async move {
            let history = self.history.lock();
            let numbered = history.iter().enumerate().filter(|(_, line)| line.contains(text));
            let mut entries: Vec<HistoryEntry> = numbered
                .map(|(index, line)| HistoryEntry { number: index as u64 + 1, line: line.clone() })
                .collect();
            entries.drain(..entries.len().saturating_sub(limit));
            entries
        }
        .boxed()
    }

    fn remember<'a>(&'a self, line: &'a str) -> BoxFuture<'a, ()> {
        async move { self.history.lock().push(line.to_owned()) }.boxed()
    }

    fn write(&self, _: Stream, bytes: Bytes) -> BoxFuture<'_, ()> {
        async move { self.terminal.lock().push_str(&String::from_utf8_lossy(&bytes)) }.boxed()
    }
}

struct Handle {
    id: String,
    cancel: watch::Sender<bool>,
    ended: watch::Receiver<Option<Ended>>,
}

impl RunHandle for Handle {
    fn id(&self) -> &str {
        &self.id
    }

    fn wait(&self) -> BoxFuture<'_, Ended> {
        let mut ended = self.ended.clone();
        async move {
            let ended = ended.wait_for(Option::is_some).await.unwrap().clone();
            ended.unwrap()
        }
        .boxed()
    }

    fn cancel(&self) {
        self.cancel.send_replace(true);
    }
}

struct Reader {
    bytes: Bytes,
    breaks: bool,
}

impl FileReader for Reader {
    fn read(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Refusal>> {
        let part = self.bytes.split_to(self.bytes.len().min(1000));
        let read = match (part.is_empty(), self.breaks) {
            (false, _) => Ok(Some(part)),
            (true, false) => Ok(None),
            (true, true) => Err(Refusal::new("file_refused", "the disk does not answer")),
        };
        async move { read }.boxed()
    }
}

struct Writer {
    path: String,
    bytes: Vec<u8>,
    quota_bytes: usize,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl FileWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Refusal>> {
        self.bytes.extend_from_slice(&bytes);
        let full = self.bytes.len() > self.quota_bytes;
        async move {
            if full { Err(Refusal::new("storage_full", "the tenant's directory is full")) } else { Ok(()) }
        }
        .boxed()
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Refusal>> {
        async move {
            self.files.lock().insert(self.path, self.bytes);
            Ok(())
        }
        .boxed()
    }
}
