//! Commands of the host, run as if they were here.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::atomic::Ordering;

use crate::mock::Mock;
use crate::person::Person;

#[test]
fn input_and_output_pass_unchanged_in_any_size() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let bytes: Vec<u8> = (0..1_000_003_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let said = ann.type_with_input(&["exec", "-e", "A=1", "cat", "-n", "--host", "x"], &bytes);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout == bytes, "{} of {} bytes", said.stdout.len(), bytes.len());
    assert_eq!(said.stderr, "ready\n");
    let created = mock.seen.runs.created.lock();
    assert_eq!(created[0].args, ["-n", "--host", "x"]);
    assert_eq!(created[0].env["A"], "1");
}

#[test]
fn output_comes_while_input_is_still_open() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let mut child = ann.starts(&["exec", "cat"]);
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for word in [b"first", b"again"] {
        stdin.write_all(word).unwrap();
        let mut echo = [0; 5];
        stdout.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, word);
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_exit_code_and_every_byte_are_the_guests() {
    let mock = Mock::start();
    let said = Person::signed_in(&mock).types(&["exec", "fail"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(42), "no\n"));
    assert_eq!(said.stdout, (0..=255).collect::<Vec<u8>>());
}

#[test]
fn a_cut_connection_is_resumed_without_loss_or_repetition() {
    let mock = Mock::start();
    let said = Person::signed_in(&mock).types(&["exec", "cut"]);
    assert_eq!((said.code, said.text().as_str()), (Some(7), "one two three\n"));
    assert!(mock.requests("/output").len() >= 3);
}

#[test]
fn what_is_no_longer_kept_of_the_output_is_told() {
    let mock = Mock::start();
    let said = Person::signed_in(&mock).types(&["exec", "gap"]);
    assert_eq!((said.code, said.text().as_str()), (Some(0), "onethree\n"));
    assert!(said.stderr.contains("bytes 3 to 7 of stdout are no longer kept"), "{}", said.stderr);
}

#[test]
fn input_is_sent_again_from_where_the_host_has_it() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    mock.seen.runs.stdin_trouble.store(true, Ordering::SeqCst);
    let said = ann.type_with_input(&["exec", "cat"], b"0123456789");
    assert_eq!((said.code, said.text().as_str()), (Some(0), "0123456789"));
}

#[test]
fn a_guest_that_does_not_read_does_not_hold_the_command() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let mut child = ann.starts(&["exec", "deaf"]);
    let stdin = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(stdin);
}

#[test]
fn a_run_over_its_limit_says_which() {
    let mock = Mock::start();
    let said = Person::signed_in(&mock).types(&["exec", "fuel"]);
    assert_eq!(said.code, Some(137));
    assert_eq!(said.stderr, "warning: run_1 out_of_fuel: it used all of its 5 fuel units\n");
}

#[test]
fn interrupting_kills_the_remote_run() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mock = Mock::start();
        let ann = Person::signed_in(&mock);
        let mut child = ann.starts(&["exec", "spin"]);
        // Once it has printed something, it runs.
        let mut ready = [0; 6];
        child.stderr.as_mut().unwrap().read_exact(&mut ready).unwrap();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert!(mock.seen.runs.killed.load(Ordering::SeqCst));
    }
}

#[test]
fn a_closed_output_kills_the_remote_run_quietly() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let mut child = ann.starts(&["exec", "flood"]);
    drop(child.stdout.take());
    let said = ann.said(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (Some(141), ""));
    assert!(mock.seen.runs.killed.load(Ordering::SeqCst));
}

#[test]
fn a_detached_run_is_left_alone() {
    let mock = Mock::start();
    let said = Person::signed_in(&mock).types(&["exec", "--detach", "spin"]);
    assert_eq!((said.code, said.text().as_str()), (Some(0), "run_1\n"));
    assert!(mock.requests("/output").is_empty());
}

#[test]
fn an_unknown_command_is_an_error_with_a_hint() {
    let mock = Mock::start();
    let said = Person::signed_in(&mock).types(&["exec", "nope"]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(said.stderr, @r"
    error[command_not_found]: there is no command `nope`
    hint: `cloister deployments` lists the commands
    request: req_1
    ");
}
