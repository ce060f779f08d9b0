//! The real server as a process of its own: started, watched, stopped and killed by its id.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Client, PATIENCE, cloister};

/// Lines of the host's own log that are shown when a test fails.
const SHOWN_LINES: usize = 60;

/// How a host is started.
#[derive(Debug, Default)]
pub(crate) struct HostOptions {
    /// The configuration file's text.
    pub(crate) config: String,
    /// Where its data is, when not in a folder of its own.
    pub(crate) data: Option<PathBuf>,
}

/// A running host. It is killed when the value is dropped.
pub(crate) struct Host {
    dir: TempDir,
    data: PathBuf,
    child: Option<Child>,
    url: String,
    operator_link: Option<String>,
}

impl Host {
    /// Starts a host with default settings on a fresh data directory.
    pub(crate) fn start() -> Self {
        Self::start_with(HostOptions::default())
    }

    /// Starts a host on a fresh data directory.
    pub(crate) fn start_with(options: HostOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cloister.toml"), without_rates(&options.config)).unwrap();
        let data = options.data.unwrap_or_else(|| dir.path().join("data"));
        let mut host = Self { dir, data, child: None, url: String::new(), operator_link: None };
        host.restart();
        host
    }

    /// Starts the host again, on the same data.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut child = serve(&self.data)
            .arg("--config")
            .arg(self.dir.path().join("cloister.toml"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        self.child = Some(child);
        let (send, lines) = mpsc::channel();
        // It ends with the host, which closes the pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let next = || {
            lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("the host did not start\n{}", self.log()))
        };
        let url = next().strip_prefix("Cloister is at ").unwrap().to_owned();
        let link = next().split_once("sign in once: ").map(|(_, link)| link.to_owned());
        self.url = url;
        self.operator_link = link;
    }

    /// Replaces the configuration file's text; for the next start.
    pub(crate) fn configure(&self, text: &str) {
        std::fs::write(self.dir.path().join("cloister.toml"), without_rates(text)).unwrap();
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The operator's one-time link, as it was printed.
    pub(crate) fn operator_link(&self) -> &str {
        self.operator_link.as_deref().unwrap()
    }

    /// The host's process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().unwrap())
    }

    /// A client that has not signed in.
    pub(crate) fn anonymous(&self) -> Client {
        Client::anonymous(&self.url)
    }

    /// What the host logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// As a power cut would: without a chance to do anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that has ended by itself cannot be killed, and need not be.
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let ended = tokio::task::spawn_blocking(move || child.wait());
        tokio::time::timeout(PATIENCE, ended).await.expect("the host ends").unwrap().unwrap()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("host.log")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let from = lines.len().saturating_sub(SHOWN_LINES);
            eprintln!("the host's log:\n{}", lines[from..].join("\n"));
        }
    }
}

/// The same configuration, in which the tests' tenants have no rates but those that it names.
fn without_rates(text: &str) -> String {
    const SECTION: &str = "[plans.professional]\n";
    const KEYS: [&str; 7] = [
        "requests_per_minute",
        "requests_per_minute_principal",
        "runs_per_minute",
        "runs_per_minute_principal",
        "runs_per_month",
        "uploads_per_hour",
        "workflows_per_hour",
    ];
    let named = |key: &str| text.lines().any(|line| line.starts_with(&format!("{key} = ")));
    let keys: String = KEYS.iter().filter(|key| !named(key)).map(|key| format!("{key} = 0\n")).collect();
    match text.contains(SECTION) {
        true => text.replace(SECTION, &format!("{SECTION}{keys}")),
        false => format!("{text}\n{SECTION}{keys}"),
    }
}

/// `cloister serve` on a free port of this machine.
pub(crate) fn serve(data: &Path) -> Command {
    let mut command = Command::new(cloister());
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).stdin(Stdio::null());
    command
}
