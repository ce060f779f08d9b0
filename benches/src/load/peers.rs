//! What is loaded beside us: other servers, and a process for each command.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::get;
use crate::Settings;
use crate::generator::Load;
use crate::machine::is_on_path;

/// How long a peer may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(20);
const WORKER: &str = "export default { async fetch() { return new Response(\"hello\\n\"); } };\n";

/// Another server that answers hello. It is killed when the value is dropped.
pub(super) struct Peer {
    child: Child,
    address: SocketAddr,
    /// What it is called in the report.
    pub(super) name: &'static str,
    /// What our throughput should be beside its.
    pub(super) goal: f64,
    /// What one must know of it.
    pub(super) note: &'static str,
    /// Holds its files.
    _dir: Option<TempDir>,
}

impl Peer {
    /// `wasmtime serve` with a component that answers hello.
    pub(super) fn wasmtime(settings: &Settings) -> Result<Self> {
        let component = settings.guest("peers/hello_http.component.wasm");
        ensure!(is_on_path("wasmtime"), "wasmtime serve: no `wasmtime` on PATH");
        ensure!(component.is_file(), "wasmtime serve: no component that answers HTTP is built");
        let address = free_address()?;
        let mut command = Command::new("wasmtime");
        command.args(["serve", "--addr", &address.to_string()]).arg(component);
        let (name, note) =
            ("wasmtime serve", "wasmtime serve has no authentication, quota, record, log or audit.");
        Ok(Self { child: start(command, address)?, address, name, goal: 1.5, note, _dir: None })
    }

    /// `workerd` (from npm) with a hello in JavaScript.
    pub(super) fn workerd() -> Result<Self> {
        ensure!(is_on_path("workerd"), "workerd: no `workerd` on PATH");
        let (dir, address) = (tempfile::tempdir()?, free_address()?);
        let config = write_worker(dir.path(), address)?;
        let mut command = Command::new("workerd");
        command.arg("serve").arg(config);
        let note = "workerd answers all requests in one isolate, and has no authentication, quota, record, log or audit.";
        let child = start(command, address)?;
        Ok(Self { child, address, name: "workerd, JavaScript", goal: 1.0, note, _dir: Some(dir) })
    }

    /// The load of as many connections, each of which asks again when it was answered.
    pub(super) fn load(&self, connections: usize, span: Duration) -> Load {
        Load { address: self.address, requests: vec![get("/")], connections, span, rate: None }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Free a moment ago; somebody else may take it, and then the peer does not start, which is told.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn start(mut command: Command, address: SocketAddr) -> Result<Child> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let deadline = Instant::now() + START_LIMIT;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > deadline || child.try_wait()?.is_some() {
            // It may have ended by itself; it is told of in any case.
            let _ = child.kill();
            let _ = child.wait();
            bail!("{} did not listen at {address}", command.get_program().display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(child)
}

/// The files that `workerd serve` wants; the one to name to it.
fn write_worker(dir: &Path, address: SocketAddr) -> Result<std::path::PathBuf> {
    let config = format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ (name = "main", worker = .hello) ],
  sockets = [ (name = "http", address = "{address}", http = (), service = "main") ]
);
const hello :Workerd.Worker = (
  modules = [ (name = "worker", esModule = embed "worker.js") ],
  compatibilityDate = "2024-01-01"
);
"#
    );
    std::fs::write(dir.join("worker.js"), WORKER)?;
    let path = dir.join("config.capnp");
    std::fs::write(&path, config)?;
    Ok(path)
}

/// Processes a second that start, say something and end: two at a time.
pub(super) fn spawn_rate(words: &[&str], span: Duration) -> Result<f64> {
    let once = |words: &[String]| -> Result<()> {
        let mut process = Command::new(&words[0]);
        process.args(&words[1..]).env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        let ended = process.output().with_context(|| format!("start {}", words[0]))?;
        if !ended.status.success() {
            bail!("it failed: {}", String::from_utf8_lossy(&ended.stderr).lines().next().unwrap_or_default());
        }
        Ok(())
    };
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    once(&words)?;
    let (began, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (words, stop) = (words.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut count = 0_u32;
                while !stop.load(Ordering::Relaxed) && once(&words).is_ok() {
                    count += 1;
                }
                count
            })
        })
        .collect();
    std::thread::sleep(span);
    stop.store(true, Ordering::Relaxed);
    let count: u32 = threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum();
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}
