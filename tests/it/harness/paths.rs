//! Where the program under test and the guests are. The one reader of the environment.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The server: `CLOISTER_BIN`, or the one that was built beside this test.
pub(crate) fn cloister() -> PathBuf {
    let path = variable("CLOISTER_BIN").unwrap_or_else(|| {
        // target/debug/deps/it-0123 lies one folder below target/debug/cloister.
        let test = std::env::current_exe().unwrap();
        test.parent().and_then(Path::parent).unwrap().join("cloister")
    });
    assert!(path.is_file(), "{} is missing; `cargo xtask test` builds it", path.display());
    path
}

/// The compiled guests: `CLOISTER_GUESTS`, or `guests` in the build directory.
pub(crate) fn guests_dir() -> PathBuf {
    variable("CLOISTER_GUESTS").unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap();
        test.ancestors().nth(3).unwrap().join("guests")
    })
}

/// A program on the search path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let folders = variable("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// How often a test is to do what it does, when `CLOISTER_ROUNDS` says so.
pub(crate) fn rounds() -> Option<usize> {
    variable("CLOISTER_ROUNDS").map(|rounds| rounds.to_str().unwrap().parse().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "the tests' one reader of the environment")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
