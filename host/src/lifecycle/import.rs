//! Making a tenant from an archive: first all of it is checked, then it is taken over like a stranger's input.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use bytes::Bytes;
use flate2::read::GzDecoder;
use futures_util::Stream;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::runtime::Handle;
use tokio_util::io::ReaderStream;

use super::archive::{
    DeploymentLine, Entry, FORMAT, HEAD, Head, HistoryLine, LogRecord, MANIFEST, MAX_ENTRIES, MAX_TEXT_BYTES,
    Manifest, MemberLine, MissingEntry, ModuleLine, RoleLine,
};
use super::status::note;
use super::{Lifecycle, LifecycleError};
use crate::api::RunStatus;
use crate::auth::{OperatorScope, Permit, TenantScope, act};
use crate::console::{MAX_HISTORY_LINE_BYTES, MAX_HISTORY_LINES};
use crate::files::TenantPath;
use crate::ids::{ModuleDigest, PrincipalId, TenantSlug};
use crate::inflow::{PourError, pour};
use crate::logs::{LineBatch, LineSource};
use crate::store::{
    CommandLineRecord, MAX_MEMBERS_PER_TENANT, MAX_ROLES_PER_TENANT, MembershipRecord, RoleRecord, RunRecord,
    StoreError,
};
use crate::tenancy::{Email, NewTenant, Provisioned, Settings, TenancyError, checked_reason, vouched_user};

/// Log lines handed on at once.
const LINES_AT_ONCE: usize = 1_000;

/// What an imported tenant is to be.
#[derive(Debug, Clone)]
pub struct ImportAs {
    /// Its name in URLs.
    pub slug: TenantSlug,
    /// Who owns it.
    pub owner: Email,
}

type Archive<'a> = tar::Archive<io::Take<GzDecoder<&'a File>>>;
type ArchiveEntry<'a, 'b> = tar::Entry<'b, io::Take<GzDecoder<&'a File>>>;

impl Lifecycle {
    /// Makes a tenant from an archive: all of it, or nothing.
    ///
    /// # Errors
    /// When the archive is not whole or was changed, goes beyond a bound, or holds what this host would refuse.
    pub async fn import<S, E>(
        &self,
        operator: &OperatorScope,
        wanted: ImportAs,
        reason: &str,
        body: S,
    ) -> Result<Provisioned, LifecycleError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let reason = checked_reason(reason)?;
        let _turn = self.transfers.clone().try_acquire_owned().map_err(|_| LifecycleError::Busy)?;
        let archive = self.receive(body).await?;
        let limit_bytes = self.config.import_bytes;
        let (archive, head) = blocking(move || {
            let head = verify(archive.as_file(), limit_bytes)?;
            Ok((archive, head))
        })
        .await?;
        let new = NewTenant {
            slug: wanted.slug,
            name: head.name,
            plan: head.plan,
            owner: wanted.owner,
            settings: Settings {
                limits: Some(head.limits),
                region: Some(head.region),
                metadata: Some(head.metadata),
                features: Some(head.features),
                branding: Some(head.branding),
            },
        };
        let made = self.tenancy.create(operator, new).await?;
        note(operator, &made.tenant, &reason, "tenant imported");
        let (lifecycle, tenant, owner) = (self.clone(), made.tenant.clone(), PrincipalId::from(&made.owner));
        let handle = Handle::current();
        let filled = blocking(move || {
            let scope = lifecycle.auth.scope_for_host(&tenant);
            let mut filling = Filling {
                upload: lifecycle.auth.permit_for_host(&tenant, owner.clone()),
                deploy: lifecycle.auth.permit_for_host(&tenant, owner.clone()),
                write: lifecycle.auth.permit_for_host(&tenant, owner.clone()),
                lifecycle: &lifecycle,
                handle: &handle,
                scope: &scope,
                owner: &owner,
                names: BTreeMap::new(),
            };
            filling.all(archive.as_file(), limit_bytes)
        })
        .await;
        if let Err(error) = filled {
            self.take_back(&made).await;
            return Err(error);
        }
        self.auth.memberships_changed();
        Ok(made)
    }

    /// Removes what a failed import has made.
    async fn take_back(&self, made: &Provisioned) {
        let mut tenant = made.tenant.clone();
        tenant.status = crate::tenancy::TenantStatus::Offboarding;
        tenant.erasing = true;
        tenant.status_reason = Some("its import failed".to_owned());
        let marked = tenant.clone();
        let written = self.store.write::<_, StoreError, _>(move |writer| writer.put_tenant(&marked)).await;
        let erased = match written {
            Ok(()) => self.erase_all(&tenant).await.map(drop),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = erased {
            // Marked or not, the operator sees the tenant, and a clean-up goes on when it is marked.
            tracing::error!(tenant = %tenant.id, error = &error as &dyn Error, "a failed import was not taken back");
        }
    }

    async fn receive<S, E>(&self, body: S) -> Result<NamedTempFile, LifecycleError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let folder = self.store.dir().uploads();
        let file = blocking(move || spool_in(&folder)).await?;
        let open = file.reopen().map_err(LifecycleError::io("receive an archive"))?;
        let limit_bytes = self.config.import_bytes;
        match pour(body, open, limit_bytes, |_| Ok(()), || self.store.admit()).await {
            Ok(_) => Ok(file),
            Err(PourError::TooLarge) => Err(LifecycleError::ArchiveTooLarge { limit_bytes }),
            Err(PourError::Body(_)) => Err(LifecycleError::BodyIncomplete),
            Err(PourError::Io(source)) => Err(LifecycleError::Io { attempt: "receive an archive", source }),
            Err(PourError::Check(error)) => Err(error.into()),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LifecycleError> + Send + 'static,
) -> Result<T, LifecycleError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(LifecycleError::Internal("read an archive")))
}

