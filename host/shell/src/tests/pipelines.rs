//! Pipelines, redirections, statuses and interruptions.

use std::sync::{Arc, atomic::Ordering};

use super::Session;
use crate::{limits, pipe, status};

#[tokio::test]
async fn commands_are_joined_and_the_last_status_counts() {
    let mut session = Session::new(&[("/f", "one\ntwo\n")]);
    assert_eq!(session.shows("cat f | upper | wc").await, "2\n");
    assert_eq!(session.shows("seq 20000 | cat | cat | wc -c").await, "108894\n");
    assert_eq!(session.shows("fail 3 | zero; echo $?").await, "0\n");
    assert_eq!(session.run("zero | fail 3").await.0, 3);
    assert_eq!(session.run("set -o pipefail; fail 3 | fail 4 | zero").await.0, 4);
    assert_eq!(session.run("set +o pipefail; fail 3 | zero").await.0, 0);
    assert_eq!(session.run("! fail 3").await.0, 0);
    assert_eq!(session.run("! zero").await.0, 1);
    assert_eq!(session.shows("echo hi there | upper").await, "HI THERE\n");
    assert_eq!(session.shows("echo -n a; command echo b; echo").await, "adeployed b\n\n");
}

#[tokio::test]
async fn statuses_decide_what_is_run() {
    let mut session = Session::new(&[]);
    assert_eq!(session.shows("zero && echo a || echo b; fail && echo c || echo d").await, "a\nd\n");
    assert_eq!(session.shows("fail 7 || echo $?; fail 7; echo $?; echo $?").await, "7\n7\n0\n");
    assert_eq!(session.run("fail 9 && echo no").await, (9, String::new()));
    assert_eq!(session.run("true; false").await.0, 1);
}

#[tokio::test]
async fn refusals_have_their_status_and_are_told() {
    let mut session = Session::new(&[]);
    let table = [
        ("rg x", 127, "cloister: rg: no such command (command_not_found)\n"),
        ("denied", 126, "cloister: denied: your role does not allow this (permission_denied)\n"),
        ("crowd", 75, "cloister: crowd: too many runs (too_many_runs)\n"),
        ("oom", 134, "cloister: oom: ran out of memory\n"),
        ("rg x 2>/dev/null", 127, ""),
        ("rg | wc", 0, "cloister: rg: no such command (command_not_found)\n0\n"),
        ("rg 2>&1 | wc", 0, "1\n"),
        ("a | | b", 2, "cloister: `|` is not expected here (column 5) (syntax_unexpected)\n"),
        (
            "for x in y; do z; done",
            2,
            "cloister: for loops are not supported here (column 1) (syntax_unsupported)\n",
        ),
        ("zero < nowhere", 1, "cloister: /nowhere: there is no such file (file_not_found)\n"),
        ("zero > no/where", 1, "cloister: /no/where: there is no such file (file_not_found)\n"),
        ("zero > \"$U\"", 1, "cloister: an empty file name (not_found)\n"),
        ("cd a b", 2, "cloister: cd: use it as: cd [directory]\n"),
    ];
    for (line, status, told) in table {
        assert_eq!(session.run(line).await, (status, told.to_owned()), "{line}");
        assert_eq!(session.shell.status(), status);
    }
}

#[tokio::test]
async fn redirections_stream_to_and_from_files() {
    let mut session = Session::new(&[("/in", "b\na\n"), ("/sub/", "")]);
    assert_eq!(session.shows("upper < in").await, "B\nA\n");
    assert_eq!(
        session.shows("upper < in > out; cat out; cat < in >> out; cat out").await,
        "B\nA\nB\nA\nb\na\n"
    );
    assert_eq!(session.shows("seq 30000 > big; wc -c < big").await, "168894\n");
    assert_eq!(session.shows("err > o 2> e; cat o; cat e").await, "out\nerr\n");
    assert_eq!(session.shows("err 2>&1 | upper").await, "OUT\nERR\n");
    assert_eq!(session.shows("err |& upper").await, "OUT\nERR\n");
    assert_eq!(session.shows("err &> both; err &>> both; cat both").await, "out\nerr\nout\nerr\n");
    // As they stand: errors go where the output went before.
    assert_eq!(session.shows("err 2>&1 > o | upper; cat o").await, "ERR\nout\n");
    assert_eq!(session.shows("err >&2 2>/dev/null").await, "out\n");
    assert_eq!(session.shows("err > /dev/null 2>&1; cat < /dev/null").await, "");
    assert_eq!(session.shows("> new; cd sub; echo x > ../up; F='a b'; echo y > $F").await, "");
    assert_eq!(session.fake.file("/new").as_deref(), Some(""));
    assert_eq!(session.fake.file("/up").as_deref(), Some("x\n"));
    assert_eq!(session.fake.file("/sub/a b").as_deref(), Some("y\n"));
    // What is read is what was there: the new content takes its place at the end.
    assert_eq!(session.shows("cd; cat < in > in; cat in").await, "b\na\n");
    assert_eq!(session.shows("pwd > p; history > h; jobs | wc; cat p").await, "0\n/\n");
}

