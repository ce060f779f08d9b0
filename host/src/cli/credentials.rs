//! The file of signed-in hosts: private, replaced atomically, changed by one process at a time.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloister_host::api::Tokens;
use serde::{Deserialize, Serialize};

use super::failure::{Failure, Outcome};

const VERSION: u32 = 1;
const LOCK_WAIT: Duration = Duration::from_secs(30);
const LOCK_POLL: Duration = Duration::from_millis(20);

/// What the file holds.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    version: u32,
    /// The host used when none is named: the last one signed in to.
    #[serde(default)]
    pub(crate) current: Option<String>,
    /// By the host's address.
    #[serde(default)]
    pub(crate) hosts: BTreeMap<String, Entry>,
}

impl Default for Credentials {
    fn default() -> Self {
        Self { version: VERSION, current: None, hosts: BTreeMap::new() }
    }
}

/// One signed-in host.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Who signed in.
    pub(crate) email: String,
    /// The tenant used when none is named.
    #[serde(default)]
    pub(crate) tenant: Option<String>,
    /// Sent with each request.
    pub(crate) access_token: String,
    /// By this machine's clock, in seconds since the Unix epoch.
    pub(crate) access_expires_at_s: u64,
    /// The tenant that the access token was asked for, as it was named.
    #[serde(default)]
    pub(crate) access_tenant: Option<String>,
    /// Exchanged for the next pair; works once.
    pub(crate) refresh_token: String,
}

impl Entry {
    /// Takes over newly issued tokens, and which tenant they were asked for.
    pub(crate) fn renew(&mut self, tokens: Tokens, tenant: Option<&str>, now_s: u64) {
        self.access_tenant = tenant.map(str::to_owned);
        self.email = tokens.principal.email;
        self.access_token = tokens.access_token;
        self.access_expires_at_s = now_s.saturating_add(tokens.expires_in_s);
        self.refresh_token = tokens.refresh_token;
    }
}

/// Where the file is.
#[derive(Debug, Clone)]
pub(crate) struct CredentialStore {
    dir: PathBuf,
}

/// Held while the file is read, changed and written. Released on drop.
pub(crate) struct CredentialLock {
    _file: File,
}

impl CredentialStore {
    /// A store in this directory, which is made when something is first saved.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.join("credentials.json")
    }

    /// What is saved; empty when there is no file.
    pub(crate) fn load(&self) -> Outcome<Credentials> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Credentials::default()),
            Err(error) => return Err(Failure::local(format!("read {}", path.display()), &error)),
        };
        let damaged = |why: String| {
            Failure::new("credentials_damaged", format!("{} cannot be used: {why}", path.display()))
                .with_hint("remove the file and sign in again with `cloister login`")
        };
        let credentials: Credentials =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if credentials.version > VERSION {
            return Err(damaged(format!("it is of the newer version {}", credentials.version)));
        }
        Ok(credentials)
    }

    /// Waits for the right to change the file, up to 30 s.
    pub(crate) async fn lock(&self) -> Outcome<CredentialLock> {
        let path = self.dir.join("credentials.lock");
        let failed = |error: &io::Error| Failure::local(format!("lock {}", path.display()), error);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(|error| failed(&error))?;
        let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = open.map_err(|error| failed(&error))?;
        let attempts = LOCK_WAIT.as_millis() / LOCK_POLL.as_millis();
        for _ in 0..attempts {
            match file.try_lock() {
                Ok(()) => return Ok(CredentialLock { _file: file }),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_POLL).await,
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
            }
        }
        Err(Failure::new("credentials_locked", format!("another process holds {} too long", path.display())))
    }

    /// Replaces the file; a crash leaves the old one or the new one.
    pub(crate) fn save(&self, _held: &CredentialLock, credentials: &Credentials) -> Outcome {
        let path = self.path();
        write_atomically(&self.dir, &path, credentials)
            .map_err(|error| Failure::local(format!("write {}", path.display()), &error))
    }
}

fn write_atomically(dir: &Path, path: &Path, credentials: &Credentials) -> io::Result<()> {
    // Made readable by its owner only.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    serde_json::to_writer_pretty(&mut file, credentials)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