fn spool_in(folder: &Path) -> Result<NamedTempFile, LifecycleError> {
    NamedTempFile::new_in(folder).map_err(LifecycleError::io("make a file for an archive"))
}

fn invalid(why: impl Into<String>) -> LifecycleError {
    LifecycleError::ArchiveInvalid(why.into())
}

fn unreadable(error: io::Error) -> LifecycleError {
    invalid(format!("it is not a whole gzipped tar: {error}"))
}

/// Reads an archive from its start. What unpacks to more than the bound ends early, and so is not whole.
fn open(file: &File, limit_bytes: u64) -> Result<Archive<'_>, LifecycleError> {
    let mut from = file;
    from.rewind().map_err(LifecycleError::io("read an archive"))?;
    Ok(tar::Archive::new(GzDecoder::new(file).take(limit_bytes)))
}

/// Checks that an archive is whole and as it was written, within bounds, and names nothing outside; gives its head.
fn verify(file: &File, limit_bytes: u64) -> Result<Head, LifecycleError> {
    let mut archive = open(file, limit_bytes)?;
    let (mut head, mut manifest) = (None::<Head>, None::<Manifest>);
    let (mut seen, mut paths, mut total_bytes) = (Vec::new(), HashSet::new(), 0_u64);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(|error| too_large_or(error, total_bytes, limit_bytes))?;
        let path = checked_path(&entry)?;
        if manifest.is_some() {
            return Err(invalid("something follows its manifest"));
        }
        total_bytes = total_bytes.saturating_add(entry.size());
        if total_bytes > limit_bytes {
            return Err(LifecycleError::ArchiveTooLarge { limit_bytes });
        }
        if path == MANIFEST {
            manifest = Some(parse(&read_text(&mut entry)?)?);
            continue;
        }
        if seen.len() == MAX_ENTRIES || !paths.insert(path.clone()) {
            return Err(invalid("it has too many entries, or one twice"));
        }
        let mut digest = Sha256::new();
        let size_bytes = match path.as_str() {
            HEAD => {
                let text = read_text(&mut entry)?;
                digest.update(&text);
                head = Some(parse(&text)?);
                text.len() as u64
            }
            _ if head.is_none() => return Err(invalid("it does not begin with `cloister.json`")),
            _ => hash(&mut entry, &mut digest).map_err(unreadable)?,
        };
        seen.push(Entry { path, size_bytes, sha256: hex::encode(digest.finalize()) });
    }
    let (Some(head), Some(manifest)) = (head, manifest) else {
        return Err(invalid("it ends before its manifest"));
    };
    if head.format != FORMAT || manifest.format != FORMAT {
        return Err(invalid(format!("it has format {}, and this host reads {FORMAT}", head.format)));
    }
    if manifest.entries != seen {
        return Err(invalid("its content is not what its manifest lists"));
    }
    Ok(head)
}

