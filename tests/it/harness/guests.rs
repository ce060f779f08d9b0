//! Guests to upload: those that xtask builds, and small ones made on the spot.

use std::path::PathBuf;

use super::guests_dir;

/// One program, in two shapes that behave the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A core module for WASI preview 1.
    Core,
    /// A component for WASI 0.2.
    Component,
}

impl Shape {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Core, Self::Component];

    /// How the file's name ends.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Core => ".wasm",
            Self::Component => ".component.wasm",
        }
    }
}

/// One of `modules/commands`.
pub(crate) fn command(name: &str) -> Vec<u8> {
    read(&format!("commands/{name}.wasm"))
}

/// One of `modules/fixtures`.
pub(crate) fn fixture(name: &str, shape: Shape) -> Vec<u8> {
    read(&format!("fixtures/{name}{}", shape.ending()))
}

/// One of `modules/probes`.
pub(crate) fn probe(name: &str, shape: Shape) -> Vec<u8> {
    read(&format!("probes/{name}{}", shape.ending()))
}

/// Where a probe is when it was built in this shape.
pub(crate) fn probe_path(name: &str, shape: Shape) -> PathBuf {
    guests_dir().join(format!("probes/{name}{}", shape.ending()))
}

/// A program that nobody here wrote.
pub(crate) fn real(name: &str, shape: Shape) -> Vec<u8> {
    read(&format!("real/{name}{}", shape.ending()))
}

/// A module from its text.
pub(crate) fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn read(name: &str) -> Vec<u8> {
    let path = guests_dir().join(name);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask test` builds it", path.display()))
}
