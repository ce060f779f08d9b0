//! The `cloister` command: serves a host, talks to one, and runs a module right here.

mod cli;

/// Many threads allocate and free what others allocated: with the C library's allocator a run over HTTP takes a fifth more
/// CPU time, and memory of threads' own arenas is kept for good.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
