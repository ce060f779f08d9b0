//! `ls`: lists directories.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, os_bytes, run, show};

cloister_guest::help! {
    "\
usage: ls [-aRl] [PATH]...

Lists each PATH, or the current directory, one name a line, sorted by bytes.
Names are written as they are, whatever their encoding.

  -a, --all        also names that begin with a dot
  -R, --recursive  also what is in directories, as paths
  -l, --long       kind (d, f, l), size in bytes, and name
"
}

/// How deep `-R` goes: a tree of links or mounts must not make it endless.
const MAX_DEPTH: usize = 64;

#[derive(Debug, Default)]
struct Options {
    all: bool,
    recursive: bool,
    long: bool,
}

fn main() -> ExitCode {
    run(|args| ls(args, &mut std::io::stdout().lock()))
}

fn ls(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (mut options, mut paths) = (Options::default(), Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('a') => options.all = true,
            Arg::Short('R') => options.recursive = true,
            Arg::Short('l') => options.long = true,
            Arg::Long(name) if name == "all" => options.all = true,
            Arg::Long(name) if name == "recursive" => options.recursive = true,
            Arg::Long(name) if name == "long" => options.long = true,
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(path) => paths.push(path),
            other => return Err(args.unexpected(&other)),
        }
    }
    if paths.is_empty() {
        paths.push(".".into());
    }
    for path in &paths {
        list(Path::new(path), &options, out).map_err(|failure| failure.about(path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(path: &Path, options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_dir() {
        return Ok(write_entry(out, path.as_os_str(), &metadata, options)?);
    }
    list_directory(path, OsStr::new(""), 0, options, out)
}

/// `prefix` stands before each name: the way from the listed directory to this one, with a slash at its end.
fn list_directory(
    directory: &Path,
    prefix: &OsStr,
    depth: usize,
    options: &Options,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(format!("more than {MAX_DEPTH} directories deep").into());
    }
    let entries = std::fs::read_dir(directory)?;
    let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
    names.retain(|name| options.all || !os_bytes(name).starts_with(b"."));
    names.sort();
    for name in names {
        let path = directory.join(&name);
        // A link is listed as a link and not followed.
        let metadata = std::fs::symlink_metadata(&path)?;
        let shown = joined(prefix, &name);
        write_entry(out, &shown, &metadata, options)?;
        if options.recursive && metadata.is_dir() {
            list_directory(&path, &joined(&shown, OsStr::new("/")), depth + 1, options, out)?;
        }
    }
    Ok(())
}

fn joined(first: &OsStr, second: &OsStr) -> OsString {
    let mut both = first.to_owned();
    both.push(second);
    both
}

fn write_entry(
    out: &mut impl Write,
    name: &OsStr,
    metadata: &Metadata,
    options: &Options,
) -> std::io::Result<()> {
    let mut line = Vec::new();
    if options.long {
        let kind = match metadata.file_type() {
            kind if kind.is_dir() => 'd',
            kind if kind.is_symlink() => 'l',
            _ => 'f',
        };
        line = format!("{kind} {:>12} ", if kind == 'f' { metadata.len() } else { 0 }).into_bytes();
    }
    line.extend_from_slice(os_bytes(name));
    line.push(b'\n');
    out.write_all(&line)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A directory with `b`, `a/c` and `.h`; removed when dropped.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("cloister-ls-{}-{name}", std::process::id()));
            std::fs::create_dir_all(root.join("a")).unwrap();
            std::fs::write(root.join("b"), "12345").unwrap();
            std::fs::write(root.join("a/c"), "").unwrap();
            std::fs::write(root.join(".h"), "").unwrap();
            Self(root)
        }

        fn list(&self, flags: &[&str]) -> String {
            let mut out = Vec::new();
            let words = flags.iter().map(OsString::from).chain([self.0.clone().into_os_string()]);
            ls(Args::new("ls", words), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn names_are_sorted_and_hidden_ones_left_out() {
        let tree = Tree::new("plain");
        assert_eq!(tree.list(&[]), "a\nb\n");
        assert_eq!(tree.list(&["-a"]), ".h\na\nb\n");
    }

    #[test]
    fn long_lines_tell_kind_and_size() {
        let tree = Tree::new("long");
        assert_eq!(tree.list(&["-l"]), "d            0 a\nf            5 b\n");
    }

    #[test]
    fn a_tree_is_listed_as_paths() {
        let tree = Tree::new("tree");
        assert_eq!(tree.list(&["-R"]), "a\na/c\nb\n");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8_are_written_as_they_are() {
        use std::os::unix::ffi::OsStrExt;
        let tree = Tree::new("bytes");
        std::fs::write(tree.0.join(OsStr::from_bytes(b"z\xff")), "").unwrap();
        let mut out = Vec::new();
        ls(Args::new("ls", [tree.0.clone()]), &mut out).unwrap();
        assert_eq!(out, b"a\nb\nz\xff\n");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let failure = ls(Args::new("ls", ["no/such"]), &mut Vec::new()).unwrap_err();
        assert!(failure.to_string().starts_with("no/such: "), "{failure}");
    }
}
