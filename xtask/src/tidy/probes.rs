//! The rules about hostile guests: each is used by a test, and each stands in the table of attacks.

use super::Finding;
use super::repository::Repository;

const PROBES: &str = "modules/probes/";

/// Where the table of attacks is.
const TABLE: &str = "SECURITY.md";

/// Every probe is named in the integration tests.
pub(super) fn every_probe_has_a_test(repository: &Repository) -> Vec<Finding> {
    let tests: Vec<_> = repository.texts(&[".rs"]).filter(|(path, _)| path.starts_with("tests/")).collect();
    let mut findings = Vec::new();
    for path in repository.paths() {
        let Some(name) = probe(path) else { continue };
        if !tests.iter().any(|(_, text)| names(text, name)) {
            findings.push(Finding::new(path, format!("no test in tests/ names the probe `{name}`")));
        }
    }
    findings
}

/// Every probe is named in the table of attacks.
pub(super) fn every_probe_is_in_the_table(repository: &Repository) -> Vec<Finding> {
    let text = repository.text(TABLE).unwrap_or_default();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with('|')).collect();
    let mut findings = Vec::new();
    for path in repository.paths() {
        let Some(name) = probe(path) else { continue };
        if !rows.iter().any(|row| names(row, name)) {
            findings
                .push(Finding::new(path, format!("the table in {TABLE} does not name the probe `{name}`")));
        }
    }
    findings
}

/// The name of the probe that a file is: `src/bin/NAME.rs`, `c/NAME.c`, `wat/NAME.wat` or `NAME/src/main.rs`.
fn probe(path: &str) -> Option<&str> {
    let inside = path.strip_prefix(PROBES)?;
    let (folders, file) = inside.rsplit_once('/')?;
    match folders {
        "src/bin" => file.strip_suffix(".rs"),
        "c" => file.strip_suffix(".c"),
        "wat" => file.strip_suffix(".wat"),
        _ => (file == "main.rs").then(|| folders.strip_suffix("/src"))?,
    }
}

/// True when a text has this name as a whole word.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(start, _)| {
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
        !is_part(text[..start].chars().next_back()) && !is_part(text[start + name.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_no_test_names_is_found() {
        let repository = Repository::of(&[
            ("modules/probes/Cargo.toml", ""),
            ("modules/probes/src/bin/cpu_spin.rs", ""),
            ("modules/probes/src/bin/cpu_spin_long.rs", ""),
            ("modules/probes/mem_bomb/src/main.rs", ""),
            ("modules/probes/c/io_flood.c", ""),
            ("tests/suites/cpu.rs", "probe(\"cpu_spin_long\"); probe(\"io_flood\");"),
            ("host/src/x.rs", "mem_bomb"),
        ]);
        let found: Vec<_> =
            every_probe_has_a_test(&repository).into_iter().map(|Finding(text)| text).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`mem_bomb`"), "{found:?}");
        assert!(found[1].contains("`cpu_spin`"), "{found:?}");
    }

    #[test]
    fn a_probe_that_the_table_does_not_name_is_found() {
        let repository = Repository::of(&[
            ("modules/probes/wat/cpu_spin.wat", ""),
            ("modules/probes/wat/cpu_loop.wat", ""),
            ("SECURITY.md", "cpu_loop is bad.\n\n| attack | probes |\n|---|---|\n| spins | `cpu_spin` |\n"),
        ]);
        let found: Vec<_> =
            every_probe_is_in_the_table(&repository).into_iter().map(|Finding(text)| text).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("`cpu_loop`"), "{found:?}");
    }

    #[test]
    fn without_probes_there_is_nothing_to_test() {
        assert_eq!(every_probe_has_a_test(&Repository::of(&[("modules/fixtures/src/bin/x.rs", "")])), []);
    }
}
