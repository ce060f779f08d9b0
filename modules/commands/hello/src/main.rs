//! `hello`: the smallest command.

use std::io::Write;
use std::process::ExitCode;

use cloister_guest::{Arg, Args, Failure, info, os_bytes, run, show};

cloister_guest::help! {
    "\
usage: hello [NAME]...

Says hello to each NAME, or to the world.
"
}

fn main() -> ExitCode {
    run(|args| hello(args, &mut std::io::stdout().lock()))
}

fn hello(mut args: Args, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let mut greeted = 0_u64;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long(name) if name == "help" => return show(out, HELP),
            Arg::Value(name) => {
                greet(os_bytes(&name), out)?;
                greeted += 1;
            }
            other => return Err(args.unexpected(&other)),
        }
    }
    if greeted == 0 {
        greet(b"world", out)?;
        greeted = 1;
    }
    info!("said hello", times = greeted);
    Ok(ExitCode::SUCCESS)
}

fn greet(name: &[u8], out: &mut impl Write) -> std::io::Result<()> {
    out.write_all(&[b"Hello, ", name, b"!\n"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str]) -> String {
        let mut out = Vec::new();
        hello(Args::new("hello", words), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_world_is_greeted_unless_somebody_is_named() {
        assert_eq!(said(&[]), "Hello, world!\n");
        assert_eq!(said(&["Ada", "Zoë"]), "Hello, Ada!\nHello, Zoë!\n");
    }

    #[test]
    fn help_goes_to_the_output() {
        assert_eq!(said(&["--help"]), HELP);
    }
}