fn too_large_or(error: io::Error, total_bytes: u64, limit_bytes: u64) -> LifecycleError {
    if total_bytes >= limit_bytes {
        LifecycleError::ArchiveTooLarge { limit_bytes }
    } else {
        unreadable(error)
    }
}

/// The entry's name, when it is one that an export writes: regular files and directories in known places.
fn checked_path(entry: &ArchiveEntry<'_, '_>) -> Result<String, LifecycleError> {
    let kind = entry.header().entry_type();
    let bytes = entry.path_bytes();
    let path = std::str::from_utf8(&bytes).map_err(|_| invalid("a name is not UTF-8"))?;
    let shown: String = path.chars().take(80).collect();
    let directory = kind == tar::EntryType::Directory;
    if !(directory || kind == tar::EntryType::Regular) {
        return Err(invalid(format!("`{shown}` is neither a file nor a directory")));
    }
    let plain = path.strip_suffix('/').filter(|_| directory).unwrap_or(path);
    let names_inside =
        plain.split('/').all(|name| !name.is_empty() && name != "." && name != ".." && !name.contains('\0'));
    let (top, rest) = plain.split_once('/').map_or((plain, None), |(top, rest)| (top, Some(rest)));
    let known = match (top, rest) {
        (HEAD | MANIFEST, None) => !directory,
        ("roles" | "members" | "deployments" | "runs" | "history" | "logs", Some(rest)) => {
            !directory && !rest.contains('/') && rest.ends_with(".jsonl")
        }
        ("modules", Some(rest)) => !directory && (rest.ends_with(".jsonl") || module_of(plain).is_some()),
        ("files", None) => directory,
        ("files", Some(rest)) => rest.parse::<TenantPath>().is_ok(),
        _ => false,
    };
    if names_inside && known {
        Ok(path.to_owned())
    } else {
        Err(invalid(format!("`{shown}` has no place in it")))
    }
}

fn module_of(path: &str) -> Option<ModuleDigest> {
    path.strip_prefix("modules/")?.strip_suffix(".wasm")?.parse().ok()
}

