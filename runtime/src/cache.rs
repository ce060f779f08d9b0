//! Compiled modules by digest: in memory up to a bound, on disk behind it, compiled when in neither.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

use crate::compile::Compiler;
use crate::engine::{Engines, Metering, code_fingerprint};
use crate::module::{EntryPoint, ModuleError, ModuleInfo};
use crate::prepared::Prepared;
use crate::trusted_code::TrustedCode;

/// Where compiled code is kept.
#[derive(Clone)]
pub struct CacheConfig {
    /// A private directory; `None` keeps compiled code in memory only.
    pub directory: Option<PathBuf>,
    /// Authenticates what is read back from the directory. Whoever knows it can run machine code in this process.
    pub key: [u8; 32],
    /// Bytes of compiled code held in memory.
    pub memory_bytes: u64,
}

/// One module to prepare.
#[derive(Debug, Clone)]
pub struct ModuleSource {
    /// Lower-case hex SHA-256 of the binary.
    pub digest: String,
    /// What [`crate::inspect`] found.
    pub info: ModuleInfo,
    /// Where the binary is.
    pub path: PathBuf,
}

/// How often the cache could answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Found in memory.
    pub memory_hits: u64,
    /// Found on disk.
    pub disk_hits: u64,
    /// Compiled.
    pub compiled: u64,
    /// Refused because it was not written by this host.
    pub forged: u64,
}

#[derive(Default)]
struct Counters {
    memory_hits: AtomicU64,
    disk_hits: AtomicU64,
    compiled: AtomicU64,
    forged: AtomicU64,
}

type CacheKey = (Box<str>, Metering, EntryPoint);

#[derive(Clone)]
struct ByCodeSize;

impl quick_cache::Weighter<CacheKey, Arc<Prepared>> for ByCodeSize {
    fn weight(&self, _: &CacheKey, module: &Arc<Prepared>) -> u64 {
        module.code_bytes().max(1)
    }
}

/// Expected size of one compiled module, for sizing the table.
const TYPICAL_CODE_BYTES: u64 = 256 << 10;
/// Length of the authentication tag before the code.
const TAG_BYTES: usize = 32;

/// The cache.
pub(crate) struct ModuleCache {
    config: CacheConfig,
    engines: Arc<Engines>,
    compiler: Compiler,
    memory: Cache<CacheKey, Arc<Prepared>, ByCodeSize>,
    counters: Counters,
}

impl ModuleCache {
    pub(crate) fn new(config: CacheConfig, engines: Arc<Engines>, compiler: Compiler) -> Arc<Self> {
        let items = usize::try_from(config.memory_bytes / TYPICAL_CODE_BYTES).unwrap_or(1).max(16);
        let memory = Cache::with_weighter(items, config.memory_bytes, ByCodeSize);
        Arc::new(Self { config, engines, compiler, memory, counters: Counters::default() })
    }

    /// A command that is prepared and in memory.
    pub(crate) fn ready(&self, digest: &str, metering: Metering) -> Option<Arc<Prepared>> {
        let found = self.memory.get(&(digest.into(), metering, EntryPoint::Command));
        if found.is_some() {
            self.counters.memory_hits.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// Finds a prepared module, or makes it; callers for the same module share one compilation.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        source: &ModuleSource,
        metering: Metering,
    ) -> Result<Arc<Prepared>, ModuleError> {
        let key = (source.digest.as_str().into(), metering, source.info.entry);
        if let Some(found) = self.memory.get(&key) {
            self.counters.memory_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(found);
        }
        let made = Box::pin(self.make(source, metering));
        self.memory.get_or_insert_async(&key, made).await
    }

    async fn make(
        self: &Arc<Self>,
        source: &ModuleSource,
        metering: Metering,
    ) -> Result<Arc<Prepared>, ModuleError> {
        let stored = self.on_blocking_thread(source, metering, Self::load_stored).await?;
        if let Some(found) = stored {
            self.counters.disk_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(found);
        }
        let wasm =
            tokio::fs::read(&source.path).await.map_err(|error| host("cannot read the module", &error))?;
        let code = self.compiler.compile(wasm, source.info.kind, metering).await?;
        self.counters.compiled.fetch_add(1, Ordering::Relaxed);
        self.on_blocking_thread(source, metering, move |cache, source, metering| {
            let trusted = TrustedCode::just_compiled(&code);
            let prepared = cache.link(source, metering, &trusted, code.len())?;
            cache.store(source, metering, &code);
            Ok(prepared)
        })
        .await
    }

    async fn on_blocking_thread<T: Send + 'static>(
        self: &Arc<Self>,
        source: &ModuleSource,
        metering: Metering,
        work: impl FnOnce(&Self, &ModuleSource, Metering) -> Result<T, ModuleError> + Send + 'static,
    ) -> Result<T, ModuleError> {
        let (cache, source) = (Arc::clone(self), source.clone());
        tokio::task::spawn_blocking(move || work(&cache, &source, metering))
            .await
            .map_err(|error| host("the host is stopping", &error))?
    }

