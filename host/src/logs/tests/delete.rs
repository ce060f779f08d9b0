//! Deleting the lines of one run, and looking up lines that are gone.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::store::LogWrites;

async fn write_rounds(log: &Fixture, rounds: &[(u8, usize)]) {
    for (number, (run, lines)) in rounds.iter().enumerate() {
        let mut out = log.run(1, *run).capture(LogStream::Stdout);
        for line in 0..*lines {
            out.write(format!("run {run} round {number} line {line}\n").as_bytes()).await.unwrap();
        }
        if number % 3 == 0 {
            log.run(1, *run).flush().await.unwrap();
        }
    }
    log.run(1, 0).flush().await.unwrap();
}

fn check(rounds: &[(u8, usize)], deleted: u8) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let log = Fixture::new();
        write_rounds(&log, rounds).await;
        let all = log.all(1).await;
        let (gone, left): (Vec<Line>, Vec<Line>) =
            all.into_iter().partition(|line| line.source.run == run_id(deleted));
        let lines = log.writer.delete_run(&scope(1), &run_id(deleted)).await.unwrap();
        assert_eq!(lines, gone.len() as u64);
        assert_eq!(log.writer.delete_run(&scope(1), &run_id(deleted)).await.unwrap(), 0);
        assert_eq!(log.all(1).await, left);
        // What comes afterwards is merged with what is left.
        write_rounds(&log, &[(9, 3)]).await;
        let log = log.reopen().await;
        let after = log.all(1).await;
        assert_eq!(after[..left.len()], left[..]);
        assert_eq!(after.len(), left.len() + 3);
        let desc = log.query_all(1, LogFilter::default(), LogOrder::Desc, 7).await;
        assert_eq!(desc.into_iter().rev().collect::<Vec<_>>(), after);
        assert_eq!(
            log.reader.tally(&scope(1), &LogFilter::default(), 3).await.unwrap().lines,
            after.len() as u64
        );
        for line in &gone {
            assert_eq!(log.reader.line(&scope(1), line.seq).await.unwrap_err().code(), "line_deleted");
        }
        for line in &left {
            assert_eq!(log.reader.line(&scope(1), line.seq).await.unwrap(), *line);
        }
        assert_eq!(log.raw(1, deleted, LogStream::Stdout).await.unwrap(), b"");
        let bytes = log.reader.run_bytes(&scope(1), &run_id(deleted)).await.unwrap();
        let written: u64 = gone.iter().map(|line| line.bytes.len() as u64 + 1).sum();
        assert_eq!(
            bytes.map(|bytes| (bytes.stdout.written, bytes.stdout.left)),
            (!gone.is_empty()).then_some((written, 0))
        );
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn the_lines_of_one_run_go_and_the_others_stay(
        rounds in proptest::collection::vec((1_u8..4, prop_oneof![0_usize..20, 400_usize..900]), 1..12),
        deleted in 1_u8..4,
    ) {
        check(&rounds, deleted);
    }
}

#[tokio::test]
async fn a_long_run_goes_in_steps_and_its_bytes_too() {
    let log = Fixture::new();
    for _ in 0..40 {
        write_rounds(&log, &[(1, 4000), (2, 10)]).await;
    }
    let before = log.chunks.state(&scope(1)).unwrap().stored_bytes;
    assert_eq!(log.writer.delete_run(&scope(1), &run_id(1)).await.unwrap(), 160_000);
    let after = log.chunks.state(&scope(1)).unwrap().stored_bytes;
    assert!(after * 5 < before, "{before} {after}");
    assert_eq!(log.all(1).await.len(), 400);
    assert_eq!(log.writer.stats().deleted_lines.get(), 160_000);
}

