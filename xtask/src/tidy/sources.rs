//! Rules about files: heads, lengths, and what must not be in them.

use super::Finding;
use super::repository::{Repository, is_comment};

/// How long a file may be.
const MAX_LINES: usize = 600;

/// Files that may be longer: `path: reason`, one a line.
const LONG_FILES: &str = "xtask/long-files.txt";

/// Files that people write.
const SOURCES: [&str; 12] =
    [".rs", ".ts", ".tsx", ".js", ".mjs", ".css", ".html", ".py", ".sh", ".toml", ".yml", ".yaml"];

/// Names after which an address is no place to download from: local ones, and those reserved for examples (RFC 2606).
const HARMLESS_HOSTS: [&str; 8] =
    ["localhost", ".localhost", "example", ".example", "example.com", ".test", ".invalid", ".local"];

/// Addresses that are names of formats, which nothing fetches.
const NAMES: [&str; 3] = ["www.w3.org/", "json-schema.org/", "opentelemetry.io/schemas/"];

/// Every Rust file says in its first line what lives there.
pub(super) fn heads(repository: &Repository) -> Vec<Finding> {
    let has_head =
        |text: &str| text.lines().next().is_some_and(|line| line.len() > 4 && line.starts_with("//! "));
    let without = repository.texts(&[".rs"]).filter(|(_, text)| !has_head(text));
    without
        .map(|(path, _)| Finding::at(path, 0, "a file starts with one `//!` line: what lives here"))
        .collect()
}

/// No file is too long without a reason.
pub(super) fn lengths(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut allowed = Vec::new();
    for (index, line) in repository.text(LONG_FILES).unwrap_or_default().lines().enumerate() {
        if line.is_empty() || is_comment(line) {
            continue;
        }
        let (path, reason) = line.split_once(": ").unwrap_or((line, ""));
        if reason.trim().is_empty() {
            findings.push(Finding::at(LONG_FILES, index, "give a reason: `path: reason`"));
        }
        let lines = repository.text(path).map_or(0, |text| text.lines().count());
        if lines <= MAX_LINES {
            findings.push(Finding::at(
                LONG_FILES,
                index,
                format!("{path} has {lines} lines: the entry can go"),
            ));
        }
        allowed.push(path);
    }
    for (path, text) in repository.texts(&SOURCES) {
        let lines = text.lines().count();
        if lines > MAX_LINES && !allowed.contains(&path) {
            let text = format!("{lines} lines; split it, or give a reason in {LONG_FILES}");
            findings.push(Finding::new(path, text));
        }
    }
    findings
}

/// Nothing that was compiled is kept.
pub(super) fn no_binaries(repository: &Repository) -> Vec<Finding> {
    let is_compiled =
        |path: &&str| [".wasm", ".cwasm", ".rlib", ".node"].iter().any(|ending| path.ends_with(ending));
    repository
        .paths()
        .filter(is_compiled)
        .map(|path| Finding::new(path, "compiled code is not kept here"))
        .collect()
}

/// No source and no lock file says where to download from: that is the matter of cargo, npm, pip and apt.
pub(super) fn no_addresses(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    let others = [".npmrc", "Containerfile", "Dockerfile", "package.json", "package-lock.json", ".ci/run"];
    let endings: Vec<_> = SOURCES.into_iter().chain(others).collect();
    for (path, text) in repository.texts(&endings) {
        // npm's lock file names who takes donations; only what is downloaded counts there.
        let is_lock = path.ends_with("package-lock.json");
        let counts =
            |line: &str| !is_comment(line) && (!is_lock || line.trim_start().starts_with("\"resolved\""));
        for (index, line) in text.lines().enumerate().filter(|(_, line)| counts(line)) {
            for address in addresses(line) {
                findings.push(Finding::at(path, index, format!("an address to download from? {address}")));
            }
        }
    }
    findings
}

/// The addresses in a line that a program could reach beyond this machine.
fn addresses(line: &str) -> impl Iterator<Item = &str> {
    let starts = line.match_indices("://").filter(|(start, _)| {
        let scheme = &line[..*start];
        ["http", "https", "ftp", "git", "ssh"].iter().any(|name| {
            let before = scheme.strip_suffix(name).map(|rest| rest.chars().next_back());
            before.is_some_and(|before| !before.is_some_and(char::is_alphanumeric))
        })
    });
    starts.map(|(start, _)| &line[start + 3..]).filter(|rest| leads_out(rest)).map(|rest| {
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ')' | '>' | ',');
        rest.split(is_end).next().unwrap_or_default()
    })
}

