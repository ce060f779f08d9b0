//! Rules about crates: who may depend on whom, and that all have the same lints.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::Finding;
use super::repository::{Repository, is_comment};

/// The crate that runs guests and knows nothing of the server around it.
const RUNTIME: &str = "cloister-runtime";

/// What the runtime must not depend on, directly or through anything else.
const ABOVE_RUNTIME: [&str; 8] =
    ["axum", "cloister-host", "jsonwebtoken", "prometheus", "reqwest", "sled", "tower-http", "utoipa"];

/// A crate's name in code, and the only folders whose sources may write it.
const HOMES: [(&str, &[&str]); 7] = [
    ("sled", &["host/src/store/", "host/salvage/src/tests.rs", "benches/"]),
    ("jsonwebtoken", &["host/src/auth/", "tests/"]),
    ("wasmtime", &["runtime/", "benches/", "tests/it/harness/reference.rs"]),
    ("wasmtime_wasi", &["runtime/", "benches/", "tests/it/harness/reference.rs"]),
    ("axum", &["host/src/http/", "host/src/server/", "host/tests/", "tests/", "benches/"]),
    // In the runtime for `wasi:http` alone.
    ("hyper", &["runtime/src/http/", "host/", "tests/", "benches/"]),
    ("utoipa", &["host/src/api/", "host/src/http/"]),
];

/// The runtime's dependencies, as the lock file has them, lead nowhere above it.
pub(super) fn runtime_stays_low(repository: &Repository) -> Vec<Finding> {
    let Some(lock) = repository.text("Cargo.lock").and_then(|text| text.parse::<Table>().ok()) else {
        return vec![Finding::new("Cargo.lock", "cannot be read")];
    };
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock.get("package").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = package.get("name").and_then(Value::as_str) else { continue };
        let dependencies = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
        // An entry is `name`, or `name version` where there are several.
        let names = dependencies.filter_map(Value::as_str).filter_map(|entry| entry.split(' ').next());
        needs.entry(name).or_default().extend(names);
    }
    let (mut reached, mut open) = (BTreeSet::new(), vec![RUNTIME]);
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(needs.get(name).into_iter().flatten());
        }
    }
    let wrong = ABOVE_RUNTIME.iter().filter(|name| reached.contains(*name));
    wrong
        .map(|name| Finding::new("runtime/Cargo.toml", format!("the runtime must not depend on {name}")))
        .collect()
}

/// Some crates are named in one folder only.
pub(super) fn words_stay_home(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repository.texts(&[".rs"]).filter(|(path, _)| !path.starts_with("xtask/")) {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !is_comment(line)) {
            for (word, homes) in HOMES {
                let is_home = homes.iter().any(|home| path.starts_with(home) || path == module_file(home));
                if !is_home && names_crate(line, word) {
                    let homes = homes.join(" or ");
                    findings.push(Finding::at(path, index, format!("only {homes} may name `{word}`")));
                }
            }
        }
    }
    findings
}

/// `host/src/store.rs` for `host/src/store/`.
fn module_file(folder: &str) -> String {
    format!("{}.rs", folder.trim_end_matches('/'))
}

/// True when a line uses a crate: `word::`, `use word;`, `use word as` or `extern crate word`.
fn names_crate(line: &str, word: &str) -> bool {
    let line = line.trim_start().trim_start_matches("pub ");
    let imported = line.strip_prefix("use ").or_else(|| line.strip_prefix("extern crate "));
    if let Some(rest) = imported.and_then(|name| name.strip_prefix(word)) {
        return rest.starts_with([':', ';', ' ']);
    }
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let is_whole = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"' || c == '`');
        is_whole
            && !line[..start].ends_with("crate::")
            && !line[..start].ends_with("self::")
            && line[start + word.len()..].starts_with("::")
    })
}

