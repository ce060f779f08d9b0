//! Measurements, ignored by default: `cargo test -p cloister-lines measure -- --ignored --nocapture`.
#![expect(clippy::print_stdout, reason = "measurements are printed")]

use std::time::Duration;

use super::*;

/// CPU time of this thread: what other processes take does not count.
struct Began(Duration);

impl Began {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Self(Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap()))
    }

    fn elapsed(&self) -> Duration {
        Self::now().0 - self.0
    }
}

const LINES: usize = 1_000_000;
const CHUNK_LINES: usize = 155;

fn line(number: usize) -> String {
    let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "2025-01-01T00:00:00.{:06}Z  INFO request{{id={noise:016x} peer=10.0.{}.{}}}: handled GET /v1/items/{} in {} us status=200 bytes={} trace={:032x}",
        noise % 1_000_000,
        noise % 251,
        noise % 13,
        noise % 100_003,
        noise % 9_999,
        noise % 65_521,
        noise as u128 * 0x1234_5678_9abc_def1,
    )
}

/// Heads, packed text, and bytes of the text.
type Stored = (Vec<u8>, Vec<u8>, usize);

fn chunk(first: usize, codec: &mut TextCodec) -> Stored {
    let (mut heads, mut text) = (Vec::new(), Vec::new());
    for number in first..first + CHUNK_LINES {
        let line = format!("{:<199}", line(number));
        let mark = Mark::new(LogStream::Stdout, detect_level(line.as_bytes()));
        let start = u32::try_from(text.len()).unwrap();
        heads.push(Head { time_us: number as u64, start, len_bytes: 199, source: 0, mark });
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    let (mut packed_heads, mut packed) = (Vec::new(), Vec::new());
    put_heads(&heads, &[0], &mut packed_heads);
    assert!(codec.pack(&text, &mut packed));
    (packed_heads, packed, text.len())
}

#[test]
#[ignore = "a measurement"]
fn measure_a_million_lines_on_one_thread() {
    let mut codec = TextCodec::default();
    let chunks: Vec<Stored> = (0..LINES).step_by(CHUNK_LINES).map(|first| chunk(first, &mut codec)).collect();
    let (packed, text): (usize, usize) =
        (chunks.iter().map(|chunk| chunk.1.len()).sum(), chunks.iter().map(|chunk| chunk.2).sum());
    println!("{} chunks, {} MB of text, {} MB packed", chunks.len(), text >> 20, packed >> 20);
    let mut buffer = Vec::new();
    for _ in 0..2 {
        let began = Began::now();
        for (_, packed, text_bytes) in &chunks {
            assert!(unpack(packed, *text_bytes, &mut buffer));
        }
        println!("unpacked in {:?}", began.elapsed());
        let began = Began::now();
        for (number, (heads, _, text_bytes)) in chunks.iter().enumerate() {
            let first_time_us = (number * CHUNK_LINES) as u64;
            let (lines, text_bytes) = (CHUNK_LINES as u32, *text_bytes);
            assert!(
                read_heads(&Heads { bytes: heads, lines, first_time_us, sources: 1, text_bytes }).is_some()
            );
        }
        println!("heads read in {:?}", began.elapsed());
    }
    let searches = [
        ("text, no hit", Some("status=500"), None),
        ("text, rare", Some("/v1/items/4242 "), None),
        ("regex, no hit, with a literal", None, Some("status=5[0-9]+ bytes")),
        ("regex, no hit, without a literal", None, Some("[A-Z]{5}[0-9]x")),
        ("regex, all hit", None, Some("^2025.*INFO.*handled")),
        ("text, all hit", Some("handled"), None),
    ];
    let wanted = Wanted { streams: u8::MAX, levels: u8::MAX, from_us: 0, to_us: None, sources: &[true] };
    for (name, text, regex) in searches {
        let search = Search::new(text, regex, &[]).unwrap();
        let (began, mut found) = (Began::now(), 0);
        for (number, (heads, packed, text_bytes)) in chunks.iter().enumerate() {
            assert!(unpack(packed, *text_bytes, &mut buffer));
            if search.may_match(&buffer) {
                let first_time_us = (number * CHUNK_LINES) as u64;
                let (lines, text_bytes) = (CHUNK_LINES as u32, *text_bytes);
                let heads = read_heads(&Heads { bytes: heads, lines, first_time_us, sources: 1, text_bytes })
                    .unwrap();
                found += search.matches(&heads, &buffer, 0..heads.len(), &wanted).len();
            }
        }
        println!("{name}: {found} lines in {:?}", began.elapsed());
    }
    let text: Vec<String> = (0..LINES / 10).map(line).collect();
    let began = Began::now();
    let levels = text.iter().filter(|line| detect_level(line.as_bytes()).is_some()).count();
    println!("levels of {levels} lines found in {:?}", began.elapsed());
}