/// True for `name.of.a.host/...` that is neither local, nor an example, nor made up at run time.
fn leads_out(rest: &str) -> bool {
    if NAMES.iter().any(|name| rest.starts_with(name)) {
        return false;
    }
    let authority =
        rest.split(|c: char| matches!(c, '/' | '?' | '#' | '"' | '\'' | '`' | '\\') || c.is_whitespace());
    let authority = authority.into_iter().next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let is_name =
        host.contains('.') && host.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    let is_number = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_harmless = HARMLESS_HOSTS.iter().any(|name| match name.strip_prefix('.') {
        Some(_) => host.ends_with(name),
        None => host == *name || host.ends_with(&format!(".{name}")),
    });
    is_name && !is_number && !is_harmless
}

/// Nothing is left for later in code.
pub(super) fn nothing_unfinished(repository: &Repository) -> Vec<Finding> {
    let words =
        [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("FIX", "ME")];
    let mut findings = Vec::new();
    for (path, text) in repository.texts(&[".rs", ".ts", ".tsx", ".mjs", ".sh", ".ci/run"]) {
        for (index, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                findings.push(Finding::at(path, index, format!("`{word}` is not finished")));
            }
        }
    }
    findings
}

/// A lint is silenced where it is expected, with a reason, so that the silence ends with its cause.
pub(super) fn lints_are_silenced_by_expectation(repository: &Repository) -> Vec<Finding> {
    let allow = [concat!("#[", "allow("), concat!("#![", "allow(")];
    let mut findings = Vec::new();
    for (path, text) in repository.texts(&[".rs"]) {
        for (index, line) in text.lines().enumerate() {
            if allow.iter().any(|start| line.trim_start().starts_with(start)) {
                findings.push(Finding::at(path, index, "use `expect` with a reason"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|Finding(text)| text).collect()
    }

    #[test]
    fn a_file_without_a_head_is_found() {
        let repository = Repository::of(&[
            ("a.rs", "//! Something.\nfn a() {}\n"),
            ("b.rs", "\n//! Late.\n"),
            ("c.rs", "//! \n"),
            ("d.rs", ""),
        ]);
        let found = texts(heads(&repository));
        let places: Vec<_> = found.iter().filter_map(|text| text.split(": ").next()).collect();
        assert_eq!(places, ["b.rs:1", "c.rs:1", "d.rs:1"]);
    }

    #[test]
    fn a_long_file_needs_a_reason_for_as_long_as_it_is_long() {
        let long = "x\n".repeat(MAX_LINES + 1);
        let list = "# Long files\nb.rs: a table\nc.rs: was long once\ne.rs\n";
        let repository = Repository::of(&[
            ("a.rs", &long),
            ("b.rs", &long),
            ("c.rs", "x\n"),
            ("e.rs", &long),
            (LONG_FILES, list),
        ]);
        let found = texts(lengths(&repository));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("c.rs has 1 lines"), "{found:?}");
        assert!(found[1].contains("give a reason"), "{found:?}");
        assert!(found[2].starts_with("a.rs: 601 lines"), "{found:?}");
    }

    #[test]
    fn compiled_code_is_found() {
        let repository = Repository::of(&[("a/b.wasm", ""), ("a/b.wat", "")]);
        assert_eq!(texts(no_binaries(&repository)), ["a/b.wasm: compiled code is not kept here"]);
    }

    #[test]
    fn an_address_is_found_in_a_script_and_a_lock_file() {
        let address = format!("{}://{}", "https", "registry.somewhere.org/x.tgz");
        let repository = Repository::of(&[
            (".ci/run", &format!("fetch {address}\n")),
            ("web/package-lock.json", &format!("  \"resolved\": \"{address}\",\n")),
            ("a.rs", &format!("//! The source: {address}\n")),
            ("b/package-lock.json", &format!("  \"url\": \"{address}\",\n")),
        ]);
        let found = texts(no_addresses(&repository));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|text| text.ends_with("registry.somewhere.org/x.tgz")), "{found:?}");
    }

    #[test]
    fn local_example_and_computed_addresses_are_fine() {
        for harmless in [
            "http://127.0.0.1:8080/x",
            "http://localhost/x",
            "http://[::1]:80/",
            "https://a.example.com/x",
            "https://host.test",
            "http://{address}/v1",
            "http://${host}.a/b",
            "http://169.254.169.254/latest",
            "http://www.w3.org/2000/svg",
            "http://",
            "ws://host/x",
        ] {
            assert_eq!(addresses(harmless).count(), 0, "{harmless}");
        }
    }

    #[test]
    fn unfinished_code_is_found() {
        let repository = Repository::of(&[("a.rs", concat!("//! A.\nfn f() { todo", "!() }\n"))]);
        assert_eq!(nothing_unfinished(&repository).len(), 1);
    }

    #[test]
    fn a_silenced_lint_is_found() {
        let repository = Repository::of(&[("a.rs", concat!("//! A.\n#[", "allow(dead_code)]\nfn f() {}\n"))]);
        assert_eq!(
            texts(lints_are_silenced_by_expectation(&repository)),
            ["a.rs:2: use `expect` with a reason"]
        );
    }
}
