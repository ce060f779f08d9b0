//! The real server as a process of its own, with tenants and commands, ended by its process id.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Settings;

/// How long a server may take to start: with 10,000 tenants it has something to read.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Less than the server waits for the next request on a connection, so that none is sent on one that it is closing.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// A running server. It is killed when the value is dropped.
pub(crate) struct Server {
    child: Child,
    dir: TempDir,
    http: reqwest::Client,
    pub(crate) url: String,
    operator: String,
}

/// How long a server took to stop and to start again.
pub(crate) struct Restarted {
    pub(crate) stop: Duration,
    pub(crate) start: Duration,
}

/// Somebody who runs commands in a tenant.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) tenant: String,
    pub(crate) token: String,
}

impl Server {
    /// Starts a server on a fresh data directory.
    pub(crate) async fn start(settings: &Settings) -> Result<Self> {
        // Fails when it was chosen before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir()?;
        let (child, lines, url, _) = spawn(settings, dir.path())?;
        let http = reqwest::Client::builder().no_proxy().pool_idle_timeout(IDLE_LIMIT).build()?;
        let mut server = Self { child, dir, http, url, operator: String::new() };
        let link = lines.recv_timeout(START_LIMIT).context("the server printed no link for the operator")?;
        // The pipe must be read for as long as the server writes to it.
        std::thread::spawn(move || lines.iter().for_each(drop));
        server.operator = server.sign_in(&link).await?;
        Ok(server)
    }

    /// Stops the server in order and starts it again on the same data; how long each took.
    pub(crate) async fn restart(&mut self, settings: &Settings) -> Result<Restarted> {
        let began = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        let stop = began.elapsed();
        let (child, lines, url, start) = spawn(settings, self.dir.path())?;
        std::thread::spawn(move || lines.iter().for_each(drop));
        (self.child, self.url) = (child, url);
        Ok(Restarted { stop, start })
    }

    /// Makes a tenant of the largest plan and signs its owner in.
    pub(crate) async fn tenant(&self, slug: &str) -> Result<Member> {
        let body = json!({
            "slug": slug, "name": slug, "plan": "enterprise", "owner_email": format!("owner@{slug}.example")
        });
        let made = self.post("/v1/operator/tenants", &self.operator, &body).await?;
        let link = made["data"]["owner_link"].as_str().context("a tenant has a link for its owner")?;
        Ok(Member { tenant: slug.to_owned(), token: self.sign_in(link).await? })
    }

    /// Uploads a module and binds a command to it.
    pub(crate) async fn deploy(&self, member: &Member, name: &str, wasm: &Path, grants: Value) -> Result<()> {
        let wasm = std::fs::read(wasm).with_context(|| format!("read {}", wasm.display()))?;
        let digest = self.upload(member, wasm).await?;
        self.bind(member, name, &digest, grants).await
    }

    /// Uploads a module; its digest.
    pub(crate) async fn upload(&self, member: &Member, wasm: Vec<u8>) -> Result<Value> {
        let url = format!("{}/v1/{}/modules", self.url, member.tenant);
        let uploaded = self.http.post(url).bearer_auth(&member.token).body(wasm).send().await?;
        let mut uploaded: Value = uploaded.error_for_status()?.json().await?;
        Ok(uploaded["data"]["digest"].take())
    }

    /// Binds a command to a module that was uploaded.
    pub(crate) async fn bind(
        &self,
        member: &Member,
        name: &str,
        digest: &Value,
        grants: Value,
    ) -> Result<()> {
        let url = format!("{}/v1/{}/deployments/{name}", self.url, member.tenant);
        let body = json!({"module": digest, "grants": grants});
        let bound = self.http.put(url).bearer_auth(&member.token).json(&body).send().await?;
        ensure!(bound.status().is_success(), "deploy: {}", bound.text().await?);
        Ok(())
    }

