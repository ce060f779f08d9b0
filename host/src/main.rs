//! The `cloister` command: serves a host, talks to one, and runs a module right here.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
