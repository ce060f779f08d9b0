//! Followers see every line once, in order, however they and the writer are timed.

use std::time::Duration;

use super::*;

/// Takes lines until `count` were seen; fails on a gap.
async fn take(follow: &mut LogFollow, count: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    while lines.len() < count {
        for event in follow.next().await.unwrap().unwrap().events {
            match event {
                FollowEvent::Line(line) => lines.push(line),
                FollowEvent::Gap { first_seq, last_seq } => panic!("gap from {first_seq} to {last_seq}"),
            }
        }
    }
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_that_start_at_any_time_lose_nothing() {
    const LINES: usize = 20_000;
    let log = Fixture::new();
    let run = log.run(1, 1);
    let writing = tokio::spawn(async move {
        let mut out = run.capture(LogStream::Stdout);
        for number in 0..LINES {
            out.write(format!("line {number}\n").as_bytes()).await.unwrap();
            if number % 97 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    let mut followers = Vec::new();
    for number in 0..8_u64 {
        let reader = log.reader.clone();
        while log.writer.stats().lines.get() < number * 1000 {
            tokio::task::yield_now().await;
        }
        followers.push(tokio::spawn(async move {
            let filter = LogFilter::default();
            let mut follow = reader.follow(&scope(1), &filter, FollowFrom::Start).await.unwrap();
            let mut lines = Vec::new();
            while lines.len() < LINES {
                // Every other one lets go and comes back by its cursor, as a client does.
                if number % 2 == 0 && lines.len() % 7 == 0 {
                    let cursor = follow.cursor().to_string().parse().unwrap();
                    follow = reader.follow(&scope(1), &filter, FollowFrom::Cursor(cursor)).await.unwrap();
                }
                lines.extend(take(&mut follow, 1).await);
            }
            lines
        }));
    }
    writing.await.unwrap();
    for follower in followers {
        let lines = follower.await.unwrap();
        assert_eq!(lines.len(), LINES);
        assert_no_holes(&lines, 1);
        assert!(lines.iter().enumerate().all(|(number, line)| line.bytes == format!("line {number}")));
    }
}

#[tokio::test]
async fn a_follower_that_sleeps_catches_up_from_the_store() {
    let log = Fixture::new();
    let mut follow = log.reader.follow(&scope(1), &LogFilter::default(), FollowFrom::Now).await.unwrap();
    let mut out = log.run(1, 1).capture(LogStream::Stdout);
    for number in 0..40 {
        out.write(format!("{number} {}\n", "w".repeat(190)).repeat(500).as_bytes()).await.unwrap();
        log.run(1, 1).flush().await.unwrap();
    }
    let lines = take(&mut follow, 20_000).await;
    assert_no_holes(&lines, 1);
    assert_eq!(lines.len(), 20_000);
}

#[tokio::test]
async fn a_follower_sees_the_last_lines_then_what_matches() {
    let log = Fixture::new();
    let mut out = log.run(1, 1).capture(LogStream::Stdout);
    for number in 0..100 {
        out.write(format!("{} {number}\n", if number % 2 == 0 { "ERROR" } else { "INFO" }).as_bytes())
            .await
            .unwrap();
    }
    log.run(1, 1).flush().await.unwrap();
    let filter = LogFilter { levels: vec![LogLevel::Error], ..LogFilter::default() };
    let mut follow = log.reader.follow(&scope(1), &filter, FollowFrom::Last(2)).await.unwrap();
    let mut other = log.run(2, 1).capture(LogStream::Stdout);
    other.write(b"ERROR of another tenant\n").await.unwrap();
    out.write(b"INFO 100\nERROR 101\n").await.unwrap();
    assert_eq!(texts(&take(&mut follow, 3).await), ["ERROR 96", "ERROR 98", "ERROR 101"]);
    assert_eq!(follow.cursor(), LogCursor::after(102));
    log.writer.close().await.unwrap();
    assert!(follow.next().await.unwrap().is_none());
}

#[tokio::test]
async fn deleted_lines_are_an_explicit_gap() {
    let log = Fixture::new();
    let mut out = log.run(1, 1).capture(LogStream::Stdout);
    out.write(format!("{}\n", "v".repeat(99)).repeat(2000).as_bytes()).await.unwrap();
    log.run(1, 1).flush().await.unwrap();
    let cursor = LogCursor::after(10);
    let half = Retention { through_seq: Some(1000), ..Retention::default() };
    while log.writer.trim(&scope(1), half).await.unwrap().more {}
    let first_kept = log.all(1).await[0].seq;
    let mut follow =
        log.reader.follow(&scope(1), &LogFilter::default(), FollowFrom::Cursor(cursor)).await.unwrap();
    let batch = follow.next().await.unwrap().unwrap();
    assert_eq!(batch.events[0], FollowEvent::Gap { first_seq: 11, last_seq: first_kept - 1 });
    assert!(matches!(&batch.events[1], FollowEvent::Line(line) if line.seq == first_kept));
}

#[tokio::test]
async fn a_waiting_follower_hears_of_a_line_at_once() {
    let log = Fixture::new();
    let mut follow = log.reader.follow(&scope(1), &LogFilter::default(), FollowFrom::Now).await.unwrap();
    let waiting = tokio::spawn(async move { take(&mut follow, 1).await });
    log.run(1, 1).system(LogLevel::Info, "hello").await.unwrap();
    let lines = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    assert_eq!(texts(&lines), ["hello"]);
}
