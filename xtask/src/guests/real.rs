//! Programs that nobody here wrote, built for WASI as they are on crates.io.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use super::component::componentize_file;
use crate::fingerprint::{Fingerprint, Stamp, write_atomically};
use crate::layout::Layout;
use crate::process::{run, step};
use crate::toolchain::{TARGET, Toolchain};

/// Raise this when the way they are built changes.
const RECIPE: &str = "1";

/// The programs that the tests and the walk-through use.
/// jaq goes without its default feature, an allocator written in C;
/// 2.2.0 is the last whose command line builds for WASI: later ones edit lines, which needs Unix.
const TESTED: [&str; 2] = ["ripgrep@14.1.1:rg", "jaq@2.2.0:jaq:none"];

/// The same, parsed.
pub(crate) fn tested() -> Result<Vec<Program>> {
    TESTED.iter().map(|text| text.parse()).collect()
}

/// A binary of a crate: `NAME@VERSION[:BINARY[:FEATURES]]`. The binary is called like the crate unless told. Features,
/// separated by commas, replace the default ones; `none` leaves them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    package: String,
    version: String,
    binary: String,
    features: Option<String>,
}

impl FromStr for Program {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let Some((package, version)) = name.split_once('@') else {
            bail!(
                "write a program as NAME@VERSION[:BINARY[:FEATURES]], so that everyone builds the same one"
            );
        };
        let binary = parts.next().unwrap_or(package);
        let features = parts.next();
        for part in [package, version, binary].into_iter().chain(features) {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+,".contains(&byte);
            if part.is_empty() || part.starts_with(['-', '.']) || !part.bytes().all(is_plain) {
                bail!("`{part}` is not a name or version");
            }
        }
        let [package, version, binary] = [package, version, binary].map(str::to_owned);
        Ok(Self { package, version, binary, features: features.map(str::to_owned) })
    }
}

/// Builds the programs that are not there yet, and returns where they are: `target/guests/real/BINARY.wasm`, with a
/// component beside each.
pub(crate) fn build(layout: &Layout, programs: &[Program]) -> Result<Vec<PathBuf>> {
    let toolchain = Toolchain::ready(layout)?;
    programs.iter().map(|program| build_one(layout, &toolchain, program)).collect()
}

fn build_one(layout: &Layout, toolchain: &Toolchain, program: &Program) -> Result<PathBuf> {
    let Program { package, version, binary, features } = program;
    let real = layout.guests().join("real");
    let module = real.join(format!("{binary}.wasm"));
    let outputs = [module.clone(), real.join(format!("{binary}.component.wasm"))];
    let stamp = Stamp::new(&layout.stamps(), &format!("real-{binary}"));
    let fingerprint = Fingerprint::default()
        .value("program", &format!("{package}@{version}"))
        .value("features", features.as_deref().unwrap_or("default"))
        .value("toolchain", toolchain.identity())
        .value("recipe", RECIPE)
        .finish();
    if stamp.holds(&fingerprint) {
        return Ok(module);
    }
    step(format!("building {package} {version} for {TARGET}, unmodified from crates.io"));
    // Cargo installs into a place of its own first: the folder of guests holds nothing but guests.
    let installed = layout.guests().join("build/installed");
    let mut install = toolchain.cargo(layout, &layout.target);
    install.args(["install", "--quiet", "--locked", "--force", "--no-track", "--target", TARGET, "--root"]);
    install.arg(&installed).args(["--bin", binary]).arg(format!("{package}@{version}"));
    if let Some(features) = features {
        install.arg("--no-default-features");
        if features != "none" {
            install.args(["--features", features]);
        }
    }
    // Names follow the program; symbols only make it larger.
    install.env("CARGO_PROFILE_RELEASE_STRIP", "true");
    run(&mut install)?;
    let built = installed.join("bin").join(format!("{binary}.wasm"));
    let bytes = std::fs::read(&built).with_context(|| format!("read {}", built.display()))?;
    write_atomically(&module, &bytes)?;
    componentize_file(&module, None)?;
    stamp.set(&fingerprint, &outputs)?;
    Ok(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tested_programs_can_be_parsed() {
        let parsed = tested().unwrap();
        assert_eq!(parsed[0].package, "ripgrep");
        assert_eq!(parsed[0].binary, "rg");
        assert_eq!(parsed[1].features.as_deref(), Some("none"));
    }

    #[test]
    fn a_binary_has_the_name_of_its_crate_unless_told() {
        let jaq: Program = "jaq@3.1.2".parse().unwrap();
        assert_eq!(
            (jaq.package.as_str(), jaq.version.as_str(), jaq.binary.as_str()),
            ("jaq", "3.1.2", "jaq")
        );
    }

    #[test]
    fn a_version_is_demanded_and_options_cannot_slip_in() {
        for bad in ["jaq", "jaq@", "@1.0.0", "jaq@1.0.0:", "--git@1", "jaq@1.0.0:../x", "a b@1"] {
            assert!(bad.parse::<Program>().is_err(), "{bad}");
        }
    }
}