    /// Posts JSON and answers JSON.
    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Result<Value> {
        let mut request = self.http.post(format!("{}{path}", self.url)).json(body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, member: &Member, command: &str, args: &[&str]) -> Result<Value> {
        let body = json!({"command": command, "args": args, "wait": true});
        self.post(&format!("/v1/{}/runs", member.tenant), &member.token, &body).await
    }

    /// Gets JSON below a tenant's address.
    pub(crate) async fn get(&self, member: &Member, path: &str) -> Result<Value> {
        let url = format!("{}/v1/{}/{path}", self.url, member.tenant);
        let answer = self.http.get(url).bearer_auth(&member.token).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// What a counter stands at; 0 while it is not there.
    pub(crate) async fn counter(&self, name: &str) -> Result<f64> {
        let text =
            self.http.get(format!("{}/metrics", self.url)).send().await?.error_for_status()?.text().await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.map_or(Ok(0.0), str::parse)?)
    }

    /// Asks for something that the member may not see; the milliseconds until it was refused.
    pub(crate) async fn refused(&self, member: &Member, path: &str) -> Result<f64> {
        let began = Instant::now();
        let answer =
            self.http.get(format!("{}/v1/{path}", self.url)).bearer_auth(&member.token).send().await?;
        let status = answer.status();
        answer.bytes().await?;
        ensure!(status.is_client_error(), "{path}: {status}");
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }

    /// Deletes below a tenant's address.
    pub(crate) async fn delete(&self, member: &Member, path: &str) -> Result<()> {
        let url = format!("{}/v1/{}/{path}", self.url, member.tenant);
        self.http.delete(url).bearer_auth(&member.token).send().await?.error_for_status()?;
        Ok(())
    }

    /// Bytes of the database's files, in MB.
    pub(crate) fn store_mb(&self) -> Result<f64> {
        let mut bytes = 0;
        for folder in std::fs::read_dir(self.dir.path().join("data"))? {
            let folder = folder?;
            if !folder.file_name().to_string_lossy().starts_with("store") {
                continue;
            }
            // One of two folders may go while it is looked at.
            let Ok(files) = std::fs::read_dir(folder.path()) else { continue };
            bytes += files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum::<u64>();
        }
        Ok(bytes as f64 / 1e6)
    }

    /// Opens a stream of events below a tenant's address.
    pub(crate) async fn events(&self, member: &Member, path: &str) -> Result<reqwest::Response> {
        let url = format!("{}/v1/{}/{path}", self.url, member.tenant);
        let request = self.http.get(url).bearer_auth(&member.token).header("accept", "text/event-stream");
        Ok(request.send().await?.error_for_status()?)
    }

    /// Feeds a run's standard input.
    pub(crate) async fn feed(&self, member: &Member, run: &str, offset: usize, bytes: Vec<u8>) -> Result<()> {
        let url = format!("{}/v1/{}/runs/{run}/stdin?offset={offset}", self.url, member.tenant);
        self.http.post(url).bearer_auth(&member.token).body(bytes).send().await?.error_for_status()?;
        Ok(())
    }

    async fn sign_in(&self, link: &str) -> Result<String> {
        let (_, secret) = link.split_once("/#/link/").context("a link holds a secret")?;
        let tokens = self.post("/v1/auth/link", "", &json!({"token": secret.trim()})).await?;
        Ok(tokens["data"]["access_token"].as_str().context("a sign-in gives a token")?.to_owned())
    }

    /// Resident memory that is the process's own, in KiB: without pages of files, such as the program's.
    pub(crate) fn own_kib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let text = line.and_then(|line| line.trim().split(' ').next()).context("RssAnon")?;
        Ok(text.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Thousands of tenants are made by one operator, and their owners sign in from one address and do not sign in again.
const CONFIG: &str =
    "[auth]\nsign_ins_per_minute = 0\naccess_token_ttl_s = 3600\n[http]\nrequests_per_minute = 0\n";

fn spawn(settings: &Settings, dir: &Path) -> Result<(Child, Receiver<String>, String, Duration)> {
    let config = dir.join("config.toml");
    std::fs::write(&config, CONFIG)?;
    let began = Instant::now();
    let mut child = Command::new(&settings.cloister)
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(config)
        .arg("--data")
        .arg(dir.join("data"))
        .env_remove("RUST_BACKTRACE")
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(dir.join("log"))?)
        .spawn()
        .with_context(|| format!("start {}", settings.cloister.display()))?;
    let output = child.stdout.take().context("the server's output is a pipe")?;
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let first = lines.recv_timeout(START_LIMIT);
    let Some(url) =
        first.ok().as_deref().and_then(|line| line.strip_prefix("Cloister is at ")).map(str::to_owned)
    else {
        let said = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
        // It is told of below; nothing is left to do for a child that cannot be ended.
        let _ = child.kill();
        bail!("the server did not start: {said}");
    };
    Ok((child, lines, url, began.elapsed()))
}
