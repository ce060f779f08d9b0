//! `grep`: finds lines that match a pattern.

mod pattern;
mod search;

use std::ffi::{OsStr, OsString};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, Input, Problems, os_bytes, run, show, tree};

use crate::pattern::Syntax;
use crate::search::{Search, Shown};

cloister_guest::help! {
    "\
usage: grep [-EFivwnclqrh] PATTERN [FILE]...
       grep [-EFivwnclqrh] -e PATTERN... [FILE]...

Writes the lines of each FILE that match PATTERN. Without a FILE, and for `-`, it reads standard input; with -r, the
current directory. Names are written before the lines of several files. The time taken grows linearly with the input,
whatever the pattern; back-references are not known. Ends with code 0 when a line was found, 1 when none, 2 on an error.

  -E, --extended-regexp  + ? | { ( need no backslash before them
  -F, --fixed-strings    PATTERN is a text
  -e, --regexp PATTERN   one more pattern; also one that begins with a dash
  -i, --ignore-case      upper and lower case are the same
  -v, --invert-match     the lines that do not match
  -w, --word-regexp      only where whole words match
  -n, --line-number      the line's number before it
  -c, --count            only how many lines there are
  -l, --files-with-matches  only the names of files that have some
  -q, --quiet            nothing; ends at the first line that is found
  -r, --recursive        also what is in directories; links in them are not followed
  -h, --no-filename      no names
"
}

/// The exit code when something could not be searched.
const TROUBLE: u8 = 2;

fn main() -> ExitCode {
    run(|args| {
        let found = grep(args, &mut BufWriter::new(std::io::stdout().lock()));
        // 1 would say that no line was found.
        found.map_err(|failure| Failure::new(failure.code().max(TROUBLE), failure.to_string()))
    })
}

fn grep(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (mut syntax, mut patterns, mut values) = (Syntax::Basic, Vec::new(), Vec::<OsString>::new());
    let (mut ignore_case, mut words, mut invert, mut no_names) = (false, false, false, false);
    let (mut numbers, mut recursive, mut shown) = (false, false, Shown::Lines);
    while let Some(arg) = args.next()? {
        let letter = match &arg {
            Arg::Value(value) => {
                values.push(value.clone());
                continue;
            }
            Arg::Short(letter) => *letter,
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Long(name) => letter_of(name).unwrap_or_default(),
        };
        match letter {
            'E' => syntax = Syntax::Extended,
            'F' => syntax = Syntax::Fixed,
            'e' => patterns.push(text(args.value()?)?),
            'i' => ignore_case = true,
            'v' => invert = true,
            'w' => words = true,
            'n' => numbers = true,
            'c' => shown = Shown::Count,
            'l' => shown = Shown::Names,
            'q' => shown = Shown::Nothing,
            'r' => recursive = true,
            'h' => no_names = true,
            _ => return Err(args.unexpected(&arg)),
        }
    }
    let mut values = values.into_iter();
    if patterns.is_empty() {
        let first =
            values.next().ok_or_else(|| Failure::new(TROUBLE, "what is to be found? Try `grep --help`"))?;
        patterns.push(text(first)?);
    }
    let paths: Vec<_> = values.collect();
    let pattern = pattern::compile(&patterns, syntax, ignore_case, words)?;
    let mut search = Search { pattern, invert, numbers, shown, selected: false };
    let mut problems = Problems::of(&args);
    let mut files =
        Files { no_names, several: paths.len() > 1, search: &mut search, problems: &mut problems };
    match paths.is_empty() {
        true if recursive => files.tree(Path::new("."), true, out)?,
        true => files.file(OsStr::new("-"), b"(standard input)", false, out)?,
        false => {
            for path in &paths {
                match recursive && Path::new(path).is_dir() {
                    true => files.tree(Path::new(path), false, out)?,
                    false => {
                        let name: &[u8] = if path == "-" { b"(standard input)" } else { os_bytes(path) };
                        files.file(path, name, false, out)?;
                    }
                }
            }
        }
    }
    out.flush()?;
    let found = search.selected;
    Ok(ExitCode::from(match problems.code() {
        // Whoever asks whether there is a line has the answer.
        0 if found => 0,
        _ if found && matches!(search.shown, Shown::Nothing) => 0,
        0 => 1,
        _ => TROUBLE,
    }))
}

/// The files of one call, one after the other.
struct Files<'a> {
    no_names: bool,
    several: bool,
    search: &'a mut Search,
    problems: &'a mut Problems,
}

impl Files<'_> {
    /// Searches the files below a directory; `bare` names begin below it.
    fn tree(&mut self, directory: &Path, bare: bool, out: &mut impl Write) -> Result<(), Failure> {
        for entry in tree::walk(directory) {
            let Some(entry) = self.problems.note(entry) else { continue };
            if !entry.kind.is_file() {
                continue;
            }
            let shown =
                if bare { entry.path.strip_prefix(directory).unwrap_or(&entry.path) } else { &entry.path };
            self.file(entry.path.as_os_str(), os_bytes(shown.as_os_str()), true, out)?;
        }
        Ok(())
    }

    /// Searches one file. What cannot be read is noted; what cannot be written is a failure.
    fn file(
        &mut self,
        path: &OsStr,
        name: &[u8],
        is_below: bool,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        if self.search.is_over() {
            return Ok(());
        }
        let Some(mut input) = self.problems.note(Input::open(path)) else { return Ok(()) };
        let shown_name = ((is_below || self.several) && !self.no_names).then_some(name);
        let searched = self.search.input(&mut input, name, shown_name, out);
        self.problems.note(searched.map_err(|error| Failure::from(error).about(path.display())));
        Ok(())
    }
}