fn read_text(entry: &mut ArchiveEntry<'_, '_>) -> Result<Vec<u8>, LifecycleError> {
    if entry.size() > MAX_TEXT_BYTES {
        return Err(invalid("a list in it is too long"));
    }
    let mut text = Vec::new();
    entry.read_to_end(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn hash(entry: &mut ArchiveEntry<'_, '_>, digest: &mut Sha256) -> io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut size_bytes = 0;
    loop {
        let count = entry.read(&mut buffer)?;
        if count == 0 {
            return Ok(size_bytes);
        }
        digest.update(&buffer[..count]);
        size_bytes += count as u64;
    }
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, LifecycleError> {
    serde_json::from_slice(text).map_err(|error| invalid(format!("a record in it is not valid: {error}")))
}

/// Fills a tenant that was just made, from an archive that was verified. Blocks.
struct Filling<'a> {
    lifecycle: &'a Lifecycle,
    handle: &'a Handle,
    scope: &'a TenantScope,
    owner: &'a PrincipalId,
    upload: Permit<act::ModuleUpload>,
    deploy: Permit<act::DeploymentWrite>,
    write: Permit<act::FileWrite>,
    names: BTreeMap<ModuleDigest, String>,
}

impl Filling<'_> {
    fn all(&mut self, file: &File, limit_bytes: u64) -> Result<(), LifecycleError> {
        let mut archive = open(file, limit_bytes)?;
        for entry in archive.entries().map_err(unreadable)? {
            let mut entry = entry.map_err(unreadable)?;
            let path = checked_path(&entry)?;
            let place = path.split_once('/').map(|(top, rest)| (top, rest.trim_end_matches('/')));
            match place {
                None => {}
                Some(("files", rest)) => self.file(&mut entry, rest)?,
                Some(("modules", rest)) if rest.ends_with(".wasm") => self.module(&mut entry, &path)?,
                Some((list, _)) => {
                    let text = read_text(&mut entry)?;
                    self.list(list, &text)?;
                }
            }
        }
        self.handle.block_on(self.lifecycle.logs.flush(self.scope))?;
        Ok(())
    }

    fn list(&mut self, list: &str, text: &[u8]) -> Result<(), LifecycleError> {
        let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        match list {
            "roles" => self.roles(&lines.map(parse).collect::<Result<Vec<_>, _>>()?),
            "members" => self.members(lines.map(parse).collect::<Result<Vec<_>, _>>()?),
            "modules" => {
                for line in lines {
                    let ModuleLine { digest, name } = parse(line)?;
                    self.names.insert(digest, name);
                }
                Ok(())
            }
            "deployments" => lines.map(parse).try_for_each(|line| self.deployment(line?)),
            "runs" => self.runs(lines.map(parse).collect::<Result<Vec<_>, _>>()?),
            "history" => lines.map(parse).try_for_each(|line| self.history(line?)),
            _ => self.logs(lines.map(parse).collect::<Result<Vec<_>, _>>()?),
        }
    }

    fn roles(&self, lines: &[RoleLine]) -> Result<(), LifecycleError> {
        let (now, owner) = (self.lifecycle.clock.now(), self.owner);
        if lines.len() > MAX_ROLES_PER_TENANT {
            return Err(invalid("it has too many roles"));
        }
        self.lifecycle.store.write_blocking(|writer| {
            for line in lines {
                let role = RoleRecord {
                    name: line.name.clone(),
                    description: line.description.clone(),
                    permissions: line.permissions.clone(),
                    changed_at: now,
                    changed_by: owner.clone(),
                };
                writer.put_role(self.scope, &role)?;
            }
            Ok(())
        })
    }

    /// Members without a password of this host get in by a link of the operator's.
    fn members(&self, lines: Vec<MemberLine>) -> Result<(), LifecycleError> {
        let clock = &self.lifecycle.clock;
        if lines.len() > MAX_MEMBERS_PER_TENANT {
            return Err(invalid("it has too many members"));
        }
        self.lifecycle.store.write_blocking(|writer| {
            for line in lines {
                let user = vouched_user(writer, clock, &line.email)?;
                if writer.membership(self.scope.tenant(), &user.id)?.is_some() {
                    continue;
                }
                let membership = MembershipRecord { user: user.id, role: line.role, created_at: clock.now() };
                writer.put_membership(self.scope.tenant(), &membership)?;
            }
            Ok::<_, TenancyError>(())
        })?;
        Ok(())
    }

    fn history(&self, line: HistoryLine) -> Result<(), LifecycleError> {
        if line.line.len() > MAX_HISTORY_LINE_BYTES {
            return Err(invalid("a line of a history is too long"));
        }
        let id = self.lifecycle.clock.ulid().to_string().to_ascii_lowercase();
        self.lifecycle.store.write_blocking::<_, StoreError, _>(|writer| {
            // Members come before; who is none has no history here.
            let Some(user) = writer.before().user_by_email(&line.email)? else { return Ok(()) };
            if writer.membership(self.scope.tenant(), &user.id)?.is_none() {
                return Ok(());
            }
            let record = CommandLineRecord { line: line.line, at: line.at };
            writer.add_command_line(self.scope, &(&user.id).into(), &id, &record, MAX_HISTORY_LINES)
        })?;
        Ok(())
    }

    fn module(&self, entry: &mut ArchiveEntry<'_, '_>, path: &str) -> Result<(), LifecycleError> {
        let digest = module_of(path).ok_or_else(|| invalid("a module has no digest"))?;
        let body = ReaderStream::new(tokio::fs::File::from_std(self.spool(entry)?));
        let name = self.names.get(&digest).cloned();
        let uploaded = self.handle.block_on(self.lifecycle.registry.upload(&self.upload, name, body))?;
        if uploaded.module.digest == digest {
            Ok(())
        } else {
            Err(invalid("a module is not what it is called"))
        }
    }

    fn deployment(&self, line: DeploymentLine) -> Result<(), LifecycleError> {
        for version in line.versions {
            match self.handle.block_on(self.lifecycle.registry.deploy(&self.deploy, &line.name, version)) {
                // An old version whose module was removed since; the active one has its module.
                Err(crate::registry::RegistryError::ModuleNotFound) => {}
                deployed => drop(deployed?),
            }
        }
        Ok(())
    }

    fn runs(&self, lines: Vec<RunRecord>) -> Result<(), LifecycleError> {
        for step in lines.chunks(LINES_AT_ONCE) {
            self.lifecycle.store.write_blocking::<_, StoreError, _>(|writer| {
                // A run that went on while it was exported goes on there, not here.
                let ended = step.iter().filter(|run| run.status == RunStatus::Ended);
                ended.into_iter().try_for_each(|run| writer.put_run(self.scope, run))
            })?;
        }
        Ok(())
    }

    fn logs(&self, records: Vec<LogRecord>) -> Result<(), LifecycleError> {
        let mut batch = LineBatch::default();
        let mut source: Option<LineSource> = None;
        // What is missing is told where the log goes on.
        let mut missing = Vec::new();
        for record in records {
            let line = match record {
                LogRecord::Missing(found) => {
                    missing.push(found);
                    continue;
                }
                LogRecord::Line(line) => line,
            };
            let of_line = line.source();
            if batch.len() == LINES_AT_ONCE || source.as_ref().is_some_and(|source| *source != of_line) {
                self.append(&source, std::mem::take(&mut batch))?;
            }
            missing.drain(..).try_for_each(|found: MissingEntry| found.push_to(&mut batch, &line))?;
            line.push_to(&mut batch)?;
            source = Some(of_line);
        }
        self.append(&source, batch)
    }

    fn append(&self, source: &Option<LineSource>, batch: LineBatch) -> Result<(), LifecycleError> {
        let Some(source) = source else { return Ok(()) };
        let log = self.lifecycle.logs.run(self.scope, source.clone());
        Ok(self.handle.block_on(log.append(batch))?)
    }

    fn file(&self, entry: &mut ArchiveEntry<'_, '_>, path: &str) -> Result<(), LifecycleError> {
        let directory = entry.header().entry_type() == tar::EntryType::Directory;
        let path: TenantPath = path.parse().map_err(|_| invalid("a name is not valid"))?;
        let files = &self.lifecycle.files;
        if directory {
            self.handle.block_on(files.make_directory(&self.write, path))?;
            return Ok(());
        }
        let body = ReaderStream::new(tokio::fs::File::from_std(self.spool(entry)?));
        let name = format!("{}.part", self.lifecycle.clock.ulid());
        self.handle.block_on(files.write(&self.write, path, name, body))?;
        Ok(())
    }

    /// The entry's content as a file of its own, which goes when it is closed.
    fn spool(&self, entry: &mut ArchiveEntry<'_, '_>) -> Result<File, LifecycleError> {
        const ATTEMPT: &str = "unpack an archive";
        self.lifecycle.store.admit()?;
        let mut file = tempfile::tempfile_in(self.lifecycle.store.dir().uploads())
            .map_err(LifecycleError::io(ATTEMPT))?;
        io::copy(entry, &mut file).map_err(LifecycleError::io(ATTEMPT))?;
        file.flush().and_then(|()| file.rewind()).map_err(LifecycleError::io(ATTEMPT))?;
        Ok(file)
    }
}
