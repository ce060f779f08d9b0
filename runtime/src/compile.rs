//! Compiling in a process of its own: a hostile module can use up that process, and nothing else.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::bulk;
use crate::engine::{Allocation, Engines, Metering};
use crate::module::{ModuleError, ModuleKind};

/// Bounds of one compilation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileLimits {
    /// Wall time.
    pub wall: Duration,
    /// CPU time of all the compiler's threads.
    pub cpu: Duration,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Compilations at a time.
    pub concurrency: usize,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            cpu: Duration::from_secs(60),
            memory_bytes: 1 << 30,
            concurrency: 2,
        }
    }
}

/// Where modules are compiled.
pub enum Compiler {
    /// In this process, without bounds: for a person's own file.
    InProcess,
    /// In a process started for each module.
    Worker(CompileWorker),
}

/// How to start the compiling process.
pub struct CompileWorker {
    program: PathBuf,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    limits: CompileLimits,
    slots: Semaphore,
}

/// The first line a worker reads; the binary follows.
#[derive(Serialize, Deserialize)]
struct Request {
    metering: Metering,
    kind: ModuleKind,
    cpu_s: u64,
    memory_bytes: u64,
}

/// The first byte a worker writes. After it comes the code, or the reason in UTF-8.
const COMPILED: u8 = 0;
const INVALID: u8 = 1;

/// Niceness of a compiling process.
const COMPILE_NICENESS: i32 = 10;

impl Compiler {
    /// A compiler that starts `program` with `args` and nothing but `variables` in its environment; that program must call
    /// [`compile_worker`], and hold little memory then: what it has set aside before counts towards its limit.
    #[must_use]
    pub fn worker(
        program: PathBuf,
        args: Vec<String>,
        variables: Vec<(String, String)>,
        limits: CompileLimits,
    ) -> Self {
        let slots = Semaphore::new(limits.concurrency.max(1));
        Self::Worker(CompileWorker { program, args, variables, limits, slots })
    }

    /// Compiles a binary to what [`crate::trusted_code`] loads.
    pub(crate) async fn compile(
        &self,
        wasm: Vec<u8>,
        kind: ModuleKind,
        metering: Metering,
    ) -> Result<Vec<u8>, ModuleError> {
        match self {
            Self::InProcess => compile_here(&wasm, kind, metering),
            Self::Worker(worker) => worker.compile(wasm, kind, metering).await,
        }
    }
}

