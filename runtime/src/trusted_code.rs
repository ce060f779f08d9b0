//! The only `unsafe` code: turning compiled bytes back into machine code.
//!
//! The engine trusts such bytes as it trusts its own program. They come from [`crate::compile`] alone and are
//! authenticated with the host's key before they get here, in the very buffer that is loaded.
#![expect(unsafe_code, reason = "loading compiled code has no safe form; the callers authenticate it")]

use wasmtime::{Engine, Module, component::Component};

/// Bytes that were compiled by this host, for the engine they are loaded into.
pub(crate) struct TrustedCode<'a>(&'a [u8]);

impl<'a> TrustedCode<'a> {
    /// Marks bytes that this process has just compiled.
    pub(crate) fn just_compiled(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The tag of code that is stored under the name `context`.
    pub(crate) fn tag(key: &[u8; 32], context: &str, code: &[u8]) -> [u8; 32] {
        *Self::hash(key, context, code).as_bytes()
    }

    /// Accepts bytes whose tag was made with `key` for this context; `None` for any others.
    pub(crate) fn authenticate(
        key: &[u8; 32],
        context: &str,
        tag: &[u8; 32],
        bytes: &'a [u8],
    ) -> Option<Self> {
        // Comparing two `blake3::Hash` takes the same time whatever they are.
        (Self::hash(key, context, bytes) == blake3::Hash::from_bytes(*tag)).then_some(Self(bytes))
    }

    fn hash(key: &[u8; 32], context: &str, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(&(context.len() as u64).to_le_bytes()).update(context.as_bytes()).update(code);
        hasher.finalize()
    }

    /// Loads a core module.
    pub(crate) fn load_module(&self, engine: &Engine) -> wasmtime::Result<Module> {
        #[expect(clippy::disallowed_methods, reason = "the one home of loading")]
        // SAFETY: the bytes are the unchanged output of this engine's compiler, see `TrustedCode`.
        unsafe {
            Module::deserialize(engine, self.0)
        }
    }

    /// Loads a component.
    pub(crate) fn load_component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(clippy::disallowed_methods, reason = "the one home of loading")]
        // SAFETY: the bytes are the unchanged output of this engine's compiler, see `TrustedCode`.
        unsafe {
            Component::deserialize(engine, self.0)
        }
    }
}