    fn load_stored(
        &self,
        source: &ModuleSource,
        metering: Metering,
    ) -> Result<Option<Arc<Prepared>>, ModuleError> {
        let Some(path) = self.path(source, metering)? else {
            return Ok(None);
        };
        let Ok(stored) = std::fs::read(&path) else {
            return Ok(None);
        };
        let context = self.context(source, metering)?;
        let trusted = stored
            .split_first_chunk::<TAG_BYTES>()
            .and_then(|(tag, code)| TrustedCode::authenticate(&self.config.key, &context, tag, code));
        let Some(trusted) = trusted else {
            self.counters.forged.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(module = %source.digest, "stored code was not written by this host; it is compiled anew");
            return Ok(None);
        };
        self.link(source, metering, &trusted, stored.len() - TAG_BYTES).map(Some)
    }

    fn link(
        &self,
        source: &ModuleSource,
        metering: Metering,
        code: &TrustedCode<'_>,
        code_bytes: usize,
    ) -> Result<Arc<Prepared>, ModuleError> {
        let flavour = self.engines.get(metering).map_err(|error| host("no engine", &error))?;
        Prepared::link(flavour, metering, &source.info, code, code_bytes as u64).map(Arc::new)
    }

    /// Keeps compiled code for the next start. Losing it costs time only, so a failure is logged and forgotten.
    fn store(&self, source: &ModuleSource, metering: Metering, code: &[u8]) {
        let written = || -> io::Result<()> {
            let (Ok(Some(path)), Ok(context)) = (self.path(source, metering), self.context(source, metering))
            else {
                return Ok(());
            };
            let tag = TrustedCode::tag(&self.config.key, &context, code);
            let directory = path.parent().unwrap_or(Path::new("."));
            create_private_directory(directory)?;
            let temporary = directory.join(format!(".{}.{}", source.digest, std::process::id()));
            let mut content = Vec::with_capacity(TAG_BYTES + code.len());
            content.extend_from_slice(&tag);
            content.extend_from_slice(code);
            std::fs::write(&temporary, content)?;
            std::fs::rename(&temporary, &path)
        };
        if let Err(error) = written() {
            tracing::warn!(%error, module = %source.digest, "compiled code could not be stored");
        }
    }

    fn path(&self, source: &ModuleSource, metering: Metering) -> Result<Option<PathBuf>, ModuleError> {
        let Some(directory) = &self.config.directory else {
            return Ok(None);
        };
        let flavour = self.engines.get(metering).map_err(|error| host("no engine", &error))?;
        let name = format!("{}.{}", source.digest, metering_name(metering));
        Ok(Some(directory.join(code_fingerprint(&flavour.engine)).join(name)))
    }

    /// What the tag covers besides the code: the same bytes under another name are refused.
    fn context(&self, source: &ModuleSource, metering: Metering) -> Result<String, ModuleError> {
        let flavour = self.engines.get(metering).map_err(|error| host("no engine", &error))?;
        Ok(format!("{}:{}:{}", code_fingerprint(&flavour.engine), source.digest, metering_name(metering)))
    }

    /// Forgets a module, in memory and on disk.
    pub(crate) fn remove(&self, digest: &str) {
        for metering in [Metering::Epochs, Metering::Fuel] {
            for entry in [EntryPoint::Command, EntryPoint::Http] {
                self.memory.remove(&(digest.into(), metering, entry));
            }
        }
        let Some(directory) = &self.config.directory else {
            return;
        };
        let Ok(versions) = std::fs::read_dir(directory) else {
            return;
        };
        for version in versions.flatten() {
            for metering in [Metering::Epochs, Metering::Fuel] {
                // Not being there is the common case.
                let _ = std::fs::remove_file(
                    version.path().join(format!("{digest}.{}", metering_name(metering))),
                );
            }
        }
    }

    pub(crate) fn stats(&self) -> CacheStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            memory_hits: count(&self.counters.memory_hits),
            disk_hits: count(&self.counters.disk_hits),
            compiled: count(&self.counters.compiled),
            forged: count(&self.counters.forged),
        }
    }
}

fn metering_name(metering: Metering) -> &'static str {
    match metering {
        Metering::Epochs => "epochs",
        Metering::Fuel => "fuel",
    }
}

fn host(what: &str, error: &dyn std::error::Error) -> ModuleError {
    ModuleError::Host { reason: format!("{what}: {error}") }
}

fn create_private_directory(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}