impl CompileWorker {
    async fn compile(
        &self,
        wasm: Vec<u8>,
        kind: ModuleKind,
        metering: Metering,
    ) -> Result<Vec<u8>, ModuleError> {
        let host = |reason: String| ModuleError::Host { reason };
        let _slot = self.slots.acquire().await.map_err(|_| host("the host is stopping".to_owned()))?;
        let mut child = tokio::process::Command::new(&self.program)
            .args(&self.args)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| host(format!("cannot start the compiler: {error}")))?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(host("the compiler has no pipes".to_owned()));
        };
        let request = Request {
            metering,
            kind,
            cpu_s: self.limits.cpu.as_secs().max(1),
            memory_bytes: self.limits.memory_bytes,
        };
        let mut header = serde_json::to_vec(&request).map_err(|error| host(error.to_string()))?;
        header.push(b'\n');
        // It cannot have made more code than it could hold.
        let most = self.limits.memory_bytes;
        let exchange = async move {
            let send = async move {
                stdin.write_all(&header).await?;
                stdin.write_all(&wasm).await?;
                stdin.shutdown().await
            };
            let receive = async move {
                let mut answer = Vec::new();
                // The pipe is closed afterwards, so that a worker that writes on ends.
                stdout.take(most.saturating_add(1)).read_to_end(&mut answer).await?;
                Ok::<_, std::io::Error>(answer)
            };
            // A worker that is killed stops reading; what counts is how it ended.
            let (_sent, received) = tokio::join!(send, receive);
            Ok::<_, std::io::Error>((received?, child.wait().await?))
        };
        let limit = |what: String| Err(ModuleError::CompileLimit { what });
        match tokio::time::timeout(self.limits.wall, exchange).await {
            Ok(Ok((answer, _))) if answer.len() as u64 > most => {
                limit(format!("{} MiB of compiled code", most >> 20))
            }
            Ok(Ok((answer, status))) => self.read_answer(answer, status),
            Ok(Err(error)) => Err(host(format!("the compiler's answer was lost: {error}"))),
            // Dropping the child has killed it.
            Err(_) => limit(format!("{} s", self.limits.wall.as_secs())),
        }
    }

    fn read_answer(
        &self,
        mut answer: Vec<u8>,
        status: std::process::ExitStatus,
    ) -> Result<Vec<u8>, ModuleError> {
        use std::os::unix::process::ExitStatusExt;
        if status.success() && !answer.is_empty() {
            return match answer.remove(0) {
                COMPILED => Ok(answer),
                INVALID => {
                    Err(ModuleError::Invalid { reason: String::from_utf8_lossy(&answer).into_owned() })
                }
                _ => Err(ModuleError::Host { reason: "the compiler's answer is none".to_owned() }),
            };
        }
        const SIGKILL: i32 = rustix::process::Signal::KILL.as_raw();
        const SIGXCPU: i32 = rustix::process::Signal::XCPU.as_raw();
        let what = match status.signal() {
            Some(SIGKILL | SIGXCPU) => format!("{} s of CPU time", self.limits.cpu.as_secs()),
            // An allocation that fails aborts the process.
            Some(_) => format!("{} MiB of memory", self.limits.memory_bytes >> 20),
            None => return Err(ModuleError::Host { reason: format!("the compiler ended with {status}") }),
        };
        Err(ModuleError::CompileLimit { what })
    }
}

fn compile_here(wasm: &[u8], kind: ModuleKind, metering: Metering) -> Result<Vec<u8>, ModuleError> {
    let engines = Engines::new(Allocation::OnDemand);
    let flavour = engines.get(metering).map_err(|error| ModuleError::Host { reason: error.to_string() })?;
    let wasm = bulk::in_pieces(wasm, bulk::PIECE_BYTES)
        .map_err(|error| ModuleError::Invalid { reason: error.to_string() })?;
    let compiled = match kind {
        ModuleKind::Core => flavour.engine.precompile_module(&wasm),
        ModuleKind::Component => flavour.engine.precompile_component(&wasm),
    };
    compiled.map_err(|error| ModuleError::Invalid { reason: format!("{error:#}") })
}

/// The body of a compiling process: reads a request and a binary from `input`, writes the answer to `output`.
///
/// # Errors
/// When the request cannot be read or the answer not written. A module that cannot be compiled is an answer.
pub fn compile_worker(input: &mut impl Read, output: &mut impl Write) -> std::io::Result<()> {
    let mut header = Vec::new();
    let mut byte = [0];
    while input.read(&mut byte)? == 1 && byte[0] != b'\n' && header.len() < 4096 {
        header.push(byte[0]);
    }
    let request: Request = serde_json::from_slice(&header)?;
    restrict(&request)?;
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm)?;
    match compile_here(&wasm, request.kind, request.metering) {
        Ok(code) => {
            output.write_all(&[COMPILED])?;
            output.write_all(&code)?;
        }
        Err(ModuleError::Invalid { reason }) => {
            output.write_all(&[INVALID])?;
            output.write_all(reason.as_bytes())?;
        }
        Err(other) => return Err(std::io::Error::other(other)),
    }
    output.flush()
}

/// Takes from this process what a compilation does not need.
fn restrict(request: &Request) -> std::io::Result<()> {
    let bound = |value| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::Core, bound(0))?;
    setrlimit(Resource::Fsize, bound(0))?;
    setrlimit(Resource::Cpu, Rlimit { current: Some(request.cpu_s), maximum: Some(request.cpu_s + 1) })?;
    setrlimit(Resource::Data, bound(request.memory_bytes))?;
    // Lower priority than the host's; a kernel that refuses leaves it as it is.
    let _ = rustix::process::setpriority_process(None, COMPILE_NICENESS);
    Ok(())
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
