//! `rm`: removes files and directories.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Problems, os_bytes, run, show, tree};

cloister_guest::help! {
    "\
usage: rm [-rf] PATH...

Removes each PATH. A link is removed, not what it leads to. The top directory, and paths that end with `.` or `..`,
are never removed.

  -r, --recursive  also directories, with all that is in them
  -R               as -r
  -f, --force      what is missing is no failure
"
}

fn main() -> ExitCode {
    run(rm)
}

fn rm(mut args: Args) -> Result<ExitCode, Failure> {
    let (mut recursive, mut force, mut paths) = (false, false, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('r' | 'R') => recursive = true,
            Arg::Short('f') => force = true,
            Arg::Long(name) if name == "recursive" => recursive = true,
            Arg::Long(name) if name == "force" => force = true,
            Arg::Long(name) if name == "help" => return show(&mut std::io::stdout(), HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    if paths.is_empty() && !force {
        return Err(Failure::new(2, "what? Try `rm --help`"));
    }
    let mut problems = Problems::of(&args);
    for path in &paths {
        problems.note(remove(path, recursive, force));
    }
    Ok(ExitCode::from(problems.code()))
}

fn remove(path: &OsStr, recursive: bool, force: bool) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::from(why).about(path.display()));
    if is_protected(path) {
        return refused("is never removed");
    }
    match std::fs::symlink_metadata(path) {
        Err(error) if force && error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(found) if found.is_dir() && !recursive => {
            refused("is a directory; -r removes it with all that is in it")
        }
        _ => tree::remove(Path::new(path)),
    }
}

/// The top, or a directory that is named by its place only.
fn is_protected(path: &OsStr) -> bool {
    let bytes = os_bytes(path);
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let name = bytes[..end].rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    !bytes.is_empty() && matches!(name, b"" | b"." | b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(words: &[&str]) -> String {
        format!("{:?}", rm(Args::new("rm", words)).unwrap())
    }

    #[test]
    fn the_top_and_directories_named_by_their_place_are_refused() {
        for path in ["/", "//", "/.", "/..", "/a/..", "/a/../", ".", "..", "./", "a/.", "../.."] {
            assert!(is_protected(OsStr::new(path)), "{path}");
            assert!(
                remove(OsStr::new(path), true, true).unwrap_err().to_string().contains("never"),
                "{path}"
            );
        }
        for path in ["/a", "a/", "./a", "../a", "...", "a.", ".a", ""] {
            assert!(!is_protected(OsStr::new(path)), "{path}");
        }
    }

    #[test]
    fn directories_are_removed_on_request_only() {
        let (success, failure) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::from(1)));
        let top = std::env::temp_dir().join(format!("cloister-rm-{}", std::process::id()));
        std::fs::create_dir_all(top.join("a/b")).unwrap();
        std::fs::write(top.join("a/b/f"), "").unwrap();
        std::fs::write(top.join("g"), "").unwrap();
        let name = |name: &str| top.join(name).to_str().unwrap().to_owned();
        // The directory is refused, and the file goes.
        assert_eq!(removed(&[&name("a"), &name("g")]), failure);
        assert!(top.join("a/b/f").exists() && !top.join("g").exists());
        assert_eq!(removed(&["-r", &name("a")]), success);
        assert!(!top.join("a").exists());
        assert_eq!(removed(&["-r", &name("a")]), failure);
        assert_eq!(removed(&["-rf", &name("a")]), success);
        std::fs::remove_dir(top).unwrap();
    }

    #[test]
    fn nothing_to_remove_is_a_usage_error_unless_forced() {
        assert_eq!(rm(Args::new("rm", ["-r"])).unwrap_err().code(), 2);
        assert_eq!(rm(Args::new("rm", ["-x", "a"])).unwrap_err().code(), 2);
        assert_eq!(removed(&["-f"]), format!("{:?}", ExitCode::SUCCESS));
    }
}
