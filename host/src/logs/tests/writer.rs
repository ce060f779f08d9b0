//! What is written is there, in order, and stays there.

use std::time::Duration;

use super::super::codec::Encoded;
use super::*;

#[tokio::test]
async fn lines_are_numbered_without_holes_and_across_a_restart() {
    let log = Fixture::new();
    let mut out = log.run(1, 1).capture(LogStream::Stdout);
    out.write(b"one\ntwo\nthr").await.unwrap();
    out.write(b"ee\nlast").await.unwrap();
    out.finish().await.unwrap();
    assert_eq!(log.run(1, 1).flush().await.unwrap(), 4);

    let log = log.reopen().await;
    log.run(1, 2).system(LogLevel::Info, "run started").await.unwrap();
    assert_eq!(log.run(1, 2).flush().await.unwrap(), 5);
    let lines = log.all(1).await;
    assert_eq!(texts(&lines), ["one", "two", "three", "last", "run started"]);
    assert_no_holes(&lines, 1);
    assert_eq!(lines[4].mark.stream(), LogStream::System);
    assert_eq!(lines[4].mark.level(), Some(LogLevel::Info));
    assert!(!lines[3].mark.has_newline());
}

#[tokio::test]
async fn tenants_never_mix() {
    let log = Fixture::new();
    for round in 0..20_u8 {
        for tenant in 0..5_u8 {
            let mut out = log.run(tenant, round % 3).capture(LogStream::Stdout);
            out.write(format!("tenant {tenant} round {round}\n").as_bytes()).await.unwrap();
        }
    }
    for tenant in 0..5_u8 {
        log.run(tenant, 0).flush().await.unwrap();
        let lines = log.all(tenant).await;
        let expected: Vec<String> = (0..20).map(|round| format!("tenant {tenant} round {round}")).collect();
        assert_eq!(texts(&lines), expected);
        assert_no_holes(&lines, 1);
    }
    assert_eq!(log.all(9).await, []);
    assert_eq!(log.raw(9, 1, LogStream::Stdout).await.unwrap(), b"");
}

#[tokio::test]
async fn the_output_of_a_run_is_reproduced_byte_for_byte() {
    let log = Fixture::new();
    let mut written = [Vec::new(), Vec::new()];
    let mut captures = [log.run(1, 1).capture(LogStream::Stdout), log.run(1, 1).capture(LogStream::Stderr)];
    let mut other = log.run(1, 2).capture(LogStream::Stdout);
    for round in 0..400_usize {
        let bytes: Vec<u8> = (0..round * 7 % 1500).map(|at| (at * round % 256) as u8).collect();
        written[round % 2].extend_from_slice(&bytes);
        captures[round % 2].write(&bytes).await.unwrap();
        other.write(b"noise\n").await.unwrap();
        if round % 50 == 0 {
            log.run(1, 1).flush().await.unwrap();
        }
    }
    let long = vec![b'x'; 200_000];
    written[0].extend_from_slice(&long);
    captures[0].write(&long).await.unwrap();
    for capture in captures {
        capture.finish().await.unwrap();
    }
    log.run(1, 1).flush().await.unwrap();
    assert!(log.raw(1, 1, LogStream::Stdout).await.unwrap() == written[0]);
    assert!(log.raw(1, 1, LogStream::Stderr).await.unwrap() == written[1]);
    let span = log.reader.run_span(&scope(1), &run_id(1)).await.unwrap().unwrap();
    assert_eq!((span.stdout_bytes, span.stderr_bytes), (written[0].len() as u64, written[1].len() as u64));
}

#[tokio::test]
async fn a_trickle_of_lines_is_merged_into_few_chunks() {
    let log = Fixture::new();
    let mut out = log.run(1, 1).capture(LogStream::Stdout);
    let line = "x".repeat(199);
    for number in 0..600 {
        out.write(format!("{number} {line}\n").as_bytes()).await.unwrap();
        log.run(1, 1).flush().await.unwrap();
        if number % 251 == 250 {
            assert_no_holes(&log.all(1).await, 1);
        }
    }
    let mut chunks = Vec::new();
    let mut seq = 0;
    while let Some(chunk) = log.chunks.chunk_after(&scope(1), seq).unwrap() {
        seq = chunk.first_seq;
        chunks.push(Encoded::open(&chunk).unwrap().summary.lines);
    }
    assert!(chunks.len() <= 4 + 20, "{chunks:?}");
    assert_eq!(chunks.iter().sum::<u32>(), 600);
    let state = log.chunks.state(&scope(1)).unwrap();
    let mut stored = 0;
    let mut seq = 0;
    while let Some(chunk) = log.chunks.chunk_after(&scope(1), seq).unwrap() {
        seq = chunk.first_seq;
        stored += chunk.len() as u64;
    }
    assert_eq!(state.stored_bytes, stored);
    let written = log.writer.stats().text_bytes.get();
    assert_eq!(written, log.all(1).await.iter().map(|line| line.bytes.len() as u64 + 1).sum::<u64>());
    drop(out);
    let log = log.reopen().await;
    log.run(1, 1).system(LogLevel::Info, "again").await.unwrap();
    log.run(1, 1).flush().await.unwrap();
    let lines = log.all(1).await;
    assert_eq!(lines.len(), 601);
    assert_no_holes(&lines, 1);
}