#[tokio::test]
async fn places_of_runs_deleted_one_after_the_other_are_kept_together() {
    let log = Fixture::new();
    for run in 1..=6 {
        write_rounds(&log, &[(run, 9000)]).await;
    }
    write_rounds(&log, &[(7, 5)]).await;
    let left = log.query_all(1, LogFilter::default(), LogOrder::Desc, 5).await[..5].to_vec();
    for run in [2, 5, 3, 6, 1, 4] {
        assert_eq!(log.writer.delete_run(&scope(1), &run_id(run)).await.unwrap(), 9000);
    }
    let stored = log.chunks.chunks_from(&scope(1), 1, true, 1000).unwrap();
    let bytes: usize = stored.iter().map(|chunk| chunk.len()).sum();
    assert!(stored.len() <= 3, "{}", stored.len());
    assert_eq!(log.chunks.state(&scope(1)).unwrap().stored_bytes, bytes as u64);
    let log = log.reopen().await;
    assert_eq!(log.query_all(1, LogFilter::default(), LogOrder::Desc, 5).await, left);
    for seq in [1, 9000, 9001, 30_000, 54_000] {
        assert_eq!(log.reader.line(&scope(1), seq).await.unwrap_err().code(), "line_deleted");
    }
    let tally = log.reader.tally(&scope(1), &LogFilter::default(), 3).await.unwrap();
    assert!(tally.lines == 5 && tally.missing.is_empty(), "{tally:?}");
    // A retention that ends within the places leaves them, one that ends behind them takes them.
    for (through_seq, lines) in [(20_000, 0), (54_000, 54_000)] {
        let retention = Retention { through_seq: Some(through_seq), ..Retention::default() };
        assert_eq!(log.writer.trim(&scope(1), retention).await.unwrap().lines, lines);
    }
}

#[tokio::test]
async fn a_run_whose_last_lines_are_missing_is_deleted_to_its_end() {
    let log = Fixture::new();
    write_rounds(&log, &[(1, 3000)]).await;
    // More chunks than one step looks at.
    for _ in 0..60 {
        write_rounds(&log, &[(2, 4000)]).await;
    }
    let last = log.chunks.chunk_at(&scope(1), 3000).unwrap().unwrap();
    let mut writes = LogWrites::default();
    writes.remove_chunk(last.first_seq);
    log.chunks.apply(&scope(1), writes).unwrap();
    let (scope, run) = (scope(1), run_id(1));
    let deleting = tokio::time::timeout(Duration::from_secs(60), log.writer.delete_run(&scope, &run));
    assert_eq!(deleting.await.expect("it ends").unwrap(), last.first_seq - 1);
}

#[tokio::test]
async fn a_follower_is_not_told_what_was_deleted() {
    let log = Fixture::new();
    let mut follow = log.reader.follow(&scope(1), &LogFilter::default(), FollowFrom::Now).await.unwrap();
    write_rounds(&log, &[(1, 2), (2, 1), (1, 1)]).await;
    log.writer.delete_run(&scope(1), &run_id(1)).await.unwrap();
    let batch = follow.next().await.unwrap().unwrap();
    let [FollowEvent::Line(line)] = &batch.events[..] else { panic!("{batch:?}") };
    assert_eq!((line.seq, line.source.run.clone()), (3, run_id(2)));
}

#[tokio::test]
async fn a_line_is_found_by_its_number_or_it_is_said_why_not() {
    let log = Fixture::new();
    for _ in 0..3 {
        write_rounds(&log, &[(1, 700)]).await;
    }
    let of = async |tenant: u8, seq: u64| match log.reader.line(&scope(tenant), seq).await {
        Ok(line) => line.seq.to_string(),
        Err(error) => error.code().to_owned(),
    };
    assert_eq!(of(1, 2100).await, "2100");
    for (tenant, seq) in [(1, 0), (1, 2101), (1, u64::MAX), (2, 1)] {
        assert_eq!(of(tenant, seq).await, "line_not_found");
    }
    let retention = Retention { through_seq: Some(1500), ..Retention::default() };
    assert!(log.reader.outlives(&scope(1), &retention).await.unwrap());
    let trimmed = log.writer.trim(&scope(1), retention).await.unwrap();
    assert!(trimmed.lines > 0 && !log.reader.outlives(&scope(1), &retention).await.unwrap());
    assert_eq!(of(1, 1).await, "line_deleted");
    assert_eq!(of(1, 2100).await, "2100");
    let bytes = log.reader.run_bytes(&scope(1), &run_id(1)).await.unwrap().unwrap();
    let left: u64 = log.all(1).await.iter().map(|line| line.bytes.len() as u64 + 1).sum();
    assert_eq!(bytes.stdout.left, left);
    assert!(bytes.stdout.written > left);
    log.chunks.damage_for_test(&scope(1), trimmed.lines + 1).unwrap();
    assert_eq!(of(1, trimmed.lines + 1).await, "log_damaged");
    let tally = log.reader.tally(&scope(1), &LogFilter::default(), 1).await.unwrap();
    assert!(!tally.count().exact && tally.missing[0].0 == trimmed.lines + 1, "{tally:?}");
    assert_eq!(log.reader.run_bytes(&scope(1), &run_id(1)).await.unwrap_err().code(), "log_damaged");
}
