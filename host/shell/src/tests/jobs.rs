//! What runs in the background.

use std::sync::{Arc, atomic::Ordering};

use super::Session;
use crate::{limits, status};

async fn until_ended(session: &Session, count: usize) {
    let shared = Arc::clone(&session.fake.shared);
    while shared.ended.load(Ordering::SeqCst) < count {
        tokio::task::yield_now().await;
    }
    // The job's task comes after the command's.
    while session.shell.running_jobs() > 0
        && shared.ended.load(Ordering::SeqCst) == shared.begun.load(Ordering::SeqCst)
    {
        tokio::task::yield_now().await;
    }
}

async fn announced(session: &mut Session) -> String {
    let world = Arc::clone(&session.world);
    session.shell.announce(&world).await;
    session.fake.take_terminal()
}

#[tokio::test]
async fn a_job_runs_beside_the_session_and_is_announced_once() {
    let mut session = Session::new(&[]);
    assert_eq!(session.shows("sleep & echo $?").await, "[1] sleep\n0\n");
    let shared = Arc::clone(&session.fake.shared);
    shared.until_begun(1).await;
    assert_eq!(announced(&mut session).await, "");
    assert_eq!(session.shows("jobs").await, "[1]  running  sleep  (run-1)\n");
    assert_eq!(session.shell.running_jobs(), 1);
    session.shows("kill %1").await;
    until_ended(&session, 1).await;
    assert_eq!(announced(&mut session).await, "[1]  killed  sleep\n");
    assert_eq!(announced(&mut session).await, "");
    let started = session.fake.started.lock().clone();
    assert!(!started[0].foreground);
}

#[tokio::test]
async fn a_job_is_a_whole_list_with_its_own_variables() {
    let mut session = Session::new(&[("/d/", "")]);
    session.run("A=1; cd d && A=2 && fail 3 || echo $A$PWD > out & args $A $PWD").await;
    let (status, shown) = session.run("wait; cat d/out").await;
    assert_eq!((status, shown.as_str()), (0, "2/d\n"));
    assert_eq!(session.shows("args $A; pwd").await, "<1>\n/\n");
    assert_eq!(session.run("fail 4 & wait %1").await, (4, "[1] fail 4\n".to_owned()));
    // Nothing to read, and no terminal.
    assert_eq!(session.run("cat & wait").await, (0, "[1] cat\n".to_owned()));
}

#[tokio::test]
async fn statuses_of_jobs_are_announced() {
    let mut session = Session::new(&[]);
    session.run("fail 3 & zero &").await;
    until_ended(&session, 2).await;
    assert_eq!(announced(&mut session).await, "[1]  exit 3  fail 3\n[2]  done  zero\n");
    // Numbers begin anew when all are gone.
    assert_eq!(session.run("zero & wait").await.1, "[1] zero\n");
}

#[tokio::test]
async fn fg_waits_and_an_interruption_ends_the_job() {
    let mut session = Session::new(&[]);
    let shared = Arc::clone(&session.fake.shared);
    session.run("fail 5 &").await;
    assert_eq!(session.run("fg").await, (5, "fail 5\n".to_owned()));
    assert_eq!(session.run("fg").await, (1, "cloister: fg: no such job\n".to_owned()));
    session.run("sleep & sleep &").await;
    shared.until_begun(3).await;
    let interrupter = session.shell.interrupter();
    let interrupt = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        interrupter.interrupt();
    };
    let ((status, _), ()) = tokio::join!(session.run("fg %1; echo no"), interrupt);
    assert_eq!(status, status::INTERRUPTED);
    assert_eq!(session.shows("jobs").await, "[2]  running  sleep  (run-3)\n");
    // Waiting is given up, the job goes on.
    let interrupt = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        interrupter.interrupt();
    };
    let ((status, _), ()) = tokio::join!(session.run("wait"), interrupt);
    assert_eq!((status, session.shell.running_jobs()), (status::INTERRUPTED, 1));
}

#[tokio::test]
async fn kill_takes_jobs_and_runs() {
    let mut session = Session::new(&[]);
    assert_eq!(session.run("kill -9 run-7").await, (0, String::new()));
    assert_eq!(*session.fake.killed.lock(), ["run-7"]);
    assert_eq!(
        session.run("kill other").await,
        (1, "cloister: kill: other: no such run (run_not_found)\n".to_owned())
    );
    assert_eq!(session.run("kill %4").await, (1, "cloister: kill: %4: no such job\n".to_owned()));
    assert_eq!(session.run("kill").await.0, 2);
}

#[tokio::test]
async fn jobs_have_a_bound_and_end_with_the_session() {
    let mut session = Session::new(&[]);
    let shared = Arc::clone(&session.fake.shared);
    let line = "sleep & ".repeat(limits::JOBS);
    assert_eq!(session.run(&line).await.0, 0);
    let (status, shown) = session.run("sleep &").await;
    assert_eq!((status, shown.contains("too_many_jobs")), (status::REFUSED, true), "{shown}");
    shared.until_begun(limits::JOBS).await;
    drop(session.shell);
    while shared.ended.load(Ordering::SeqCst) < limits::JOBS {
        tokio::task::yield_now().await;
    }
}