/// Every package inherits its workspace's lints, and every workspace has some.
pub(super) fn lints_are_inherited(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repository.texts(&["Cargo.toml"]) {
        let Ok(manifest) = text.parse::<Table>() else {
            findings.push(Finding::new(path, "cannot be read"));
            continue;
        };
        let inherits =
            manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool);
        if manifest.contains_key("package") && inherits != Some(true) {
            findings.push(Finding::new(path, "a package inherits lints: `[lints]` with `workspace = true`"));
        }
        if let Some(workspace) = manifest.get("workspace") {
            let has = |name: &str| workspace.get("lints").is_some_and(|lints| lints.get(name).is_some());
            if !(has("rust") && has("clippy")) {
                findings.push(Finding::new(
                    path,
                    "a workspace has lints: `[workspace.lints.rust]` and `.clippy`",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "[[package]]\nname = \"cloister-runtime\"\ndependencies = [\"a 1.0.0\"]\n\
                        [[package]]\nname = \"a\"\ndependencies = [\"b\"]\n[[package]]\nname = \"b\"\n\
                        [[package]]\nname = \"axum\"\n";

    #[test]
    fn a_runtime_that_stays_low_passes() {
        assert_eq!(runtime_stays_low(&Repository::of(&[("Cargo.lock", LOCK)])), []);
    }

    #[test]
    fn a_dependency_of_a_dependency_on_http_is_found() {
        let lock = LOCK.replace("name = \"b\"\n", "name = \"b\"\ndependencies = [\"axum\"]\n");
        let findings = runtime_stays_low(&Repository::of(&[("Cargo.lock", &lock)]));
        assert_eq!(findings, [Finding::new("runtime/Cargo.toml", "the runtime must not depend on axum")]);
    }

    #[test]
    fn a_lock_file_that_is_missing_is_found() {
        assert_eq!(runtime_stays_low(&Repository::of(&[])).len(), 1);
    }

    #[test]
    fn a_crate_is_named_only_at_home() {
        let repository = Repository::of(&[
            ("host/src/store/mod.rs", "use sled::Db;\n"),
            ("host/src/store.rs", "use sled::Db;\n"),
            ("host/src/quota/mod.rs", "//! No sled::Db here.\n\nfn f(db: &sled::Db) {}\n"),
            ("host/src/store_tools.rs", "use sled;\n"),
        ]);
        let found: Vec<_> = words_stay_home(&repository).into_iter().map(|Finding(text)| text).collect();
        let text = "only host/src/store/ or host/salvage/src/tests.rs or benches/ may name `sled`";
        assert_eq!(
            found,
            [format!("host/src/quota/mod.rs:3: {text}"), format!("host/src/store_tools.rs:1: {text}")]
        );
    }

    #[test]
    fn a_crates_name_is_told_from_other_words() {
        assert!(names_crate("let e = wasmtime::Engine::default();", "wasmtime"));
        assert!(names_crate("pub use axum as http;", "axum"));
        assert!(names_crate("#[derive(utoipa::ToSchema)]", "utoipa"));
        assert!(!names_crate("use wasmtime_wasi::p2;", "wasmtime"));
        assert!(!names_crate("let x = my_sled::open();", "sled"));
        assert!(!names_crate("use crate::sled::open;", "sled"));
        assert!(!names_crate("// about sled", "sled"));
    }

    #[test]
    fn a_package_without_the_workspaces_lints_is_found() {
        let repository = Repository::of(&[
            ("a/Cargo.toml", "[package]\nname = \"a\"\n[lints]\nworkspace = true\n"),
            ("b/Cargo.toml", "[package]\nname = \"b\"\n[lints]\nrust = {}\n"),
            ("c/Cargo.toml", "[workspace]\n"),
            ("d/Cargo.toml", "[workspace.lints.rust]\n[workspace.lints.clippy]\n"),
        ]);
        let found: Vec<_> = lints_are_inherited(&repository).into_iter().map(|Finding(text)| text).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("b/Cargo.toml") && found[1].starts_with("c/Cargo.toml"));
    }
}
