//! What runs in the tests' sessions.

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::console::{Input, Mark, Mode, Program, SessionIo};

/// The byte that a flood has at an offset: all values, no short period.
pub(super) fn at(offset: u64) -> u8 {
    let mixed = (offset ^ 0x9e37_79b9).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as u8
}

fn pattern(from: u64, len: usize) -> Bytes {
    let mut bytes = BytesMut::with_capacity(len);
    bytes.extend((from..from + len as u64).map(at));
    bytes.freeze()
}

/// Takes lines: `flood N` writes the pattern up to offset N with marks in between, `say X` writes X, `raw` and `line` switch the
/// mode, `size` and `who` tell, `exit N` ends, `panic` breaks, `hang` reads nothing more.
pub(super) struct Scripted;

impl Program for Scripted {
    fn start(&self, io: SessionIo) -> BoxFuture<'static, Option<i32>> {
        run(io).boxed()
    }
}

async fn run(mut io: SessionIo) -> Option<i32> {
    let mut typed = Vec::new();
    loop {
        match io.input.recv().await? {
            Input::Hangup => return None,
            Input::Interrupt => io.output.write(Bytes::from_static(b"^C")).await.ok()?,
            Input::Resize(_) => {}
            Input::Bytes(bytes) => {
                typed.extend_from_slice(&bytes);
                while let Some(end) = typed.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = typed.drain(..=end).collect();
                    let line = String::from_utf8_lossy(&line).trim().to_owned();
                    if let Some(exit_code) = perform(&mut io, &line).await {
                        return Some(exit_code);
                    }
                }
            }
        }
    }
}

async fn perform(io: &mut SessionIo, line: &str) -> Option<i32> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let output = io.output.clone();
    match word {
        "flood" => {
            let until: u64 = rest.parse().unwrap();
            while output.offset() < until {
                let from = output.offset();
                if (from / 8_192).is_multiple_of(16) {
                    output.mark(Mark::Prompt);
                }
                let len = usize::try_from((until - from).min(8_192)).unwrap();
                if output.write(pattern(from, len)).await.is_err() {
                    return Some(1);
                }
            }
            output.mark(Mark::End {
                line: line.to_owned(),
                run: None,
                exit_code: Some(0),
                outcome: None,
                duration_ms: 0,
                background: false,
            });
        }
        "say" => {
            let _ = output.write(Bytes::from(rest.to_owned())).await;
        }
        "raw" => output.set_mode(Mode::Raw),
        "line" => output.set_mode(Mode::Line),
        "size" => {
            let size = io.context.size();
            let _ = output.write(format!("{}x{}", size.columns, size.lines).into()).await;
        }
        "who" => {
            let who = match io.context.member().await {
                Ok(member) => member.role().to_string(),
                Err(error) => error.code().to_owned(),
            };
            let _ = output.write(format!("[{who}]").into()).await;
        }
        "exit" => return rest.parse().ok(),
        "panic" => panic!("a program of the test breaks"),
        "hang" => std::future::pending().await,
        other => {
            let _ = output.write(format!("?{other}").into()).await;
        }
    }
    None
}
