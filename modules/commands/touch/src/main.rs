//! `touch`: makes files, and says that those which are there have changed now.

use std::fs::{File, FileTimes, OpenOptions};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use cloister_guest::{Arg, Args, Failure, Problems, run, show};

cloister_guest::help! {
    "\
usage: touch [-c] FILE...

Sets the times of each FILE to now, and makes it when it is missing.

  -c, --no-create  makes none
"
}

fn main() -> ExitCode {
    run(|args| touch(args, SystemTime::now))
}

fn touch(mut args: Args, now: impl Fn() -> SystemTime) -> Result<ExitCode, Failure> {
    let (mut create, mut paths) = (true, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('c') => create = false,
            Arg::Long(name) if name == "no-create" => create = false,
            Arg::Long(name) if name == "help" => return show(&mut io::stdout(), HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    if paths.is_empty() {
        return Err(Failure::new(2, "which file? Try `touch --help`"));
    }
    let mut problems = Problems::of(&args);
    for path in &paths {
        let touched = touch_one(Path::new(path), create, now());
        problems.note(touched.map_err(|error| Failure::from(error).about(path.display())));
    }
    Ok(ExitCode::from(problems.code()))
}

fn touch_one(path: &Path, create: bool, now: SystemTime) -> io::Result<()> {
    // A directory cannot be opened for writing.
    let opened = match path.is_dir() {
        true => File::open(path),
        false => OpenOptions::new().write(true).create(create).truncate(false).open(path),
    };
    match opened {
        Err(error) if !create && error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) => file.set_times(FileTimes::new().set_accessed(now).set_modified(now)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn files_are_made_and_renewed() {
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let path = std::env::temp_dir().join(format!("cloister-touch-{}", std::process::id()));
        let words = |flags: &[&str]| {
            flags.iter().map(Path::new).chain([path.as_path()]).map(Path::to_owned).collect::<Vec<_>>()
        };
        touch(Args::new("touch", words(&["-c"])), || then).unwrap();
        assert!(!path.exists());
        touch(Args::new("touch", words(&[])), || then).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), then);
        std::fs::write(&path, "kept").unwrap();
        touch(Args::new("touch", words(&["-c"])), || then).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), then);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        touch(Args::new("touch", words(&[])), || then).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), then);
        std::fs::remove_dir(path).unwrap();
    }

    #[test]
    fn no_file_is_a_usage_error_and_one_that_cannot_be_made_a_failure() {
        assert_eq!(touch(Args::new("touch", [""; 0]), SystemTime::now).unwrap_err().code(), 2);
        let code = touch(Args::new("touch", ["no/such/file"]), SystemTime::now).unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
    }
}