fn letter_of(name: &str) -> Option<char> {
    Some(match name {
        "extended-regexp" => 'E',
        "fixed-strings" => 'F',
        "regexp" => 'e',
        "ignore-case" => 'i',
        "invert-match" => 'v',
        "word-regexp" => 'w',
        "line-number" => 'n',
        "count" => 'c',
        "files-with-matches" => 'l',
        "quiet" => 'q',
        "recursive" => 'r',
        "no-filename" => 'h',
        _ => return None,
    })
}

fn text(pattern: OsString) -> Result<String, Failure> {
    pattern.into_string().map_err(|_| Failure::new(TROUBLE, "the pattern is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A directory with `a` (one, two), `d/b` (two) and `d/c`, which has a NUL byte; removed when dropped.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let top = std::env::temp_dir().join(format!("cloister-grep-{}-{name}", std::process::id()));
            std::fs::create_dir_all(top.join("d")).unwrap();
            std::fs::write(top.join("a"), "one\ntwo\n").unwrap();
            std::fs::write(top.join("d/b"), "two").unwrap();
            std::fs::write(top.join("d/c"), "two\0\n").unwrap();
            Self(top)
        }

        /// The exit code and the output, in which the directory's own name is left out.
        fn grep(&self, flags: &[&str], names: &[&str]) -> (ExitCode, String) {
            let mut out = Vec::new();
            let names = names.iter().map(|name| self.0.join(name).into_os_string());
            let words = flags.iter().map(OsString::from).chain(names);
            let code = grep(Args::new("grep", words), &mut out).unwrap();
            (code, String::from_utf8(out).unwrap().replace(&format!("{}/", self.0.display()), ""))
        }

        #[track_caller]
        fn expect(&self, flags: &[&str], names: &[&str], code: u8, expected: &str) {
            let (found, out) = self.grep(flags, names);
            assert_eq!(
                (format!("{found:?}"), out.as_str()),
                (format!("{:?}", ExitCode::from(code)), expected)
            );
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn names_stand_before_the_lines_of_several_files() {
        let place = Place::new("names");
        place.expect(&["two"], &["a"], 0, "two\n");
        place.expect(&["-n", "two"], &["a", "d/b"], 0, "a:2:two\nd/b:1:two\n");
        place.expect(&["-h", "two"], &["a", "d/b"], 0, "two\ntwo\n");
        place.expect(&["-c", "o"], &["a", "d/b"], 0, "a:2\nd/b:1\n");
        place.expect(&["-l", "one"], &["a", "d/b"], 0, "a\n");
        place.expect(&["-vi", "-e", "TWO"], &["a"], 0, "one\n");
    }

    #[test]
    fn directories_are_searched_on_request_only() {
        let place = Place::new("directories");
        let all = "d/b:two\nBinary file d/c matches\n";
        place.expect(&["-r", "two"], &["d"], 0, all);
        place.expect(&["-r", "two"], &["a"], 0, "two\n");
        place.expect(&["two"], &["d"], 2, "");
        place.expect(&["-rc", "two"], &["d"], 0, "d/b:1\nd/c:1\n");
    }

    #[test]
    fn the_exit_code_tells_what_was_found() {
        let place = Place::new("codes");
        place.expect(&["three"], &["a"], 1, "");
        place.expect(&["-q", "one"], &["a"], 0, "");
        place.expect(&["-q", "three"], &["a"], 1, "");
        place.expect(&["one"], &["no", "a"], 2, &format!("{}:one\n", "a"));
        place.expect(&["-q", "one"], &["no", "a"], 0, "");
        for words in [&[][..], &["-z", "x"], &["-e"], &["--count=1", "x"], &["\\(x"]] {
            assert_eq!(grep(Args::new("grep", words), &mut Vec::new()).unwrap_err().code(), 2, "{words:?}");
        }
    }
}
