//! The same lines in this shell and in those of the machine, where there are any.

use std::{path::Path, process::Command};

use super::Session;

/// What the lines use, for a shell of the machine.
const PREAMBLE: &str = r#"
args() { for argument in "$@"; do printf '<%s>\n' "$argument"; done; }
fail() { return "${1:-1}"; }
upper() { tr a-z A-Z; }
zero() { :; }
err() { echo out; echo err >&2; }
"#;

const FILES: [(&str, &str); 7] = [
    ("/a.txt", "one\ntwo\n"),
    ("/b.txt", "three\n"),
    ("/.dot", ""),
    ("/with space", "x\n"),
    ("/sub/c.txt", ""),
    ("/sub/d", ""),
    ("/7", ""),
];

const LINES: [&str; 70] = [
    "args a 'b c' \"d e\" f\\ g",
    "args \"\" '' $U \"$U\"",
    "A='x  y'; args $A \"$A\" p${A}q",
    "A=' x '; args $A -$A- \"$A\"",
    "A=''; args $A \"$A\" x$A \"\"$A",
    "A='a b'; B=$A; args $B \"$B\"",
    "A='*.txt'; args $A \"$A\"",
    "args *.txt ?.txt [ab].txt [!a].txt *.none",
    "args '*'.txt \\*.txt \"*\".txt",
    "args * .d* sub/* */c.txt */",
    "args [z [] [!] a[",
    "args [[:digit:]] [0-9]*",
    "args w* 'w'*",
    "args ./*.txt sub/../*.txt",
    "args \\$A \"\\$A\" '\\$A' \"\\a\" \"\\\\\" \\\\",
    "args \"a\\\"b\" 'a\"b' \"a'b\"",
    "args $ a$ \"$\" $. %$%",
    "args ${A:-d} ${A-d} ${A:+s} ${A+s}.",
    "A=; args ${A:-d} ${A-d} ${A:+s} \"${A+s}\"",
    "A=v; args ${A:-d} ${A-d} ${A:+s} ${A+s} ${#A}",
    "args ${A:-a b} \"${A:-a b}\" ${A:-'a b'} ${A:-\"a b\"}",
    "args \"${A:-'q'}\" ${A:-'q'}",
    "args \"${A:-}\" ${A:-}",
    "args ${A:=x y} $A",
    "args \"${A:=x  y}\" \"$A\"",
    "args ${A:-${B:-c}} ${A:-$B}",
    "args a\\\nb",
    "args a;args b\nargs c",
    "args a#b # c",
    "args '#' \\# \"#\"",
    "args {} {a} }",
    "args a=b A=1 =",
    "args if then fi",
    "args ! !a a!",
    "A=1 B=2; args $A$B",
    "A=1; A=2 zero; args $A",
    "A=1 B=$A; args $B",
    "true && echo a || echo b",
    "false && echo a || echo b",
    "true || echo a && echo b",
    "fail 3; echo $?; echo $?",
    "fail 3 || echo $?",
    "! true; echo $?; ! fail 4; echo $?",
    "fail 5 | zero; echo $?",
    "zero | fail 5; echo $?",
    "! fail 3 | fail 4; echo $?",
    "echo one | cat | upper",
    "cat a.txt | upper | cat",
    "cat < a.txt",
    "< a.txt cat",
    "cat a.txt > o; cat b.txt >> o; cat o",
    "echo x > o; echo y > o; cat o",
    "echo x > 'o p'; cat 'o p' with\\ space",
    "err 2> e > o; cat e o",
    "err > o 2>&1; cat o",
    "err 2>&1 > o | upper; cat o",
    "err 2>&1 | upper",
    "err 2>/dev/null | upper",
    "echo a >o >p; cat o p",
    "> o; cat o; echo $?",
    "cat < /dev/null; echo $?",
    "echo a | cat < b.txt",
    "cat < missing; echo next",
    "cd sub; args *",
    "cd sub && cd .. && args *.txt",
    "cd sub | zero; args *.txt",
    "cd missing || echo no",
    "echo -n a; echo b",
    "echo a & wait; echo b",
    "unset A; args ${A-gone}; A=1; unset A; args ${A-gone}",
];

fn machine(shell: &str, line: &str) -> Option<(i32, String)> {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        let path = directory.path().join(&path[1..]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let script = format!("{PREAMBLE}\n{line}");
    let output = Command::new(shell)
        .args(["-c", &script])
        .current_dir(directory.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .stdin(std::process::Stdio::null())
        .output()
        .ok()?;
    Some((output.status.code()?, String::from_utf8(output.stdout).unwrap()))
}

#[tokio::test]
async fn lines_mean_what_they_mean_elsewhere() {
    for shell in ["/usr/bin/dash", "/usr/bin/bash"] {
        if !Path::new(shell).exists() {
            continue;
        }
        for line in LINES {
            let mut session = Session::new(&FILES);
            // What is said on errors differs between shells: only output counts.
            let status = session.shell.run(line, &session.world).await;
            let shown: String = session
                .fake
                .take_terminal()
                .lines()
                .filter(|line| !line.starts_with("cloister: ") && !line.starts_with("[1]"))
                .map(|line| format!("{line}\n"))
                .collect();
            let Some(expected) = machine(shell, line) else { continue };
            assert_eq!((status, shown), expected, "{shell}: {line}");
        }
    }
}
