//! Measurements, ignored by default: `cargo test -p cloister-host --lib measure -- --ignored --nocapture`.
#![expect(clippy::print_stdout, reason = "measurements are printed")]

use std::time::{Duration, Instant};

use super::*;

const SECONDS: u64 = 5;

/// A block of lines of about 200 bytes, as programs write them.
fn block(lines: usize, seed: usize) -> Vec<u8> {
    let mut block = Vec::new();
    for number in 0..lines {
        let noise = (number + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let line = format!(
            "2025-01-01T00:00:00.{:06}Z  INFO request{{id={noise:016x} peer=10.0.{}.{}}}: handled GET /v1/items/{} in {} us status=200 bytes={} trace={:032x}",
            noise % 1_000_000,
            noise % 251,
            noise % 13,
            noise % 100_003,
            noise % 9_999,
            noise % 65_521,
            noise as u128 * 0x1234_5678_9abc_def1,
        );
        block.extend_from_slice(format!("{line:<199}\n").as_bytes());
    }
    block
}

async fn write_for(log: &Fixture, runs: u8, tenants: u8, block_lines: usize) {
    let started = Instant::now();
    let tasks: Vec<_> = (0..runs)
        .map(|run| {
            let run_log = log.run(run % tenants, run);
            let block = block(block_lines, run as usize * 1000);
            tokio::spawn(async move {
                let mut out = run_log.capture(LogStream::Stdout);
                while started.elapsed() < Duration::from_secs(SECONDS) {
                    out.write(&block).await.unwrap();
                }
                out.finish().await.unwrap();
                run_log.flush().await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    report(log, started.elapsed(), &format!("{runs} runs of {tenants} tenants, {block_lines} lines a write"));
}

fn report(log: &Fixture, took: Duration, what: &str) {
    let stats = log.writer.stats();
    let (lines, commits) = (stats.lines.get(), stats.commits.get());
    println!(
        "{what}: {:.0} lines/s, {:.1} MB/s of text, {} commits of {:.0} lines and {:.1} ms, chunks {:.1} KB, stored {:.2} of text, disk {:.2} of text",
        lines as f64 / took.as_secs_f64(),
        stats.text_bytes.get() as f64 / took.as_secs_f64() / 1e6,
        commits,
        lines as f64 / commits as f64,
        stats.commit_us.get() as f64 / commits as f64 / 1e3,
        stats.chunk_bytes.get() as f64 / stats.chunks.get() as f64 / 1e3,
        stats.chunk_bytes.get() as f64 / stats.text_bytes.get() as f64,
        disk_bytes(log.dir.path()) as f64 / stats.text_bytes.get() as f64,
    );
}

fn disk_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(
            |path| {
                if path.is_dir() { disk_bytes(&path) } else { path.metadata().map_or(0, |found| found.len()) }
            },
        )
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_lines_committed_per_second() {
    for (runs, tenants, block_lines) in [(8, 8, 100), (8, 1, 100), (1, 1, 100), (64, 16, 1), (200, 100, 100)]
    {
        write_for(
            &Fixture::at(Arc::new(tempfile::tempdir().unwrap()), Clock::system()),
            runs,
            tenants,
            block_lines,
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_one_line_at_a_time() {
    let log = Fixture::at(Arc::new(tempfile::tempdir().unwrap()), Clock::system());
    let run = log.run(1, 1);
    let mut out = run.capture(LogStream::Stdout);
    let block = block(1000, 0);
    let started = Instant::now();
    for line in block.split_inclusive(|byte| *byte == b'\n').cycle() {
        if started.elapsed() > Duration::from_secs(SECONDS) {
            break;
        }
        out.write(line).await.unwrap();
        run.flush().await.unwrap();
    }
    report(&log, started.elapsed(), "one line a commit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_a_million_lines_filtered() {
    let log = Fixture::at(Arc::new(tempfile::tempdir().unwrap()), Clock::system());
    let run = log.run(1, 1);
    let mut out = run.capture(LogStream::Stdout);
    for number in 0..1000 {
        out.write(&block(1000, number * 1000)).await.unwrap();
    }
    run.flush().await.unwrap();
    report(&log, Duration::from_secs(1), "a million lines (rates mean nothing)");
    let filters = [
        ("nothing", LogFilter { run: Some(run_id(9)), ..LogFilter::default() }),
        ("level, none", LogFilter { levels: vec![LogLevel::Error], ..LogFilter::default() }),
        ("text, no hit", LogFilter { text: Some("status=500".into()), ..LogFilter::default() }),
        ("text, rare", LogFilter { text: Some("/v1/items/4242 ".into()), ..LogFilter::default() }),
        ("regex, no hit", LogFilter { regex: Some("status=5[0-9]+ bytes".into()), ..LogFilter::default() }),
    ];
    for (name, filter) in filters {
        for _ in 0..2 {
            let started = Instant::now();
            let lines = log.query_all(1, filter.clone(), LogOrder::Desc, 200).await;
            println!("{name}: {} lines in {:?}", lines.len(), started.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_time_until_a_follower_sees_a_line() {
    let log = Fixture::at(Arc::new(tempfile::tempdir().unwrap()), Clock::system());
    let flood = log.run(2, 2);
    let flooding = tokio::spawn(async move {
        let (mut out, block) = (flood.capture(LogStream::Stdout), block(100, 0));
        loop {
            out.write(&block).await.unwrap();
        }
    });
    for (name, tenant) in [("beside a flood", 1), ("of the flooding tenant", 2)] {
        let run = log.run(tenant, 7);
        let filter = LogFilter { run: Some(run_id(7)), ..LogFilter::default() };
        let mut follow = log.reader.follow(&scope(tenant), &filter, FollowFrom::Now).await.unwrap();
        let mut took: Vec<Duration> = Vec::new();
        for _ in 0..300 {
            let started = Instant::now();
            run.system(LogLevel::Info, "tick").await.unwrap();
            follow.next().await.unwrap();
            took.push(started.elapsed());
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        took.sort();
        println!("{name}: p50 {:?}, p99 {:?}, most {:?}", took[150], took[297], took[299]);
    }
    flooding.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_what_deletion_gives_back() {
    let mut log = Fixture::at(Arc::new(tempfile::tempdir().unwrap()), Clock::system());
    let say = |log: &Fixture, what: &str| {
        let stored = log.chunks.state(&scope(1)).unwrap().stored_bytes;
        println!("{what}: {} MB stored, {} MB on disk", stored >> 20, disk_bytes(log.dir.path()) >> 20);
    };
    for round in 0..3 {
        let run = log.run(1, 1);
        let mut out = run.capture(LogStream::Stdout);
        for number in 0..1000 {
            out.write(&block(1000, number * 1000 + round)).await.unwrap();
        }
        run.flush().await.unwrap();
        drop((run, out));
        say(&log, "a million lines written");
        let retention = Retention { max_stored_bytes: Some(0), ..Retention::default() };
        let started = Instant::now();
        while log.writer.trim(&scope(1), retention).await.unwrap().more {}
        say(&log, "all deleted");
        println!("in {:?}", started.elapsed());
        tokio::time::sleep(Duration::from_secs(3)).await;
        say(&log, "a little later");
        log = log.reopen().await;
        say(&log, "opened again");
    }
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.metadata().unwrap().is_dir() {
            true => copy_dir(&entry.path(), &to),
            false => {
                std::fs::copy(entry.path(), &to).unwrap();
            }
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn measure_what_a_damaged_byte_of_the_file_costs() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let log = Fixture::at(Arc::new(tempfile::tempdir_in(dir.path()).unwrap()), Clock::system());
        for number in 0..40 {
            for tenant in 0..3 {
                let run = log.run(tenant, 1);
                run.capture(LogStream::Stdout).write(&block(1000, number * 1000)).await.unwrap();
                run.flush().await.unwrap();
            }
        }
        log.writer.close().await.unwrap();
        copy_dir(log.dir.path(), &dir.path().join("whole"));
    });
    let mut noise = 7_u64;
    for round in 0..40 {
        let copy = dir.path().join(format!("copy{round}"));
        copy_dir(&dir.path().join("whole"), &copy);
        let db = copy.join("store/db");
        let mut bytes = std::fs::read(&db).unwrap();
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (noise >> 20) as usize % bytes.len();
        bytes[at] ^= 0x55;
        std::fs::write(&db, &bytes).unwrap();
        let options = StoreOptions { cache_bytes: 64 << 20, low_disk_bytes: 0 };
        let store = match Store::open(&copy, &options) {
            Ok(store) => store,
            Err(error) => {
                println!("byte {at} of {}: not opened: {error:?}", bytes.len());
                continue;
            }
        };
        let writer = match LogWriter::open(store.log_chunks(), Clock::system()) {
            Ok(writer) => writer,
            Err(error) => {
                println!("byte {at} of {}: no writer: {error:?}", bytes.len());
                continue;
            }
        };
        let said: Vec<String> = (0..3)
            .map(|tenant| {
                let query = LogQuery { order: LogOrder::Asc, limit: 1, ..LogQuery::default() };
                let first = runtime.block_on(writer.reader().query(&scope(tenant), query));
                let tally = runtime.block_on(writer.reader().tally(&scope(tenant), &LogFilter::default(), 1));
                match (first, tally) {
                    (Ok(_), Ok(tally)) => format!("{} lines, missing {:?}", tally.lines, tally.missing),
                    (first, tally) => format!("{:?} {:?}", first.err(), tally.err()),
                }
            })
            .collect();
        println!("byte {at} of {}: {said:?}", bytes.len());
        drop(writer);
        drop(store);
        std::fs::remove_dir_all(&copy).unwrap();
    }
}
