//! Allocates all it can get and writes to every page of it, several times.

use probes::{say, through};

const BLOCK_BYTES: usize = 1 << 20;
const PAGE_BYTES: usize = 4 << 10;
const FAR_TOO_MANY: usize = 1 << 10;

fn main() {
    let mut held: Vec<Vec<u8>> = Vec::with_capacity(2 * FAR_TOO_MANY);
    loop {
        let mut block = Vec::new();
        if block.try_reserve_exact(BLOCK_BYTES).is_err() {
            break;
        }
        block.resize(BLOCK_BYTES, 1);
        held.push(block);
        if held.len() > FAR_TOO_MANY {
            through("no bound on memory");
        }
    }
    for round in 0..3_u8 {
        held.iter_mut().for_each(|block| block.iter_mut().step_by(PAGE_BYTES).for_each(|byte| *byte = round));
    }
    say(format_args!("refused after {} MiB", held.len()));
}