#[tokio::test]
async fn values_stay_small_whatever_is_written() {
    let log = Fixture::new();
    let mut noise = 7_u64;
    let mut out = log.run(1, 1).capture(LogStream::Stdout);
    for length in [0, 1, 70_000, 65_536, 65_535, 3, 40_000, 30_000, 200_000] {
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((noise >> 33) as u8).max(b' ')
        })
        .take(length)
        .chain([b'\n'])
        .collect();
        out.write(&bytes).await.unwrap();
    }
    out.write(&b"\n".repeat(20_000)).await.unwrap();
    for run in 0..200 {
        let mut out = log.run(1, run).capture(LogStream::Stdout);
        out.write(b"x\n").await.unwrap();
    }
    log.run(1, 1).flush().await.unwrap();
    let mut seq = 0;
    while let Some(chunk) = log.chunks.chunk_after(&scope(1), seq).unwrap() {
        seq = chunk.first_seq;
        assert!(chunk.len() <= 65 * 1024, "{}", chunk.len());
        Encoded::open(&chunk).unwrap().decode().unwrap();
    }
    assert_no_holes(&log.all(1).await, 1);
}

#[tokio::test]
async fn old_lines_are_deleted_by_age_and_by_size_and_numbers_go_on() {
    let log = Fixture::new();
    for hour in 0..10_u8 {
        let mut out = log.run(1, hour).capture(LogStream::Stdout);
        out.write(format!("hour {hour} {}\n", "abc".repeat(60)).repeat(400).as_bytes()).await.unwrap();
        log.run(1, hour).flush().await.unwrap();
        log.clock.advance(Duration::from_secs(3600));
    }
    let start_us = log.all(1).await[0].time_us;
    let keep = Retention { keep_from_us: Some(start_us + 3_600_000_000 * 5), ..Retention::default() };
    let mut deleted = 0;
    loop {
        let trimmed = log.writer.trim(&scope(1), keep).await.unwrap();
        deleted += trimmed.lines;
        if !trimmed.more {
            break;
        }
    }
    let lines = log.all(1).await;
    assert!((1600..=2000).contains(&deleted), "{deleted}");
    assert_eq!(lines.len() as u64, 4000 - deleted);
    assert_no_holes(&lines, deleted + 1);
    assert_eq!(log.reader.run_span(&scope(1), &run_id(0)).await.unwrap(), None);

    let all = Retention { max_stored_bytes: Some(0), ..Retention::default() };
    while log.writer.trim(&scope(1), all).await.unwrap().more {}
    assert_eq!(log.all(1).await, []);
    assert_eq!(log.chunks.state(&scope(1)).unwrap().stored_bytes, 0);
    let log = log.reopen().await;
    log.run(1, 1).system(LogLevel::Info, "next").await.unwrap();
    assert_eq!(log.run(1, 1).flush().await.unwrap(), 4001);
    assert_no_holes(&log.all(1).await, 4001);
}

#[tokio::test]
async fn a_failed_commit_stops_the_log_and_says_so() {
    let log = Fixture::new();
    let (writer, run) = (log.writer.clone(), log.run(1, 1));
    run.system(LogLevel::Info, "before").await.unwrap();
    run.flush().await.unwrap();
    assert!(writer.health().is_ok());
    log.chunks.fail_for_test();
    run.system(LogLevel::Info, "lost").await.unwrap();
    assert_eq!(run.flush().await.unwrap_err().code(), "log_store_failed");
    assert_eq!(writer.health().unwrap_err().code(), "log_store_failed");
    assert_eq!(run.system(LogLevel::Info, "refused").await.unwrap_err().code(), "log_store_failed");
    // What was not made durable is not shown.
    let page = writer.reader().query(&scope(1), LogQuery { limit: 10, ..LogQuery::default() }).await.unwrap();
    assert_eq!(texts(&page.lines), ["before"]);
}

#[tokio::test]
async fn a_closed_log_has_everything_and_takes_nothing() {
    let log = Fixture::new();
    let run = log.run(1, 1);
    for number in 0..1000 {
        run.system(LogLevel::Info, &format!("{number}")).await.unwrap();
    }
    log.writer.close().await.unwrap();
    assert_eq!(log.all(1).await.len(), 1000);
    assert!(matches!(run.system(LogLevel::Info, "late").await, Err(LogError::Closed)));
    assert!(matches!(run.flush().await, Err(LogError::Closed)));
    assert_eq!(log.writer.stats().queue_bytes.get(), 0);
}