#[tokio::test]
async fn a_write_that_fails_half_way_is_told_and_the_file_stays() {
    let mut session = Session::new(&[("/full", "before\n"), ("/broken", "part\n")]);
    let (status, told) = session.run("yes > full").await;
    assert_eq!(status, status::FAILURE);
    assert_eq!(told, "cloister: /full: the tenant's directory is full (storage_full)\n");
    assert_eq!(session.fake.file("/full").as_deref(), Some("before\n"));
    let (status, told) = session.run("cat < broken").await;
    assert_eq!(status, 1);
    assert!(told.starts_with("part\ncat: the disk does not answer"), "{told}");
    assert!(told.ends_with("cloister: /broken: the disk does not answer (file_refused)\n"), "{told}");
}

#[tokio::test]
async fn a_writer_ends_when_its_reader_has() {
    let mut session = Session::new(&[("/long", &"line\n".repeat(100_000))]);
    assert_eq!(session.shows("yes | first").await, "y\n");
    assert_eq!(session.shows("yes | cat | cat | first").await, "y\n");
    assert_eq!(session.shows("yes | ignore").await, "");
    assert_eq!(session.shows("first < long").await, "line\n");
    assert_eq!(session.run("set -o pipefail; yes | first").await.0, status::BROKEN_PIPE);
    assert_eq!(session.run("yes | rg").await.0, status::NOT_FOUND);
    // All are gone, and nothing of them goes on.
    let shared = Arc::clone(&session.fake.shared);
    assert_eq!(shared.begun.load(Ordering::SeqCst), shared.ended.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_slow_reader_holds_the_writer() {
    let mut session = Session::new(&[]);
    let shared = Arc::clone(&session.fake.shared);
    let interrupter = session.shell.interrupter();
    let watched = async {
        shared.until_begun(2).await;
        // Whatever the writer could do without being read, it has done when it has had this many turns.
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
        }
        let held = shared.written_bytes.load(Ordering::SeqCst);
        assert!(held > limits::PIPE_BYTES - 1000 && held <= limits::PIPE_BYTES, "{held}");
        shared.gate.add_permits(1);
        while shared.written_bytes.load(Ordering::SeqCst) == held {
            tokio::task::yield_now().await;
        }
        assert!(shared.written_bytes.load(Ordering::SeqCst) <= 2 * limits::PIPE_BYTES);
        interrupter.interrupt();
    };
    let ((status, _), ()) = tokio::join!(session.run("yes | gated"), watched);
    assert_eq!(status, status::INTERRUPTED);
}

#[tokio::test]
async fn an_interruption_ends_the_whole_line() {
    let mut session = Session::new(&[]);
    let (shared, interrupter) = (Arc::clone(&session.fake.shared), session.shell.interrupter());
    // Nothing runs: nothing happens, now or later.
    interrupter.interrupt();
    assert_eq!(session.shows("echo on").await, "on\n");
    for line in [
        "sleep; echo no",
        "sleep || echo no",
        "! sleep",
        "seq 10 | sleep | wc; echo no",
        "yes > file; echo no",
    ] {
        let before = shared.begun.load(Ordering::SeqCst);
        let interrupt = async {
            shared.until_begun(before + 1).await;
            interrupter.interrupt();
        };
        let (ran, ()) = tokio::join!(session.run(line), interrupt);
        assert_eq!(ran, (status::INTERRUPTED, String::new()), "{line}");
        assert_eq!(shared.begun.load(Ordering::SeqCst), shared.ended.load(Ordering::SeqCst), "{line}");
    }
    assert_eq!(session.shows("echo $?").await, "130\n");
}

#[tokio::test]
async fn a_run_that_does_not_end_is_given_up_the_second_time() {
    let mut session = Session::new(&[]);
    let (shared, interrupter) = (Arc::clone(&session.fake.shared), session.shell.interrupter());
    let interrupt = async {
        shared.until_begun(1).await;
        interrupter.interrupt();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        interrupter.interrupt();
    };
    let ((status, _), ()) = tokio::join!(session.run("stubborn > file"), interrupt);
    assert_eq!(status, status::INTERRUPTED);
}

#[tokio::test]
async fn what_is_asked_of_a_run_is_what_was_typed() {
    let mut session = Session::new(&[("/d/", "")]);
    session.run("cd d; A=1 args 'x y' *").await;
    let started = session.fake.started.lock()[0].clone();
    assert_eq!((started.command.as_str(), started.cwd.as_str(), started.foreground), ("args", "/d", true));
    assert_eq!(started.args, ["x y", "*"]);
    assert!(started.env.contains(&("A".to_owned(), "1".to_owned())));
}

#[tokio::test]
async fn builtins_in_a_pipeline_change_nothing_in_the_session() {
    let mut session = Session::new(&[("/d/", "")]);
    assert_eq!(session.shows("cd d | zero; export A=1 | zero; exit 3 | zero; pwd; args $A").await, "/\n");
    assert_eq!(session.shell.exit_requested(), None);
    assert_eq!(session.run("exit 3; echo no").await, (3, String::new()));
    assert_eq!(session.shell.exit_requested(), Some(3));
}

#[tokio::test]
async fn history_has_lines_but_no_secrets() {
    let mut session = Session::new(&[]);
    for line in [
        "echo one",
        " echo hidden",
        "export TOKEN=abcdef",
        "echo two",
        "",
        "for x",
        "set +o history",
        "echo off",
    ] {
        session.run(line).await;
    }
    assert_eq!(*session.fake.history.lock(), ["echo one", "echo two", "for x", "set +o history"]);
    assert_eq!(session.shows("history echo").await, "     1  echo one\n     2  echo two\n");
    assert_eq!(session.shows("history 1").await, "     4  set +o history\n");
}

#[tokio::test]
async fn what_there_is_is_told() {
    let mut session = Session::new(&[]);
    let help = session.shows("help").await;
    assert!(help.contains("  fg [job]") && help.contains("  yes  "), "{help}");
    assert!(session.shows("help cat").await.contains("--max-depth value  a flag"));
    assert_eq!(
        session.shows("type cd cat; which echo; command -v wc").await,
        "cd is a builtin of the shell\ncat is a deployed command\necho is a builtin of the shell; `command echo` runs the deployed one\nwc is a deployed command\n"
    );
    assert_eq!(session.run("type rg").await, (1, "cloister: type: rg: no such command\n".to_owned()));
    assert_eq!(session.shows("workflows").await, "build\nnightly\n");
    assert_eq!(
        session.shows("A=\"it's\"; set | first; set -o").await,
        "A='it'\\''s'\nhistory   on\npipefail  off\n"
    );
}

#[test]
fn builtins_are_sorted_since_they_are_searched() {
    let names = crate::builtins::BUILTINS.map(|builtin| builtin.0);
    assert!(names.is_sorted());
    assert!(names.iter().all(|name| crate::builtins::is_builtin(name)));
}

#[tokio::test]
async fn a_pipe_gives_bytes_in_order_and_both_ends() {
    let (writer, mut reader) = pipe(10);
    let second = writer.clone();
    let writing = async move {
        writer.write("abcdef".into()).await.unwrap();
        second.write("ghijklmnopqrstuvwxyz".into()).await.unwrap();
    };
    let reading = async {
        let mut all = Vec::new();
        while let Some(bytes) = reader.read().await.unwrap() {
            assert!(bytes.len() <= 10 && reader.in_flight_bytes() <= 10);
            all.extend_from_slice(&bytes);
        }
        all
    };
    let ((), all) = tokio::join!(writing, reading);
    assert_eq!(all, b"abcdefghijklmnopqrstuvwxyz");
    let (writer, reader) = pipe(10);
    let waiting = async {
        writer.closed().await;
        writer.write("x".into()).await.unwrap_err();
    };
    tokio::join!(waiting, async { drop(reader) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_loses_nothing_between_threads() {
    const CHUNKS: usize = 2000;
    let (writer, mut reader) = pipe(100);
    let writers: Vec<_> = (0..4_u8)
        .map(|mark| {
            let writer = writer.clone();
            tokio::spawn(async move {
                for _ in 0..CHUNKS {
                    writer.write(vec![mark; 7].into()).await.unwrap();
                }
            })
        })
        .collect();
    drop(writer);
    let mut counts = [0_usize; 4];
    while let Some(bytes) = reader.read().await.unwrap() {
        bytes.iter().for_each(|mark| counts[usize::from(*mark)] += 1);
    }
    assert_eq!(counts, [CHUNKS * 7; 4]);
    for writer in writers {
        writer.await.unwrap();
    }
}
