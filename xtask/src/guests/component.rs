//! Components made from preview 1 modules.

use std::path::Path;

use anyhow::{Context, Result};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER,
};
use wit_component::ComponentEncoder;

/// Wraps a preview 1 command into a WASI 0.2 `wasi:cli/command` component.
pub(crate) fn componentize(module: &[u8]) -> Result<Vec<u8>> {
    wrap(module, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
}

/// Wraps a library that handles HTTP requests into a WASI 0.2 `wasi:http/proxy` component.
pub(crate) fn componentize_proxy(module: &[u8]) -> Result<Vec<u8>> {
    wrap(module, WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER)
}

fn wrap(module: &[u8], adapter: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .module(module)
        .context("read the module")?
        .validate(true)
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)
        .context("add the preview 1 adapter")?
        .encode()
        .context("make the component")
}

/// Wraps a file; the component stands beside it as `NAME.component.wasm` unless a place is given.
pub(crate) fn componentize_file(module: &Path, component: Option<&Path>) -> Result<()> {
    let bytes = std::fs::read(module).with_context(|| format!("read {}", module.display()))?;
    let made = componentize(&bytes).with_context(|| format!("make a component of {}", module.display()))?;
    let beside = module.with_extension("component.wasm");
    crate::fingerprint::write_atomically(component.unwrap_or(&beside), &made)
}

/// Fails when a component needs more than the world `cloister:guest/command` gives, or is no command.
pub(crate) fn check_world(wit: &Path, component: &[u8]) -> Result<()> {
    let mut resolve = wit_parser::Resolve::new();
    let (package, _) = resolve.push_dir(wit).with_context(|| format!("read {}", wit.display()))?;
    let world = resolve.select_world(&[package], Some("command")).context("find the world `command`")?;
    wit_component::targets(&resolve, world, component).context("compare with the world `command`")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(module (memory (export "memory") 1) (func (export "_start")))`
    const COMMAND: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\
        \x07\x13\x02\x06memory\x02\0\x06_start\0\0\x0a\x04\x01\x02\0\x0b";

    #[test]
    fn a_command_becomes_a_component() {
        let component = componentize(COMMAND).unwrap();
        assert_eq!(&component[..8], b"\0asm\x0d\0\x01\0", "the header of a component");
        let text = String::from_utf8_lossy(&component);
        assert!(text.contains("wasi:cli/run@0.2"), "it exports the entry point of a command");
    }

    #[test]
    fn the_guest_interface_takes_a_command_and_nothing_else() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/wit");
        let component = componentize(COMMAND).unwrap();
        check_world(&wit, &component).unwrap();
        // The smallest component: it exports nothing.
        assert!(check_world(&wit, b"\0asm\x0d\0\x01\0").is_err());
    }

    #[test]
    fn what_is_not_a_module_is_refused() {
        assert!(componentize(b"\0asm").is_err());
        assert!(componentize(b"hello").is_err());
    }
}
