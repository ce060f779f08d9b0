//! The least program there is: it shows what is typed.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::input::Input;
use super::note::Mark;
use super::program::{Program, SessionIo};

/// Ctrl-D.
const END: u8 = 4;

/// Shows what is typed as it is, and exits with 0 at Ctrl-D.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

impl Program for Echo {
    fn start(&self, mut io: SessionIo) -> BoxFuture<'static, Option<i32>> {
        async move {
            io.output.mark(Mark::Prompt);
            while let Some(input) = io.input.recv().await {
                match input {
                    Input::Bytes(bytes) => {
                        let end = bytes.iter().position(|byte| *byte == END);
                        io.output.write(bytes.slice(..end.unwrap_or(bytes.len()))).await.ok()?;
                        if end.is_some() {
                            return Some(0);
                        }
                    }
                    Input::Interrupt => io.output.write(Bytes::from_static(b"^C\r\n")).await.ok()?,
                    Input::Resize(_) => {}
                    Input::Hangup => break,
                }
            }
            None
        }
        .boxed()
    }
}
