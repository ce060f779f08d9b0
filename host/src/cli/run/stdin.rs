//! This process's standard input, for a guest: read by a thread, and only when the guest asks for it.

use std::io::{self, Read};

use cloister_runtime::{Bytes, StdinPipe, StdinSource};
use tokio::runtime::Handle;

const READ_BYTES: usize = 64 << 10;

/// A source that reads nothing until it is asked.
pub(super) fn source(io: &Handle) -> StdinSource {
    let io = io.clone();
    StdinSource::Pipe(StdinPipe::on_demand(move |pipe| {
        std::thread::spawn(move || copy(&pipe, &io));
    }))
}

fn copy(pipe: &StdinPipe, io: &Handle) {
    let mut input = io::stdin().lock();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                // The guest may have ended meanwhile.
                if io.block_on(pipe.write(Bytes::copy_from_slice(&buffer[..n]))).is_err() {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A guest cannot be told why its input ends.
            Err(_) => break,
        }
    }
    pipe.close();
}
