//! `mkdir`: makes directories.

use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Problems, run, show};

cloister_guest::help! {
    "\
usage: mkdir [-p] DIRECTORY...

Makes each DIRECTORY.

  -p, --parents  makes also those above it; one that is there already is no failure
"
}

fn main() -> ExitCode {
    run(mkdir)
}

fn mkdir(mut args: Args) -> Result<ExitCode, Failure> {
    let (mut parents, mut paths) = (false, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('p') => parents = true,
            Arg::Long(name) if name == "parents" => parents = true,
            Arg::Long(name) if name == "help" => return show(&mut std::io::stdout(), HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    if paths.is_empty() {
        return Err(Failure::new(2, "which directory? Try `mkdir --help`"));
    }
    let mut problems = Problems::of(&args);
    for path in &paths {
        let made = match parents {
            true => std::fs::create_dir_all(path),
            false => std::fs::create_dir(path),
        };
        problems.note(made.map_err(|error| Failure::from(error).about(path.display())));
    }
    Ok(ExitCode::from(problems.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(words: &[&str]) -> String {
        format!("{:?}", mkdir(Args::new("mkdir", words)).unwrap())
    }

    #[test]
    fn directories_are_made_with_those_above_on_request() {
        let (success, failure) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::from(1)));
        let top = std::env::temp_dir().join(format!("cloister-mkdir-{}", std::process::id()));
        let (deep, other) = (top.join("a/b"), top.join("c"));
        let (deep, other) = (deep.to_str().unwrap(), other.to_str().unwrap());
        assert_eq!(made(&[deep]), failure);
        assert_eq!(made(&["-p", deep]), success);
        assert_eq!(made(&["-p", deep]), success);
        // The one that fails does not keep the other back.
        assert_eq!(made(&[deep, other]), failure);
        assert!(std::path::Path::new(other).is_dir());
        std::fs::remove_dir_all(top).unwrap();
    }

    #[test]
    fn no_directory_is_a_usage_error() {
        assert_eq!(mkdir(Args::new("mkdir", ["-p"])).unwrap_err().code(), 2);
    }
}
