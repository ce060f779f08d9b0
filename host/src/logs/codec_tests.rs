//! Properties of the chunk format.

use cloister_lines::{LogLevel, LogStream};
use proptest::prelude::*;

use super::super::chunk::{ChunkBuilder, name_bits};
use super::super::split::{LineBatch, LineSplitter};
use super::*;
use crate::ids::RunId;

fn source(number: u8) -> Arc<LineSource> {
    let run: RunId = format!("run_{:026}", number).parse().unwrap();
    let step = number.is_multiple_of(2).then(|| format!("step {number}").into());
    let workflow_run = (number % 3 == 1).then(|| format!("wfr_{number:026}").parse().unwrap());
    Arc::new(LineSource { run, command: format!("command-{number}").parse().unwrap(), workflow_run, step })
}

fn batch(stream: LogStream, time_us: u64, text: &[u8]) -> LineBatch {
    let mut batch = LineBatch::default();
    let mut splitter = LineSplitter::new(stream);
    splitter.push(text, time_us, &mut batch);
    splitter.finish(time_us, &mut batch);
    batch
}

/// Batches of several sources, as one chunk.
fn chunks() -> impl Strategy<Value = Chunk> {
    let part =
        (0_u8..5, 0_usize..3, any::<u32>(), proptest::collection::vec(any::<u8>(), 0..300), 1_usize..20);
    (1..u64::MAX / 2, proptest::collection::vec(part, 1..12)).prop_map(|(first_seq, parts)| {
        let mut builder = ChunkBuilder::new(first_seq, 0);
        let sources: Vec<_> = (0..5).map(source).collect();
        let mut time_us = 1_700_000_000_000_000;
        builder.push(&sources[0], &LineBatch::system(time_us, LogLevel::Info, "start"));
        for (number, stream, pause_us, text, times) in parts {
            time_us += u64::from(pause_us);
            builder.push(
                &sources[number as usize],
                &batch(LogStream::ALL[stream], time_us, &text.repeat(times)),
            );
        }
        builder.finish().0
    })
}

/// Lines compared by value: sources may be numbered otherwise.
fn lines(chunk: &Chunk) -> Vec<crate::logs::Line> {
    (0..chunk.heads.len()).map(|index| chunk.line(index).unwrap().to_line()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_encoded_is_decoded(chunk in chunks(), cut in any::<(u16, u16)>()) {
        let all = chunk.heads.len();
        let start = usize::from(cut.0) % all;
        let range = start..(start + 1 + usize::from(cut.1) % (all - start));
        let value = Encoder::new().encode(&chunk, &range);
        let opened = Encoded::open(&value);
        if range.len() <= MAX_LINES && opened.is_ok() {
            let decoded = opened.unwrap().decode().unwrap();
            prop_assert_eq!(lines(&decoded), lines(&chunk)[range.clone()].to_vec());
            prop_assert_eq!(Summary::of(&decoded, &(0..range.len())), opened.unwrap().summary);
            for line in lines(&decoded) {
                prop_assert!(Summary::may_hold(opened.unwrap().summary.runs, name_bits(line.source.run.as_str())));
            }
        } else {
            // Only a chunk that the packer would have cut is refused.
            prop_assert!(chunk.text.len() > MAX_TEXT_BYTES || range.len() > MAX_LINES);
        }
    }

    #[test]
    fn a_changed_byte_is_noticed(chunk in chunks(), at in any::<proptest::sample::Index>(), bit in 0_u8..8) {
        let mut value = Encoder::new().encode(&chunk, &(0..1));
        let at = at.index(value.len());
        value[at] ^= 1 << bit;
        prop_assert!(Encoded::open(&value).is_err());
    }

    #[test]
    fn contents_made_up_behind_a_right_checksum_are_survived(
        chunk in chunks(),
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        shorter in 0_usize..40,
    ) {
        let mut value = Encoder::new().encode(&chunk, &(0..chunk.heads.len().min(40)));
        for (at, byte) in edits {
            let at = CHECKED_FROM + at.index(value.len() - CHECKED_FROM);
            value[at] = byte;
        }
        value.truncate(value.len() - shorter.min(value.len() - HEADER_BYTES));
        let checksum = crc32fast::hash(&value[CHECKED_FROM..]);
        value[1..5].copy_from_slice(&checksum.to_le_bytes());
        if let Ok(opened) = Encoded::open(&value)
            && let Ok(decoded) = opened.decode()
        {
            for index in 0..decoded.heads.len() {
                prop_assert!(decoded.line(index).is_some() || opened.is_deleted());
            }
        }
    }
}

#[test]
fn text_that_repeats_is_compressed_and_noise_is_not() {
    let mut builder = ChunkBuilder::new(1, 0);
    builder
        .push(&source(0), &batch(LogStream::Stdout, 1, "the same again and again\n".repeat(1000).as_bytes()));
    let (chunk, _) = builder.finish();
    let value = Encoder::new().encode(&chunk, &(0..1000));
    assert!(value.len() < 8000, "{}", value.len());

    let mut noise = 1_u64;
    let bytes = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((noise >> 33) as u8) | 0x80
    });
    let bytes: Vec<u8> = bytes.take(20_000).collect();
    let mut builder = ChunkBuilder::new(1, 0);
    builder.push(&source(0), &batch(LogStream::Stdout, 1, &bytes));
    let (chunk, _) = builder.finish();
    let value = Encoder::new().encode(&chunk, &(0..1));
    assert!(Encoded::open(&value).unwrap().text.len() > 20_000);
    assert!(value.len() < 20_200);
}

