//! Writing a tenant's archive while it is sent.

use std::io::{self, Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use cap_std::fs::Dir;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::Stream;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::archive::{
    DeploymentLine, Entry, FORMAT, HEAD, Head, HistoryLine, LogEntry, LogRecord, MANIFEST, MAX_ENTRIES,
    Manifest, MemberLine, MissingEntry, ModuleLine, RoleLine,
};
use super::status::note;
use super::{Lifecycle, LifecycleError};
use crate::api::Deploy;
use crate::auth::{OperatorScope, Permit, TenantScope, act};
use crate::console::MAX_HISTORY_LINES;
use crate::logs::{LogOrder, LogQuery, MAX_PAGE_LINES};
use crate::store::{StoreError, TenantRecord};
use crate::tenancy::{TenancyError, checked_reason};

/// Lines of JSON are gathered to entries of about this size, in bytes.
const PART_BYTES: usize = 4 << 20;
/// Bytes sent at once, and such pieces that wait for the client.
const PIECE_BYTES: usize = 64 << 10;
const MAX_WAITING: usize = 16;
/// A client that takes nothing for this long has gone.
const STALLED: Duration = Duration::from_secs(60);
/// Records read at once.
const PAGE: usize = 500;
/// Directories inside each other.
const MAX_DEPTH: usize = 256;

/// An archive as it is made.
pub type ArchiveStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

impl Lifecycle {
    /// The archive of a tenant, for its owner.
    ///
    /// # Errors
    /// When too many archives are on their way.
    pub async fn export(&self, permit: &Permit<act::TenantExport>) -> Result<ArchiveStream, LifecycleError> {
        let id = permit.scope().tenant().clone();
        let tenant = self.store.read::<_, StoreError, _>(move |reader| reader.tenant(&id)).await?;
        tracing::info!(
            target: "audit", tenant = %permit.scope().tenant(), principal = %permit.principal(), "tenant exported"
        );
        self.pack(tenant.ok_or(TenancyError::TenantNotFound)?)
    }

    /// The archive of a tenant, for the operator.
    ///
    /// # Errors
    /// When there is no such tenant or no reason, or too many archives are on their way.
    pub async fn export_as_operator(
        &self,
        operator: &OperatorScope,
        named: &str,
        reason: &str,
    ) -> Result<ArchiveStream, LifecycleError> {
        let reason = checked_reason(reason)?;
        let tenant = self.tenancy.find(operator, named).await?;
        note(operator, &tenant, &reason, "tenant exported by the operator");
        self.pack(tenant)
    }

    fn pack(&self, tenant: TenantRecord) -> Result<ArchiveStream, LifecycleError> {
        let turn = self.transfers.clone().try_acquire_owned().map_err(|_| LifecycleError::Busy)?;
        let (pieces, received) = mpsc::channel(MAX_WAITING);
        let (lifecycle, handle) = (self.clone(), Handle::current());
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let sender = Sender { pieces: pieces.clone(), handle: handle.clone(), waiting: Vec::new() };
            if let Err(error) = lifecycle.write_archive(&tenant, &handle, sender) {
                tracing::warn!(tenant = %tenant.id, error = &error as &dyn std::error::Error, "an export ended early");
                // Breaks the connection, so that nobody takes a part for the whole.
                let broken = io::Error::other("the export ended early");
                let _ = handle.block_on(tokio::time::timeout(STALLED, pieces.send(Err(broken))));
            }
        });
        Ok(Box::pin(futures_util::stream::unfold(received, |mut received| async {
            received.recv().await.map(|piece| (piece, received))
        })))
    }

    fn write_archive(
        &self,
        tenant: &TenantRecord,
        handle: &Handle,
        to: Sender,
    ) -> Result<(), LifecycleError> {
        handle.block_on(self.commands.settled());
        let scope = self.auth.scope_for_host(tenant);
        let mut packer = Packer::new(to);
        packer.json(HEAD, &self.head(tenant))?;
        self.write_records(&scope, &mut packer)?;
        self.write_logs(&scope, handle, &mut packer)?;
        let root = self.files.open_root(&scope)?;
        packer.directory(&root, "files", 0)?;
        packer.finish()
    }

    fn head(&self, tenant: &TenantRecord) -> Head {
        let tenant = tenant.clone();
        Head {
            format: FORMAT,
            slug: tenant.slug,
            name: tenant.name,
            plan: tenant.plan,
            region: tenant.region,
            limits: tenant.limits,
            metadata: tenant.metadata,
            features: tenant.features,
            branding: tenant.branding,
            exported_at: format!("{:.6}", self.clock.now()),
        }
    }

    fn write_records(&self, scope: &TenantScope, packer: &mut Packer) -> Result<(), LifecycleError> {
        let reader = self.store.reader_blocking();
        let mut roles = Lines::new("roles");
        for role in reader.roles(scope)? {
            let line =
                RoleLine { name: role.name, description: role.description, permissions: role.permissions };
            roles.push(packer, &line)?;
        }
        roles.finish(packer)?;
        let mut members = Lines::new("members");
        for member in reader.all_members(scope)? {
            let Some(user) = reader.user(&member.user)? else { continue };
            members.push(packer, &MemberLine { email: user.email, role: member.role })?;
        }
        members.finish(packer)?;
        self.write_history(scope, packer)?;
        self.write_modules(scope, packer)?;
        let (mut deployments, mut after) = (Lines::new("deployments"), None);
        loop {
            let page = reader.deployments(scope, after, PAGE, |_| true)?;
            for deployment in page.items {
                let history = reader.deployment_history(scope, &deployment.name)?;
                let versions = history.into_iter().rev().map(|version| Deploy {
                    module: version.module.to_string(),
                    description: version.description,
                    limits: version.limits,
                    grants: version.grants,
                });
                let line = DeploymentLine { name: deployment.name, versions: versions.collect() };
                deployments.push(packer, &line)?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        deployments.finish(packer)?;
        let (mut runs, mut after) = (Lines::new("runs"), None);
        loop {
            let page = reader.runs(scope, after, PAGE, |_| true)?;
            page.items.iter().try_for_each(|run| runs.push(packer, run))?;
            after = page.next;
            if after.is_none() {
                return runs.finish(packer);
            }
        }
    }

    /// What members typed on the console, oldest first. What API keys did goes with the keys.
    fn write_history(&self, scope: &TenantScope, packer: &mut Packer) -> Result<(), LifecycleError> {
        let reader = self.store.reader_blocking();
        let mut lines = Lines::new("history");
        for member in reader.all_members(scope)? {
            let Some(user) = reader.user(&member.user)? else { continue };
            let typed = reader.command_lines(scope, &(&user.id).into(), None, MAX_HISTORY_LINES, |_| true)?;
            for typed in typed.items.into_iter().rev() {
                let line = HistoryLine { email: user.email.clone(), line: typed.line, at: typed.at };
                lines.push(packer, &line)?;
            }
        }
        lines.finish(packer)
    }

    fn write_modules(&self, scope: &TenantScope, packer: &mut Packer) -> Result<(), LifecycleError> {
        let reader = self.store.reader_blocking();
        let (mut lines, mut digests, mut after) = (Lines::new("modules"), Vec::new(), None);
        loop {
            let page = reader.modules(scope, after, PAGE)?;
            for module in page.items {
                lines.push(packer, &ModuleLine { digest: module.digest.clone(), name: module.name })?;
                digests.push(module.digest);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        lines.finish(packer)?;
        for digest in digests {
            let path = self.store.dir().module(&digest);
            let file = std::fs::File::open(path).map_err(LifecycleError::io("read a module"))?;
            let size = file.metadata().map_err(LifecycleError::io("read a module"))?.len();
            packer.entry(&format!("modules/{digest}.wasm"), size, file)?;
        }
        Ok(())
    }

    fn write_logs(
        &self,
        scope: &TenantScope,
        handle: &Handle,
        packer: &mut Packer,
    ) -> Result<(), LifecycleError> {
        handle.block_on(self.logs.flush(scope))?;
        let reader = self.logs.reader();
        let (mut lines, mut cursor) = (Lines::new("logs"), None);
        loop {
            let query =
                LogQuery { order: LogOrder::Asc, cursor, limit: MAX_PAGE_LINES, ..LogQuery::default() };
            let page = handle.block_on(reader.query(scope, query))?;
            let mut missing = page.missing.iter().peekable();
            let mut tell = |lines: &mut Lines, packer: &mut Packer, before_seq: u64| {
                while let Some(found) = missing.next_if(|(first_seq, _)| *first_seq < before_seq) {
                    lines.push(packer, &LogRecord::Missing(MissingEntry::of(*found)))?;
                }
                Ok::<_, LifecycleError>(())
            };
            for line in &page.lines {
                tell(&mut lines, packer, line.seq)?;
                lines.push(packer, &LogRecord::Line(LogEntry::of(line)))?;
            }
            tell(&mut lines, packer, u64::MAX)?;
            cursor = page.next;
            if cursor.is_none() {
                return lines.finish(packer);
            }
        }
    }
}

/// Hands bytes to whoever sends the answer.
struct Sender {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    handle: Handle,
    waiting: Vec<u8>,
}

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.waiting));
        match self.handle.block_on(tokio::time::timeout(STALLED, self.pieces.send(Ok(piece)))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Writes entries, and remembers them for the manifest.
struct Packer {
    tar: tar::Builder<GzEncoder<Sender>>,
    entries: Vec<Entry>,
}

impl Packer {
    fn new(to: Sender) -> Self {
        Self { tar: tar::Builder::new(GzEncoder::new(to, Compression::fast())), entries: Vec::new() }
    }

    fn json(&mut self, path: &str, value: &impl Serialize) -> Result<(), LifecycleError> {
        let text = serde_json::to_vec(value).map_err(|_| LifecycleError::Internal("form JSON"))?;
        self.entry(path, text.len() as u64, text.as_slice())
    }

    /// One file of exactly `size` bytes.
    fn entry(&mut self, path: &str, size: u64, content: impl Read) -> Result<(), LifecycleError> {
        if self.entries.len() == MAX_ENTRIES {
            return Err(LifecycleError::Internal("export so many files"));
        }
        let mut header = header(tar::EntryType::Regular, size);
        let mut hashed = Hashed { content: content.take(size), digest: Sha256::new(), read_bytes: 0 };
        self.tar
            .append_data(&mut header, path, &mut hashed)
            .map_err(LifecycleError::io("write an archive"))?;
        if hashed.read_bytes != size {
            return Err(LifecycleError::Internal("read a file that became shorter"));
        }
        let sha256 = hex::encode(hashed.digest.finalize());
        self.entries.push(Entry { path: path.to_owned(), size_bytes: size, sha256 });
        Ok(())
    }

    /// A directory with all in it. Links, pipes and names that are not UTF-8 are left out.
    fn directory(&mut self, dir: &Dir, path: &str, depth: usize) -> Result<(), LifecycleError> {
        const ATTEMPT: &str = "read a tenant's directory";
        if depth == MAX_DEPTH || self.entries.len() == MAX_ENTRIES {
            return Err(LifecycleError::Internal("export directories this deep or so many files"));
        }
        let mut header = header(tar::EntryType::Directory, 0);
        let folder = format!("{path}/");
        self.tar
            .append_data(&mut header, &folder, io::empty())
            .map_err(LifecycleError::io("write an archive"))?;
        let sha256 = hex::encode(Sha256::digest(b""));
        self.entries.push(Entry { path: folder, size_bytes: 0, sha256 });
        for entry in dir.entries().map_err(LifecycleError::io(ATTEMPT))? {
            let entry = entry.map_err(LifecycleError::io(ATTEMPT))?;
            let kind = entry.file_type().map_err(LifecycleError::io(ATTEMPT))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let below = format!("{path}/{name}");
            if kind.is_dir() {
                self.directory(&entry.open_dir().map_err(LifecycleError::io(ATTEMPT))?, &below, depth + 1)?;
            } else if kind.is_file() {
                let file = dir.open(Path::new(&name)).map_err(LifecycleError::io(ATTEMPT))?;
                let size = file.metadata().map_err(LifecycleError::io(ATTEMPT))?.len();
                self.entry(&below, size, file)?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), LifecycleError> {
        const ATTEMPT: &str = "write an archive";
        let manifest = Manifest { format: FORMAT, entries: std::mem::take(&mut self.entries) };
        self.json(MANIFEST, &manifest)?;
        let gzip = self.tar.into_inner().map_err(LifecycleError::io(ATTEMPT))?;
        gzip.finish().and_then(|mut to| to.flush()).map_err(LifecycleError::io(ATTEMPT))
    }
}

fn header(kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(if kind == tar::EntryType::Directory { 0o700 } else { 0o600 });
    header
}

/// Reads, and digests what was read.
struct Hashed<R> {
    content: R,
    digest: Sha256,
    read_bytes: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.digest.update(&buffer[..count]);
        self.read_bytes += count as u64;
        Ok(count)
    }
}

/// Gathers lines of JSON to entries `name/00001.jsonl`, `name/00002.jsonl` and so on.
struct Lines {
    name: &'static str,
    part: u32,
    text: Vec<u8>,
}

impl Lines {
    fn new(name: &'static str) -> Self {
        Self { name, part: 0, text: Vec::new() }
    }

    fn push(&mut self, packer: &mut Packer, line: &impl Serialize) -> Result<(), LifecycleError> {
        serde_json::to_writer(&mut self.text, line).map_err(|_| LifecycleError::Internal("form JSON"))?;
        self.text.push(b'\n');
        if self.text.len() >= PART_BYTES { self.write(packer) } else { Ok(()) }
    }

    fn finish(mut self, packer: &mut Packer) -> Result<(), LifecycleError> {
        if self.text.is_empty() { Ok(()) } else { self.write(packer) }
    }

    fn write(&mut self, packer: &mut Packer) -> Result<(), LifecycleError> {
        self.part += 1;
        let path = format!("{}/{:05}.jsonl", self.name, self.part);
        packer.entry(&path, self.text.len() as u64, self.text.as_slice())?;
        self.text.clear();
        Ok(())
    }
}
