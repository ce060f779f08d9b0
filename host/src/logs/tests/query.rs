//! Queries against a plain list of what was written.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::api;

/// One step of a made-up history.
#[derive(Debug, Clone)]
enum Step {
    Write { run: u8, stream: usize, text: String },
    Flush,
    Advance { ms: u32 },
    ClockBack,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = prop_oneof![
        "[a-c ]{0,12}",
        Just("ERROR broke".to_owned()),
        Just("[warn] abc".to_owned()),
        Just(r#"{"level":"info","msg":"abc"}"#.to_owned()),
        (0_u8..3).prop_map(|n| format!(r#"{{"n":{{"x":{n}}},"msg":"a\\u0062c"}}"#)),
        "[ab]{200,400}",
    ];
    let step = prop_oneof![
        12 => (0_u8..4, 0_usize..2, text).prop_map(|(run, stream, text)| Step::Write { run, stream, text }),
        3 => Just(Step::Flush),
        3 => (0_u32..5000).prop_map(|ms| Step::Advance { ms }),
        1 => Just(Step::ClockBack),
    ];
    proptest::collection::vec(step, 1..120)
}

fn filters() -> impl Strategy<Value = LogFilter> {
    let parts = (
        proptest::option::of(0_u8..5),
        proptest::option::of(0_u8..3),
        proptest::collection::vec(0_usize..3, 0..2),
        proptest::collection::vec(0_usize..5, 0..3),
        proptest::option::of(prop_oneof!["[abc]{1,2}", Just("ERROR".to_owned())]),
        proptest::option::of(prop_oneof![
            Just("^a.*b$".to_owned()),
            Just("a[^c]b".to_owned()),
            Just("\\Aa|b\\z".to_owned()),
            Just("(?i)ERR.* B".to_owned())
        ]),
        proptest::option::of(0_u64..100_000),
        proptest::option::of(0_u64..100_000),
    );
    let more = (
        any::<bool>(),
        proptest::option::of(0_u8..4),
        proptest::option::of(proptest::sample::select(vec![
            "level=info",
            "msg=abc",
            "msg",
            "n.x=1",
            "n.x=3",
        ])),
    );
    (parts, more).prop_map(|(parts, (unlevelled, workflow_run, field))| {
        let (run, command, streams, levels, text, regex, from_ms, to_ms) = parts;
        LogFilter {
            run: run.map(run_id),
            command: command.map(|number| source(number).command),
            workflow_run: workflow_run.map(workflow_run_id),
            step: None,
            unlevelled,
            fields: field.into_iter().map(|field| field.parse().unwrap()).collect(),
            streams: streams.into_iter().map(|index| LogStream::ALL[index]).collect(),
            levels: levels.into_iter().map(|index| LogLevel::ALL[index]).collect(),
            text,
            regex,
            from_us: from_ms.map(|ms| START_US + ms * 1000),
            to_us: to_ms.map(|ms| START_US + ms * 1000),
        }
    })
}

const START_US: u64 = 1_735_689_600_000_000;

fn wanted(filter: &LogFilter, line: &Line) -> bool {
    let text = String::from_utf8_lossy(&line.bytes).into_owned();
    filter.run.as_ref().is_none_or(|run| *run == line.source.run)
        && filter.command.as_ref().is_none_or(|command| *command == line.source.command)
        && (filter.streams.is_empty() || filter.streams.contains(&line.mark.stream()))
        && filter.workflow_run.as_ref().is_none_or(|run| Some(run) == line.source.workflow_run.as_ref())
        && (filter.levels.is_empty() && !filter.unlevelled
            || line.mark.level().map_or(filter.unlevelled, |level| filter.levels.contains(&level)))
        && filter.fields.iter().all(|field| has_field(&text, &format!("{field:?}")))
        && filter.text.as_ref().is_none_or(|wanted| text.contains(wanted.as_str()))
        && filter.regex.as_ref().is_none_or(|regex| regex::Regex::new(regex).unwrap().is_match(&text))
        && filter.from_us.is_none_or(|from| line.time_us >= from)
        && filter.to_us.is_none_or(|to| line.time_us < to)
}

/// By the parsed line; a field is told by how it is shown.
fn has_field(text: &str, field: &str) -> bool {
    let Some(fields) = parse_fields(text.as_bytes()) else { return false };
    let value = |key: &str| fields.get(key).map(ToString::to_string);
    match field {
        _ if field.contains("\"level\"") => value("level").as_deref() == Some("\"info\""),
        _ if field.contains("None") => value("msg").is_some(),
        _ if field.contains("\"msg\"") => value("msg").as_deref() == Some("\"abc\""),
        _ => {
            let wanted = if field.contains("\"1\"") { "1" } else { "3" };
            fields.get("n").and_then(|n| n.get("x")).is_some_and(|x| format!("{x}") == wanted)
        }
    }
}

/// Plays a history; the clock can be set back, which a manual clock cannot, so times are passed in.
async fn play(log: &Fixture, steps: &[Step]) -> Vec<(u8, String)> {
    let (mut time_us, mut written) = (START_US, Vec::new());
    for step in steps {
        match step {
            Step::Write { run, stream, text } => {
                let mut batch = LineBatch::default();
                let mut splitter = LineSplitter::new(LogStream::ALL[*stream]);
                splitter.push(format!("{text}\n").as_bytes(), time_us, &mut batch);
                log.run(1, *run).append(batch).await.unwrap();
                written.push((*run, text.clone()));
            }
            Step::Flush => drop(log.run(1, 0).flush().await.unwrap()),
            Step::Advance { ms } => time_us += u64::from(*ms) * 1000,
            Step::ClockBack => time_us = START_US + (time_us - START_US) / 8,
        }
    }
    log.run(1, 0).flush().await.unwrap();
    written
}

fn check(steps: &[Step], filters: &[LogFilter], limit: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let log = Fixture::new();
        let written = play(&log, steps).await;
        let all = log.all(1).await;
        assert_no_holes(&all, 1);
        let seen: Vec<_> =
            all.iter().map(|line| (line.source.run.clone(), show_bytes(&line.bytes))).collect();
        let expected: Vec<_> = written.into_iter().map(|(run, text)| (run_id(run), text)).collect();
        assert_eq!(seen, expected);
        for filter in filters {
            let mut expected: Vec<Line> = all.iter().filter(|line| wanted(filter, line)).cloned().collect();
            let found = log.query_all(1, filter.clone(), LogOrder::Asc, limit).await;
            assert_eq!(found, expected, "{filter:?}");
            let exported: Vec<LogPage> =
                log.reader.lines(&scope(1), filter).unwrap().try_collect().await.unwrap();
            let exported: Vec<Line> = exported.into_iter().flat_map(|page| page.lines).collect();
            assert_eq!(exported, expected, "{filter:?}");
            check_tally(&log.reader.tally(&scope(1), filter, limit).await.unwrap(), &expected);
            expected.reverse();
            let found = log.query_all(1, filter.clone(), LogOrder::Desc, limit).await;
            assert_eq!(found, expected, "{filter:?}");
            if let Some(line) = all.get(limit) {
                check_context(&log, line.seq, filter, &all).await;
            }
        }
    });
}

/// Every line is counted in the bucket of its time and level.
fn check_tally(tally: &LogTally, expected: &[Line]) {
    assert_eq!(tally.count(), api::LogCount { lines: expected.len() as u64, exact: true });
    let mut buckets = vec![[0; 6]; tally.buckets.len()];
    for line in expected {
        let bucket = (line.time_us - tally.from_us) / tally.bucket_us;
        buckets[bucket as usize][line.mark.level().map_or(0, |level| level as usize)] += 1;
    }
    assert_eq!(tally.buckets, buckets);
}

/// Three matching lines on each side, and cursors behind them.
async fn check_context(log: &Fixture, seq: u64, filter: &LogFilter, all: &[Line]) {
    let found = log.reader.context(&scope(1), seq, filter, 3, 3).await.unwrap();
    let (before, after): (Vec<&Line>, Vec<&Line>) =
        all.iter().filter(|line| line.seq != seq && wanted(filter, line)).partition(|line| line.seq < seq);
    assert_eq!(found.line, all[seq as usize - 1]);
    assert_eq!(found.before.iter().collect::<Vec<_>>(), before[before.len().saturating_sub(3)..]);
    assert_eq!(found.after.iter().collect::<Vec<_>>(), after[..after.len().min(3)]);
    let rest =
        LogQuery { filter: filter.clone(), order: LogOrder::Asc, cursor: Some(found.newer), limit: 1000 };
    let rest = log.reader.query(&scope(1), rest).await.unwrap().lines;
    assert_eq!(rest.iter().collect::<Vec<_>>(), after[after.len().min(3)..]);
    let older = match found.older {
        Some(cursor) => {
            let older =
                LogQuery { filter: filter.clone(), order: LogOrder::Desc, cursor: Some(cursor), limit: 1000 };
            log.reader.query(&scope(1), older).await.unwrap().lines
        }
        None => Vec::new(),
    };
    assert_eq!(older.iter().rev().collect::<Vec<_>>(), before[..before.len().saturating_sub(3)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pages_hold_what_matches_and_nothing_else(
        steps in steps(),
        filters in proptest::collection::vec(filters(), 1..8),
        limit in 1_usize..40,
    ) {
        check(&steps, &filters, limit);
    }
}

#[tokio::test]
async fn a_time_is_found_although_the_clock_was_set_back() {
    let step = |text: &str| Step::Write { run: 1, stream: 0, text: text.to_owned() };
    let mut steps = Vec::new();
    for round in 0..6 {
        for number in 0..200 {
            steps.extend([step(&format!("round {round} line {number} abc")), Step::Advance { ms: 1000 }]);
        }
        steps.extend([Step::Flush, Step::ClockBack]);
    }
    let log = Fixture::new();
    play(&log, &steps).await;
    assert!(log.chunks.clock_breaks(&scope(1), 100).unwrap().len() >= 5);
    let all = log.all(1).await;
    for (from_s, to_s) in [(0, 10), (20, 60), (100, 150), (195, 300), (400, 500), (0, 1000)] {
        let filter = LogFilter {
            from_us: Some(START_US + from_s * 1_000_000),
            to_us: Some(START_US + to_s * 1_000_000),
            ..LogFilter::default()
        };
        let expected: Vec<Line> = all.iter().filter(|line| wanted(&filter, line)).cloned().collect();
        assert_eq!(log.query_all(1, filter, LogOrder::Asc, 77).await, expected);
    }
}

#[tokio::test]
async fn a_time_range_is_found_without_reading_the_rest() {
    let log = Fixture::new();
    for _ in 0..200 {
        let mut out = log.run(1, 1).capture(LogStream::Stdout);
        out.write(format!("{}\n", "some text ".repeat(20)).repeat(300).as_bytes()).await.unwrap();
        log.run(1, 1).flush().await.unwrap();
        log.clock.advance(Duration::from_secs(60));
    }
    let filter = LogFilter {
        from_us: Some(START_US + 6_000_000_000),
        to_us: Some(START_US + 6_060_000_000),
        ..LogFilter::default()
    };
    let before = log.writer.stats().scanned_bytes.get();
    let lines = log.query_all(1, filter, LogOrder::Desc, 1000).await;
    assert_eq!(lines.len(), 300);
    let read = log.writer.stats().scanned_bytes.get() - before;
    assert!(read * 20 < log.chunks.state(&scope(1)).unwrap().stored_bytes, "{read}");
}

#[tokio::test]
async fn cursors_and_patterns_that_are_wrong_are_refused() {
    let log = Fixture::new();
    for text in ["", "x", "EAAAAAAAAAA", "AAAAAAAAAAAA", "====", "ünï", &"A".repeat(1000)] {
        assert!(matches!(text.parse::<LogCursor>(), Err(LogError::InvalidCursor)), "{text}");
    }
    let cursor = LogCursor::after(41);
    assert_eq!(cursor.to_string().parse::<LogCursor>().unwrap(), cursor);
    let ask = async |query: LogQuery| log.reader.query(&scope(1), query).await.map_err(|error| error.code());
    let filtered = |filter| LogQuery { filter, limit: 5, ..LogQuery::default() };
    assert_eq!(
        ask(LogQuery { cursor: Some(cursor), ..LogQuery::default() }).await.unwrap_err(),
        "malformed_cursor"
    );
    for regex in ["(", "a{1000}{1000}", &"a".repeat(2000)] {
        let filter = LogFilter { regex: Some(regex.to_owned()), ..LogFilter::default() };
        assert_eq!(ask(filtered(filter)).await.unwrap_err(), "invalid_value");
    }
    for text in ["", "a\nb", &"a".repeat(2000)] {
        let filter = LogFilter { text: Some(text.to_owned()), ..LogFilter::default() };
        assert_eq!(ask(filtered(filter)).await.unwrap_err(), "invalid_value");
    }
    let far =
        LogQuery { cursor: Some(LogCursor::after(u64::MAX)), order: LogOrder::Asc, ..LogQuery::default() };
    assert_eq!(ask(far).await.unwrap().lines, []);
}