#[test]
fn chunks_of_the_first_version_are_read() {
    let mut value = vec![0; HEADER_BYTES];
    put_varint(&mut value, 1);
    ["run_00000000000000000000000007", "greet", "step 1"].iter().for_each(|name| put_name(&mut value, name));
    put_varint(&mut value, 0);
    put_varint(&mut value, 0);
    value.push(Mark::new(LogStream::Stderr, Some(LogLevel::Warn)).byte());
    put_varint(&mut value, 5);
    let heads_bytes = value.len() - HEADER_BYTES;
    value.extend_from_slice(b"hello\n");
    let summary = Summary {
        first_seq: 3,
        lines: 1,
        min_time_us: 9,
        max_time_us: 9,
        runs: 0,
        commands: 0,
        streams: LogStream::Stderr.bit(),
        levels: LogLevel::Warn.bit(),
    };
    put_header(&mut value, &summary, 0, heads_bytes, 6);
    value[0] = 1;
    let checksum = crc32fast::hash(&value[CHECKED_FROM..]);
    value[1..5].copy_from_slice(&checksum.to_le_bytes());
    let line = Encoded::open(&value).unwrap().decode().unwrap().line(0).unwrap().to_line();
    assert_eq!((line.seq, line.time_us, &line.bytes[..]), (3, 9, &b"hello"[..]));
    assert_eq!((line.source.command.as_str(), line.source.step.as_deref()), ("greet", Some("step 1")));
    assert_eq!(line.source.workflow_run, None);
}

#[test]
fn a_deleted_chunk_keeps_the_places_of_its_lines() {
    let mut builder = ChunkBuilder::new(7, 0);
    builder.push(&source(1), &batch(LogStream::Stdout, 5, b"one\ntwo\n"));
    let (chunk, _) = builder.finish();
    let value = Encoder::encode_deleted(&Summary::of(&chunk, &(0..2)));
    let opened = Encoded::open(&value).unwrap();
    assert_eq!((opened.summary.first_seq, opened.summary.last_seq()), (7, 8));
    let decoded = opened.decode().unwrap();
    assert!(decoded.heads.iter().all(|head| head.mark.is_gone()));
    assert_eq!(decoded.text_bytes(), decoded.text.len());
}