#[tokio::test]
async fn a_damaged_chunk_is_reported_and_the_rest_stays_readable() {
    let log = Fixture::new();
    let mut out = log.run(1, 1).capture(LogStream::Stdout);
    for number in 0..3000 {
        out.write(format!("{number} {}\n", "y".repeat(100)).as_bytes()).await.unwrap();
    }
    log.run(1, 1).flush().await.unwrap();
    let first = log.chunks.chunk_at(&scope(1), 1000).unwrap().unwrap();
    let last_seq = Encoded::open(&first).unwrap().summary.last_seq();
    log.chunks.damage_for_test(&scope(1), first.first_seq).unwrap();

    let query = LogQuery { order: LogOrder::Asc, limit: 1000, ..LogQuery::default() };
    let (mut lines, mut missing, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page = log.reader.query(&scope(1), LogQuery { cursor, ..query.clone() }).await.unwrap();
        lines.extend(page.lines);
        missing.extend(page.missing);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(missing, [(first.first_seq, last_seq)]);
    assert_eq!(lines.len() as u64, 3000 - (last_seq - first.first_seq + 1));
    assert!(log.writer.stats().damaged_chunks.get() > 0);
    assert!(matches!(log.raw(1, 1, LogStream::Stdout).await, Err(LogError::Damaged { .. })));
    let query = LogQuery { limit: 1000, ..LogQuery::default() };
    assert_eq!(log.reader.query(&scope(1), query).await.unwrap().lines[0].seq, 3000);

    // Also when it is the last one: numbers are not given twice.
    let last = log.chunks.chunk_at(&scope(1), 3000).unwrap().unwrap();
    log.chunks.damage_for_test(&scope(1), last.first_seq).unwrap();
    drop(out);
    let log = log.reopen().await;
    log.run(1, 1).system(LogLevel::Info, "next").await.unwrap();
    assert_eq!(log.run(1, 1).flush().await.unwrap(), 3001);
}

#[tokio::test]
async fn a_tenant_that_floods_waits_for_room_and_others_do_not() {
    let log = Fixture::new();
    let flood = log.run(1, 1);
    let flooding = tokio::spawn(async move {
        let mut out = flood.capture(LogStream::Stdout);
        let block = format!("{}\n", "z".repeat(199)).repeat(1000);
        for _ in 0..100 {
            out.write(block.as_bytes()).await.unwrap();
        }
        flood.flush().await.unwrap()
    });
    let quiet = log.run(2, 2);
    while !flooding.is_finished() {
        quiet.system(LogLevel::Info, "still here").await.unwrap();
        quiet.flush().await.unwrap();
        let waiting = log.writer.stats().queue_bytes.get();
        assert!(waiting <= (queue::TENANT_QUEUE_BYTES * 2) as u64, "{waiting}");
    }
    assert_eq!(flooding.await.unwrap(), 100_000);
    assert!(!log.all(2).await.is_empty());
}

#[tokio::test]
async fn lines_that_the_database_lost_are_missing_and_their_numbers_are_not_given_again() {
    let mut log = Fixture::new();
    let write = async |log: &Fixture, text: &str| {
        let mut out = log.run(1, 1).capture(LogStream::Stdout);
        out.write(text.as_bytes()).await.unwrap();
        log.run(1, 1).flush().await.unwrap();
    };
    write(&log, "one\ntwo\n").await;
    log = log.reopen().await;
    let Fixture { writer, reader, clock, chunks, dir } = log;
    writer.close().await.unwrap();
    drop((writer, reader, chunks));
    // The database as it was, when it opens again with an older state of itself.
    let old: Vec<_> = std::fs::read_dir(dir.path().join("store"))
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.metadata().unwrap().is_file())
        .map(|entry| (entry.path(), std::fs::read(entry.path()).unwrap()))
        .collect();
    let log = Fixture::at(Arc::clone(&dir), clock.clone());
    write(&log, "three\nfour\nfive\n").await;
    let Fixture { writer, reader, chunks, .. } = log;
    writer.close().await.unwrap();
    drop((writer, reader, chunks));
    for entry in std::fs::read_dir(dir.path().join("store")).unwrap().map(Result::unwrap) {
        if entry.metadata().unwrap().is_file() {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    old.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());

    let log = Fixture::at(dir, clock);
    assert_eq!(log.reader.check(&scope(1), 0).await.unwrap().missing, [(3, 5)]);
    write(&log, "six\n").await;
    let query = LogQuery { order: LogOrder::Asc, limit: 10, ..LogQuery::default() };
    let page = log.reader.query(&scope(1), query).await.unwrap();
    assert_eq!(
        (texts(&page.lines), page.missing),
        (["one", "two", "six"].map(String::from).to_vec(), vec![(3, 5)])
    );
    assert_eq!(page.lines[2].seq, 6);
    assert_eq!(log.reader.line(&scope(1), 4).await.unwrap_err().code(), "log_damaged");
}
