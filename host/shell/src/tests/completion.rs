//! What is offered at the cursor.

use super::Session;
use crate::{CandidateKind, Completion, complete, limits};

const FILES: [(&str, &str); 10] = [
    ("/alpha.txt", ""),
    ("/alpine", ""),
    ("/.hidden", ""),
    ("/with space/in ner", ""),
    ("/it's", ""),
    ("/$x", ""),
    ("/ünï", ""),
    ("/sub/one", ""),
    ("/sub/two/three", ""),
    ("/bad\u{1b}[31m", ""),
];

async fn texts(session: &Session, line: &str) -> Vec<String> {
    let completion = complete(line, line.len(), &session.shell, &*session.fake).await;
    completion
        .candidates
        .iter()
        .map(|candidate| format!("{}{}", &line[..completion.start], candidate.text))
        .collect()
}

#[tokio::test]
async fn what_may_stand_at_the_cursor_is_offered() {
    let mut session = Session::new(&FILES);
    session.shows("export ALPHA=1 ALSO=2").await;
    let table: &[(&str, &[&str])] = &[
        ("ca", &["cat"]),
        ("hi", &["history"]),
        ("ec", &["echo"]),
        ("cat f | up", &["cat f | upper"]),
        ("a && up", &["a && upper"]),
        ("a;up", &["a;upper"]),
        ("a& up", &["a& upper"]),
        ("! up", &["! upper"]),
        ("X=1 up", &["X=1 upper"]),
        ("X=1 > f up", &["X=1 > f upper"]),
        ("nothing-like-this", &[]),
        ("cat alp", &["cat alpha.txt", "cat alpine"]),
        ("cat < alpi", &["cat < alpine"]),
        ("cat 2>>alpi", &["cat 2>>alpine"]),
        ("> alpi", &["> alpine"]),
        ("cat a b alpi", &["cat a b alpine"]),
        ("cat s", &["cat sub/"]),
        ("cat sub/", &["cat sub/one", "cat sub/two/"]),
        ("cat /sub/t", &["cat /sub/two/"]),
        ("cat ../sub/t", &["cat ../sub/two/"]),
        ("cat ~/sub/t", &["cat ~/sub/two/"]),
        ("cat .", &["cat .hidden"]),
        ("cat wi", &["cat with\\ space/"]),
        ("cat with\\ space/", &["cat with\\ space/in\\ ner"]),
        ("cat 'wi", &["cat 'with space/"]),
        ("cat 'with space/", &["cat 'with space/in ner'"]),
        ("cat \"with space/i", &["cat \"with space/in ner\""]),
        ("cat it", &["cat it\\'s"]),
        ("cat 'it", &["cat 'it'\\''s'"]),
        ("cat \"it", &["cat \"it's\""]),
        ("cat '$", &["cat '$x'"]),
        ("cat \\$", &["cat \\$x"]),
        ("cat ü", &["cat ünï"]),
        ("cat bad", &[]),
        ("cat --m", &["cat --max-depth"]),
        ("cat -", &["cat --all", "cat --max-depth", "cat -a"]),
        ("rg --m", &[]),
        ("cat --max-depth=alpi", &["cat --max-depth=alpine"]),
        ("F=alpi", &["F=alpine"]),
        ("cat $AL", &["cat $ALPHA", "cat $ALSO"]),
        ("cat \"$ALP", &["cat \"$ALPHA"]),
        ("cat ${ALP", &["cat ${ALPHA}"]),
        ("cat x$ALP", &["cat x$ALPHA"]),
        ("export ALP", &["export ALPHA"]),
        ("cd ", &["cd sub/", "cd with\\ space/"]),
        ("cd alp", &[]),
        ("type hel", &["type help"]),
        ("workflow nig", &["workflow nightly"]),
        ("set -o pi", &["set -o pipefail"]),
        ("a # alp", &[]),
        ("a $(alp", &[]),
        ("cat a\\", &[]),
    ];
    for (line, expected) in table {
        assert_eq!(texts(&session, line).await, *expected, "{line}");
    }
    session.shows("cd sub").await;
    assert_eq!(texts(&session, "cat o").await, ["cat one"]);
}

#[tokio::test]
async fn jobs_and_their_runs_are_offered() {
    let mut session = Session::new(&FILES);
    session.run("sleep & sleep &").await;
    session.fake.shared.until_begun(2).await;
    assert_eq!(texts(&session, "fg ").await, ["fg %1", "fg %2"]);
    assert_eq!(texts(&session, "kill %2").await, ["kill %2"]);
    assert_eq!(texts(&session, "kill run").await, ["kill run-1", "kill run-2"]);
    session.shell.kill_jobs();
}

#[tokio::test]
async fn the_middle_of_a_line_is_completed_for_what_stands_before() {
    let session = Session::new(&FILES);
    let completion = complete("cat alpi | wc", 8, &session.shell, &*session.fake).await;
    assert_eq!(completion.start, 4);
    assert_eq!(completion.candidates[0].text, "alpine");
    assert_eq!(completion.candidates[0].trailing, Some(' '));
    assert_eq!(completion.candidates[0].kind, CandidateKind::File);
    // Not between characters.
    assert!(complete("cat ü", 5, &session.shell, &*session.fake).await.start <= 6);
}

#[tokio::test]
async fn what_all_begin_with_is_never_half_an_escape() {
    let session = Session::new(&[("/a b", ""), ("/a'b", ""), ("/ünï", ""), ("/ünd", "")]);
    let prefix = async |line: &str| {
        let completion: Completion = complete(line, line.len(), &session.shell, &*session.fake).await;
        completion.common_prefix().to_owned()
    };
    assert_eq!(prefix("cat a").await, "a");
    assert_eq!(prefix("cat ü").await, "ün");
    assert_eq!(prefix("cat a\\ ").await, "a\\ b");
    assert_eq!(prefix("cat zz").await, "");
}

#[tokio::test]
async fn candidates_are_bounded() {
    let names: Vec<String> = (0..limits::CANDIDATES + 5).map(|index| format!("/f{index:05}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let session = Session::new(&files);
    let completion = complete("cat f", 5, &session.shell, &*session.fake).await;
    assert_eq!((completion.candidates.len(), completion.truncated), (limits::CANDIDATES, true));
}
