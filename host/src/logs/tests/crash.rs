//! `kill -9` under load: what was acknowledged is there, once and in order.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;

const CHILD_DIR: &str = "CLOISTER_TEST_LOG_DIR";
const TENANTS: u8 = 3;
/// Times the child is killed; the long test has more.
const KILLS: u32 = 10;
const LONG_KILLS: u32 = 100;

#[test]
fn acknowledged_lines_survive_kill_9() {
    kill_again_and_again(KILLS);
}

#[test]
#[ignore = "the long form, some minutes"]
fn acknowledged_lines_survive_a_hundred_kill_9() {
    kill_again_and_again(LONG_KILLS);
}

/// Not a test of its own: what the killed process runs.
#[test]
#[ignore = "run by the tests above in a process of its own"]
fn child_that_writes_until_it_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "how the parent says where to write")]
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let chunks = open_chunks(Path::new(&dir));
        let writer = LogWriter::open(chunks, Clock::system()).unwrap();
        let tasks = (0..TENANTS).map(|tenant| tokio::spawn(write_for_ever(writer.clone(), tenant)));
        futures_util::future::join_all(tasks).await;
    });
}

/// Writes batches of growing and shrinking size, and tells each acknowledged range on standard output.
async fn write_for_ever(writer: LogWriter, tenant: u8) {
    let run = writer.run(&scope(tenant), source(tenant));
    let mut next = 0_u64;
    for round in 0_u64.. {
        let size = [1, 1, 3, 50, 1, 2000][(round + u64::from(tenant)) as usize % 6];
        let mut batch = LineBatch::default();
        let mut splitter = LineSplitter::new(LogStream::Stdout);
        for number in next..next + size {
            splitter.push(
                format!("{number} {}\n", "p".repeat(number as usize % 300)).as_bytes(),
                round,
                &mut batch,
            );
        }
        let (first, last) = run.append_durable(batch).await.unwrap();
        assert_eq!(last - first + 1, size);
        let told = format!("ack {tenant} {first} {last} {next}\n");
        next += size;
        std::io::stdout().write_all(told.as_bytes()).unwrap();
    }
}

fn start_child(dir: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "logs::tests::crash::child_that_writes_until_it_is_killed"]);
    command.args(["--ignored", "--nocapture", "--test-threads=1"]);
    command.env(CHILD_DIR, dir).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Acknowledged ranges of one life of the child: tenant, first, last, number in the first line.
fn acks_until_killed(dir: &Path, acks_wanted: u64) -> Vec<(u8, u64, u64, u64)> {
    let mut child = start_child(dir);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acks = Vec::new();
    let mut killed = false;
    while let Some(Ok(line)) = lines.next() {
        if let Some(numbers) = line.split("ack ").nth(1) {
            let numbers: Vec<u64> = numbers.split(' ').map_while(|number| number.parse().ok()).collect();
            // The last may be cut short by the kill.
            if let [tenant, first, last, number] = numbers[..]
                && line.ends_with(|end: char| end.is_ascii_digit())
            {
                acks.push((tenant as u8, first, last, number));
            }
        }
        if !killed && acks.len() as u64 >= acks_wanted {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended by itself");
    // What was read after the kill may end in half a number.
    acks.pop();
    acks
}

fn kill_again_and_again(kills: u32) {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut last_seqs: HashMap<u8, u64> = HashMap::new();
    for round in 0..kills {
        let acks = acks_until_killed(dir.path(), u64::from(20 + round * 37 % 200));
        runtime.block_on(async {
            let log = Fixture::at(Arc::clone(&dir), Clock::system());
            for tenant in 0..TENANTS {
                let known = last_seqs.get(&tenant).copied().unwrap_or(0);
                let lines = log.all(tenant).await;
                assert_no_holes(&lines, 1);
                check_life(&lines, known, acks.iter().filter(|ack| ack.0 == tenant));
                last_seqs.insert(tenant, lines.len() as u64);
            }
            log.writer.close().await.unwrap();
        });
    }
}

/// The lines of one life begin after `known` and count from 0 without holes; every acknowledged one is there.
fn check_life<'a>(lines: &[Line], known: u64, acks: impl Iterator<Item = &'a (u8, u64, u64, u64)>) {
    let life = &lines[known as usize..];
    for (number, line) in life.iter().enumerate() {
        let text = String::from_utf8(line.bytes.to_vec()).unwrap();
        assert_eq!(text, format!("{number} {}", "p".repeat(number % 300)));
    }
    for (_, first, last, number) in acks {
        assert_eq!(*first, known + number + 1);
        assert!(*last <= lines.len() as u64, "acknowledged {last}, found {}", lines.len());
    }
}
