//! `mv`: moves and renames files and directories.

use std::ffi::{OsStr, OsString};
use std::io::{Error, ErrorKind, Result as IoResult};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Problems, run, show, tree};

cloister_guest::help! {
    "\
usage: mv FROM... TO

Renames FROM to TO, or moves it into TO when that is a directory, which it must be for several. A file that is there
already is replaced. What cannot be renamed, since the directories lie on different disks, is copied and then removed.
"
}

fn main() -> ExitCode {
    run(|args| mv(args, |from, to| std::fs::rename(from, to)))
}

fn mv(mut args: Args, rename: impl Fn(&Path, &Path) -> IoResult<()>) -> Result<ExitCode, Failure> {
    let mut paths = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long(name) if name == "help" => return show(&mut std::io::stdout(), HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    let Some((to, from)) = paths.split_last().filter(|(_, from)| !from.is_empty()) else {
        return Err(Failure::new(2, "what, and where to? Try `mv --help`"));
    };
    let into = Path::new(to).is_dir();
    if from.len() > 1 && !into {
        return Err(Failure::from("is not a directory").about(to.display()));
    }
    let mut problems = Problems::of(&args);
    for path in from {
        problems.note(move_one(Path::new(path), to, into, &rename));
    }
    Ok(ExitCode::from(problems.code()))
}

fn move_one(
    from: &Path,
    to: &OsStr,
    into: bool,
    rename: impl Fn(&Path, &Path) -> IoResult<()>,
) -> Result<(), Failure> {
    let about = |error: Error| Failure::from(error).about(from.display());
    let mut target = PathBuf::from(to);
    if into {
        let name =
            from.file_name().ok_or_else(|| Failure::from("has no name to keep").about(from.display()))?;
        target.push(name);
    }
    match rename(from, &target) {
        Err(error) if is_far(&error) => {}
        renamed => return renamed.map_err(about),
    }
    // Under another name first: what is in the way stays as it is until all is there.
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".moved");
    let beside = target.with_file_name(name);
    if beside.symlink_metadata().is_ok() {
        return Err(Failure::from("is in the way").about(beside.display()));
    }
    let renamed = tree::copy(from, &beside).and_then(|()| rename(&beside, &target).map_err(about));
    if let Err(failure) = renamed {
        // Nothing can be done about what cannot be removed either.
        let _ = tree::remove(&beside);
        return Err(failure);
    }
    tree::remove(from)
}

/// Whether both names lie on different disks. Some hosts of WASI tell it as an I/O error.
fn is_far(error: &Error) -> bool {
    const WASI_EIO: i32 = 29;
    error.kind() == ErrorKind::CrossesDevices
        || cfg!(target_os = "wasi") && error.raw_os_error() == Some(WASI_EIO)
}

#[cfg(test)]
mod tests {
    use cloister_guest::os_bytes;

    use super::*;

    /// A directory with the file `f`, the directories `a/b` with `g`, and `c`; removed when dropped.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let top = std::env::temp_dir().join(format!("cloister-mv-{}-{name}", std::process::id()));
            std::fs::create_dir_all(top.join("a/b")).unwrap();
            std::fs::create_dir(top.join("c")).unwrap();
            std::fs::write(top.join("f"), "f").unwrap();
            std::fs::write(top.join("a/b/g"), "g").unwrap();
            Self(top)
        }

        /// Whether it succeeded; `far` as between two disks.
        fn mv(&self, names: &[&str], far: bool) -> bool {
            let words = names.iter().map(|name| self.0.join(name));
            let code = mv(Args::new("mv", words), |from, to| {
                let is_beside = os_bytes(from.file_name().unwrap()).starts_with(b".");
                match far && !is_beside {
                    true => Err(ErrorKind::CrossesDevices.into()),
                    false => std::fs::rename(from, to),
                }
            });
            format!("{:?}", code.unwrap()) == format!("{:?}", ExitCode::SUCCESS)
        }

        fn names(&self) -> Vec<String> {
            let below = |entry: tree::Entry| entry.path.strip_prefix(&self.0).unwrap().display().to_string();
            tree::walk(&self.0).map(|entry| below(entry.unwrap())).collect()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn both_ways_move_the_same() {
        for far in [false, true] {
            let place = Place::new(&format!("same-{far}"));
            assert!(place.mv(&["f", "h"], far));
            assert_eq!(place.names(), ["a", "a/b", "a/b/g", "c", "h"]);
            // One that is missing does not keep the others back.
            assert!(!place.mv(&["no", "a", "h", "c"], far));
            assert_eq!(place.names(), ["c", "c/a", "c/a/b", "c/a/b/g", "c/h"]);
            assert!(place.mv(&["c/h", "c/a/b/g"], far));
            assert_eq!(place.names(), ["c", "c/a", "c/a/b", "c/a/b/g"]);
            assert_eq!(std::fs::read_to_string(place.0.join("c/a/b/g")).unwrap(), "f");
        }
    }

    #[test]
    fn nothing_is_lost_when_something_is_in_the_way() {
        for far in [false, true] {
            let place = Place::new(&format!("way-{far}"));
            std::fs::create_dir_all(place.0.join("c/a/full")).unwrap();
            let before = place.names();
            for names in [["a", "c"], ["a", "f"], ["f", "c/a/full/no/such"]] {
                assert!(!place.mv(&names, far), "{names:?}");
                assert_eq!(place.names(), before, "{names:?}");
            }
        }
    }

    #[test]
    fn too_few_names_are_a_usage_error_and_several_need_a_directory() {
        let failure = |words: &[&str]| {
            let failure = mv(Args::new("mv", words), |_, _| Ok(())).unwrap_err();
            (failure.code(), failure.to_string())
        };
        assert_eq!(failure(&["a"]).0, 2);
        assert_eq!(failure(&["-x", "a", "b"]).0, 2);
        assert_eq!(failure(&["a", "b", "no/such"]), (1, "no/such: is not a directory".to_owned()));
    }
}
