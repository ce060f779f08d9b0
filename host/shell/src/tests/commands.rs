//! The commands of the world in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::world::Shared;
use crate::{Closed, Out, Refusal, StartRun, Stdin, status};

pub(super) const NAMES: [&str; 18] = [
    "args", "cat", "echo", "env2", "err", "fail", "first", "gated", "ignore", "oom", "pwd2", "seq", "sleep",
    "stubborn", "upper", "wc", "yes", "zero",
];

type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

struct Guest {
    stdin: Stdin,
    stdout: Out,
    stderr: Out,
    terminal: Arc<Mutex<String>>,
}

impl Guest {
    async fn read(&mut self) -> Result<Option<Bytes>, Refusal> {
        match &mut self.stdin {
            Stdin::Pipe(reader) => reader.read().await,
            Stdin::Empty | Stdin::Terminal => Ok(None),
        }
    }

    async fn put(&self, out: &Out, bytes: Bytes) -> Result<(), Closed> {
        match out {
            Out::Null => Ok(()),
            Out::Pipe(writer) => writer.write(bytes).await,
            Out::Terminal => {
                self.terminal.lock().push_str(&String::from_utf8_lossy(&bytes));
                Ok(())
            }
        }
    }

    async fn print(&self, bytes: impl Into<Bytes>) -> Result<(), Closed> {
        self.put(&self.stdout, bytes.into()).await
    }

    async fn complain(&self, text: &str) -> Result<(), Closed> {
        self.put(&self.stderr, Bytes::copy_from_slice(text.as_bytes())).await
    }

    async fn all(&mut self) -> Result<Vec<u8>, Refusal> {
        let mut all = Vec::new();
        while let Some(bytes) = self.read().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }
}

pub(super) async fn run(
    run: StartRun,
    terminal: Arc<Mutex<String>>,
    shared: Arc<Shared>,
    files: Files,
) -> i32 {
    let StartRun { command, args, env, cwd, stdin, stdout, stderr, .. } = run;
    let guest = Guest { stdin, stdout, stderr, terminal };
    let call = Call { args, env, cwd, shared, files };
    match call.run(&command, guest).await {
        Ok(code) => code,
        Err(Closed) => status::BROKEN_PIPE,
    }
}

struct Call {
    args: Vec<String>,
    env: Vec<(String, String)>,
    cwd: String,
    shared: Arc<Shared>,
    files: Files,
}

impl Call {
    async fn run(self, command: &str, mut guest: Guest) -> Result<i32, Closed> {
        match command {
            "args" => {
                let lines: String = self.args.iter().map(|argument| format!("<{argument}>\n")).collect();
                guest.print(lines).await?;
            }
            "echo" => guest.print(format!("deployed {}\n", self.args.join(" "))).await?,
            "env2" => {
                let lines: String =
                    self.env.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
                guest.print(lines).await?;
            }
            "pwd2" => guest.print(format!("{}\n", self.cwd)).await?,
            "cat" if self.args.is_empty() => loop {
                match guest.read().await {
                    Ok(Some(bytes)) => guest.print(bytes).await?,
                    Ok(None) => break,
                    Err(refusal) => {
                        guest.complain(&format!("cat: {refusal}\n")).await?;
                        return Ok(1);
                    }
                }
            },
            "cat" => {
                for name in &self.args {
                    let path = crate::resolve(&self.cwd, name).unwrap();
                    let bytes = self.files.lock().get(&path).cloned();
                    let Some(bytes) = bytes else {
                        guest.complain(&format!("cat: {name}: missing\n")).await?;
                        return Ok(1);
                    };
                    guest.print(bytes).await?;
                }
            }
            "upper" => {
                let text = guest.all().await.unwrap_or_default();
                guest.print(String::from_utf8_lossy(&text).to_uppercase()).await?;
            }
            "wc" => {
                let text = guest.all().await.unwrap_or_default();
                let count = match self.args.first().map(String::as_str) {
                    Some("-c") => text.len(),
                    _ => text.iter().filter(|byte| **byte == b'\n').count(),
                };
                guest.print(format!("{count}\n")).await?;
            }
            "seq" => {
                let count: usize = self.args[0].parse().unwrap();
                for number in 1..=count {
                    guest.print(format!("{number}\n")).await?;
                }
            }
            "first" => {
                // One chunk's first line, then it ends without reading on.
                let bytes = guest.read().await.ok().flatten().unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                guest.print(format!("{}\n", text.lines().next().unwrap_or_default())).await?;
            }
            "yes" => loop {
                let chunk = "y\n".repeat(500);
                let length = chunk.len();
                guest.print(chunk).await?;
                self.shared.written_bytes.fetch_add(length, Ordering::SeqCst);
                self.shared.changed.notify_waiters();
            },
            "gated" => {
                let mut read = 0;
                loop {
                    self.shared.gate.acquire().await.unwrap().forget();
                    match guest.read().await {
                        Ok(Some(bytes)) => read += bytes.len(),
                        _ => break,
                    }
                }
                guest.print(format!("{read}\n")).await?;
            }
            "ignore" => drop(std::mem::replace(&mut guest.stdin, Stdin::Empty)),
            "sleep" | "stubborn" => std::future::pending::<()>().await,
            "err" => {
                guest.print("out\n").await?;
                guest.complain("err\n").await?;
            }
            "zero" => {}
            "oom" => return Ok(134),
            "fail" => return Ok(self.args.first().map_or(1, |code| code.parse().unwrap())),
            _ => return Ok(127),
        }
        Ok(0)
    }
}
