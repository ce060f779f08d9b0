//! `cp`: copies files and directories.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Problems, run, show, tree};

cloister_guest::help! {
    "\
usage: cp [-r] FROM... TO

Copies FROM to TO, or into TO when that is a directory, which it must be for several. Files that are there already are overwritten.

  -r, --recursive  also directories, with all that is in them; links are copied as links
  -R               as -r
"
}

fn main() -> ExitCode {
    run(cp)
}

fn cp(mut args: Args) -> Result<ExitCode, Failure> {
    let (mut recursive, mut paths) = (false, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('r' | 'R') => recursive = true,
            Arg::Long(name) if name == "recursive" => recursive = true,
            Arg::Long(name) if name == "help" => return show(&mut std::io::stdout(), HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    let Some((to, from)) = paths.split_last().filter(|(_, from)| !from.is_empty()) else {
        return Err(Failure::new(2, "what, and where to? Try `cp --help`"));
    };
    let into = Path::new(to).is_dir();
    if from.len() > 1 && !into {
        return Err(Failure::from("is not a directory").about(to.display()));
    }
    let mut problems = Problems::of(&args);
    for path in from {
        problems.note(copy(Path::new(path), to, into, recursive));
    }
    Ok(ExitCode::from(problems.code()))
}

fn copy(from: &Path, to: &OsStr, into: bool, recursive: bool) -> Result<(), Failure> {
    let refused = |why: String| Err(Failure::from(why).about(from.display()));
    let mut target = PathBuf::from(to);
    if into {
        // `cp -r a/.. b` copies what is in it.
        target.extend(from.file_name());
    }
    if from == target {
        return refused("cannot be copied onto itself".to_owned());
    }
    if recursive {
        if from.is_dir() && target.exists() && !target.is_dir() {
            return refused(format!("a directory cannot take the place of the file {}", target.display()));
        }
        return tree::copy(from, &target);
    }
    if from.is_dir() {
        return refused("is a directory; -r copies it with all that is in it".to_owned());
    }
    tree::copy_file(from, &target)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with the file `f` and `a/b/g`; removed when dropped.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let top = std::env::temp_dir().join(format!("cloister-cp-{}-{name}", std::process::id()));
            std::fs::create_dir_all(top.join("a/b")).unwrap();
            std::fs::write(top.join("f"), "f").unwrap();
            std::fs::write(top.join("a/b/g"), "g").unwrap();
            Self(top)
        }

        /// Whether it succeeded.
        fn cp(&self, flags: &[&str], names: &[&str]) -> bool {
            let flags = flags.iter().map(PathBuf::from);
            let words = flags.chain(names.iter().map(|name| self.0.join(name)));
            format!("{:?}", cp(Args::new("cp", words)).unwrap()) == format!("{:?}", ExitCode::SUCCESS)
        }

        fn read(&self, name: &str) -> String {
            std::fs::read_to_string(self.0.join(name)).unwrap()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn files_are_copied_to_a_name_or_into_a_directory() {
        let place = Place::new("files");
        assert!(place.cp(&[], &["f", "h"]) && place.cp(&[], &["f", "a/b/g", "a"]));
        assert_eq!(
            (place.read("h"), place.read("a/f"), place.read("a/g")),
            ("f".into(), "f".into(), "g".into())
        );
        // What is missing does not keep the other back.
        assert!(!place.cp(&[], &["no", "a/g", "a/b"]));
        assert_eq!(place.read("a/b/g"), "g");
    }

    #[test]
    fn directories_are_copied_on_request_only() {
        let place = Place::new("directories");
        assert!(!place.cp(&[], &["a", "c"]));
        assert!(!place.0.join("c").exists());
        assert!(place.cp(&["-r"], &["a", "c"]) && place.cp(&["-r"], &["a", "c"]));
        assert_eq!((place.read("c/b/g"), place.read("c/a/b/g")), ("g".into(), "g".into()));
        assert!(!place.cp(&["-r"], &["a", "f"]));
        assert_eq!(place.read("f"), "f");
    }

    #[test]
    fn a_file_is_not_copied_onto_itself() {
        let place = Place::new("itself");
        assert!(!place.cp(&[], &["f", "f"]));
        // Another name of the same file.
        assert!(place.cp(&[], &["f", "a/../f"]));
        assert_eq!(place.read("f"), "f");
    }

    #[test]
    fn too_few_names_are_a_usage_error_and_several_need_a_directory() {
        assert_eq!(cp(Args::new("cp", ["a"])).unwrap_err().code(), 2);
        let failure = cp(Args::new("cp", ["a", "b", "no/such"])).unwrap_err();
        assert_eq!((failure.code(), failure.to_string().as_str()), (1, "no/such: is not a directory"));
    }
}
