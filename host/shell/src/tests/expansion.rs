//! From words to arguments, and variables.

use super::Session;
use crate::{limits, resolve, status};

const FILES: [(&str, &str); 12] = [
    ("/a.txt", "one\n"),
    ("/b.txt", "two\n"),
    ("/B.md", ""),
    ("/.hidden", ""),
    ("/with space", ""),
    ("/[x]", ""),
    ("/sub/c.txt", "three\n"),
    ("/sub/deep/d.txt", ""),
    ("/sub/.git/e.txt", ""),
    ("/7", ""),
    ("/ü.txt", ""),
    ("/empty/", ""),
];

#[tokio::test]
async fn words_become_arguments() {
    let mut session = Session::new(&FILES);
    session.shows("E=; V='x  y'; S=' lead trail '; G='*.md'; export N=v").await;
    let table: &[(&str, &[&str])] = &[
        (r#"a 'b c' "d e" f\ g"#, &["a", "b c", "d e", "f g"]),
        (r#""" '' "$E" $E "" x$E"#, &["", "", "", "", "x"]),
        (r#"$V "$V" x${V}y $V$V"#, &["x", "y", "x  y", "xx", "yy", "x", "yx", "y"]),
        (r#"$S "$S" -$S-"#, &["lead", "trail", " lead trail ", "-", "lead", "trail", "-"]),
        (r#"'$V' \$V "\$V" "a\nb" a\nb"#, &["$V", "$V", "$V", "a\\nb", "anb"]),
        (r#"$ a$ "$" $. 5$%"#, &["$", "a$", "$", "$.", "5$%"]),
        (r#"${E:-d} ${E-d} ${U-d} ${U:-"a  b"} ${U:-a  b}"#, &["d", "d", "a  b", "a", "b"]),
        (r#"${V:+s} ${E:+s} ${E+s} ${U+s}."#, &["s", "s", "."]),
        (r#""${U:-}" "${V:+}" "${U:-'q'}" ${U:-'q'}"#, &["", "", "'q'", "q"]),
        (r#"${#V} ${#U} $? ${?}"#, &["4", "0", "0", "0"]),
        (r#"${A:=w} $A"#, &["w", "w"]),
        (r#"~ ~/x ~x '~' "~" a~ \~ x=~"#, &["/", "/x", "~x", "~", "~", "a~", "~", "x=~"]),
        (r#"*.txt"#, &["a.txt", "b.txt", "ü.txt"]),
        (r#"/*.txt ./?.txt"#, &["/a.txt", "/b.txt", "/ü.txt", "./a.txt", "./b.txt", "./ü.txt"]),
        (
            r#"[ab].txt [!a].txt [^ab]*.txt [a-b].* [[:digit:]]"#,
            &["a.txt", "b.txt", "b.txt", "ü.txt", "ü.txt", "a.txt", "b.txt", "7"],
        ),
        (r#"*.none '*'.txt \*.txt "*.txt" [z"#, &["*.none", "*.txt", "*.txt", "*.txt", "[z"]),
        (r#"with* [[]x] "["x]"#, &["with space", "[x]", "[x]"]),
        (r#"$G "$G""#, &["B.md", "*.md"]),
        (r#".h* .*/e.txt sub/.*/e*"#, &[".hidden", ".*/e.txt", "sub/.git/e.txt"]),
        (r#"*/ sub/*/ */c.txt"#, &["empty/", "sub/", "sub/deep/", "sub/c.txt"]),
        (r#"**/*.txt"#, &["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt", "ü.txt"]),
        (r#"**/**/d.txt"#, &["sub/deep/d.txt"]),
        (r#"sub/** **/d.txt"#, &["sub/c.txt", "sub/deep", "sub/deep/d.txt", "sub/deep/d.txt"]),
        (r#"../*.md sub/../*.md"#, &["../B.md", "sub/../B.md"]),
        ("a\\\nb \"c\\\nd\"", &["ab", "cd"]),
    ];
    for (line, expected) in table {
        let shown = session.shows(&format!("args {line}")).await;
        let expected: String = expected.iter().map(|argument| format!("<{argument}>\n")).collect();
        assert_eq!(shown, expected, "{line}");
    }
}

#[tokio::test]
async fn patterns_are_relative_to_the_working_directory() {
    let mut session = Session::new(&FILES);
    assert_eq!(
        session.shows("cd sub; args *.txt ../b*; pwd2; pwd").await,
        "<c.txt>\n<../b.txt>\n/sub\n/sub\n"
    );
    assert_eq!(session.shows("cd deep; cd ..; cd -; cd; pwd; cd ../../..; pwd").await, "/sub/deep\n/\n/\n");
    assert_eq!(session.run("cd a.txt").await, (1, "cloister: cd: a.txt: not a directory\n".to_owned()));
    let (status, shown) = session.run("cd nowhere").await;
    assert_eq!(
        (status, shown.as_str()),
        (1, "cloister: cd: nowhere: there is no such file (file_not_found)\n")
    );
    assert_eq!(session.shell.cwd(), "/");
}

#[tokio::test]
async fn variables_are_the_sessions_and_exported_ones_the_commands() {
    let mut session = Session::new(&FILES);
    session.shows("A=1 B=$A; export B C=3 D; E=x").await;
    assert_eq!(session.shows("env2").await, "B=1\nC=3\nHOME=/\nPWD=/\n");
    assert_eq!(session.shows("X=$A Y=$X B=over env2").await, "B=over\nC=3\nHOME=/\nPWD=/\nX=1\nY=1\n");
    assert_eq!(
        session.shows("args [$X$Y] $B; D=4; E=y env2").await,
        "<[]>\n<1>\nB=1\nC=3\nD=4\nE=y\nHOME=/\nPWD=/\n"
    );
    session.shows("unset B; export -n C; V='a  b'; export W=$V").await;
    assert_eq!(session.shows("env2; env").await, "D=4\nHOME=/\nPWD=/\nW=a  b\n".repeat(2));
    assert_eq!(session.shows("cd sub; env2 | args; env").await, "D=4\nHOME=/\nPWD=/sub\nW=a  b\n");
    assert_eq!(
        session.run("export 1x=2").await,
        (1, "cloister: export: 1x: not a name for a variable (invalid_name)\n".to_owned())
    );
}

#[tokio::test]
async fn a_variable_that_must_be_set_ends_the_command() {
    let mut session = Session::new(&FILES);
    let (status, shown) = session.run("args ${U:?is needed}; echo next $?").await;
    assert_eq!((status, shown.as_str()), (0, "cloister: U: is needed (variable_not_set)\nnext 1\n"));
}

#[tokio::test]
async fn expansion_has_bounds() {
    let many: Vec<(String, &str)> =
        (0..=limits::GLOB_MATCHES).map(|index| (format!("/f{index}"), "")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let mut session = Session::new(&many);
    let (status, shown) = session.run("args *").await;
    assert_eq!((status, shown.contains("too_many_matches")), (1, true), "{shown}");
    let (status, shown) = session.run(&format!("args {}", "*z ".repeat(10))).await;
    assert_eq!((status, shown.contains("too_many_matches")), (1, true), "{shown}");
    assert_eq!(session.shows("args *z *z").await, "<*z>\n<*z>\n");
    let (status, shown) = session.run(&format!("args *{}", "a".repeat(limits::GLOB_PATTERN_CHARS))).await;
    assert_eq!((status, shown.contains("pattern_too_long")), (1, true), "{shown}");
    session.shows(&format!("V={}", "x".repeat(60_000))).await;
    let (status, shown) = session.run(&format!("args {}", "$V".repeat(10))).await;
    assert_eq!((status, shown.contains("arguments_too_long")), (1, true));
    let (status, shown) = session.run("A=$V$V$V$V$V").await;
    assert_eq!((status, shown.contains("too_many_variables")), (1, true));
    let (status, _) = session.run(&format!("W='{}'; args $W$W$W$W$W$W$W$W", "x ".repeat(1500))).await;
    assert_eq!(status, status::FAILURE);
}

#[test]
fn paths_never_leave_the_directory() {
    let table = [
        ("/", "a", "/a"),
        ("/a/b", "..", "/a"),
        ("/a", "../../../..", "/"),
        ("/a", "/../../etc", "/etc"),
        ("/a", "./b//c/.", "/a/b/c"),
        ("/a", "", "/a"),
    ];
    for (cwd, path, expected) in table {
        assert_eq!(resolve(cwd, path).unwrap(), expected, "{cwd} {path}");
    }
    assert_eq!(resolve("/", &"a".repeat(limits::PATH_BYTES)).unwrap_err().code, "path_too_long");
}
