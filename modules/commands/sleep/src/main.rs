//! `sleep`: waits, and tells how far it has come.

use std::process::ExitCode;
use std::time::Duration;

use cloister_guest::{Arg, Args, Failure, Progress, run, show};

cloister_guest::help! {
    "\
usage: sleep [-p] TIME

Waits for TIME: seconds, or a number with ms, s, m or h, as in 250ms or 1.5m.

  -p, --progress  tells in log lines how much of the time is over
"
}

/// How many steps a wait with progress has.
const STEPS: u32 = 10;

fn main() -> ExitCode {
    run(|args| sleep(args, std::thread::sleep))
}

fn sleep(mut args: Args, wait: impl Fn(Duration)) -> Result<ExitCode, Failure> {
    let (mut with_progress, mut time) = (false, None);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('p') => with_progress = true,
            Arg::Long(name) if name == "progress" => with_progress = true,
            Arg::Long(name) if name == "help" => return show(&mut std::io::stdout(), HELP),
            Arg::Value(text) if time.is_none() => time = Some(parse(&text.to_string_lossy())?),
            other => return Err(args.unexpected(&other)),
        }
    }
    let time = time.ok_or_else(|| Failure::new(2, "how long? Try `sleep --help`"))?;
    if !with_progress {
        wait(time);
        return Ok(ExitCode::SUCCESS);
    }
    let mut progress = Progress::new("sleeping", u64::from(STEPS));
    for _ in 0..STEPS {
        wait(time / STEPS);
        progress.advance(1);
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(text: &str) -> Result<Duration, Failure> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit_s = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(Failure::new(2, format!("`{unit}` is not a unit of time: ms, s, m or h"))),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number * unit_s);
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| Failure::new(2, format!("`{text}` is not a time")))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn waits(words: &[&str]) -> Result<Vec<Duration>, Failure> {
        let waited = RefCell::new(Vec::new());
        sleep(Args::new("sleep", words), |time| waited.borrow_mut().push(time))?;
        Ok(waited.into_inner())
    }

    #[test]
    fn times_have_units() {
        assert_eq!(waits(&["2"]).unwrap(), [Duration::from_secs(2)]);
        assert_eq!(waits(&["250ms"]).unwrap(), [Duration::from_millis(250)]);
        assert_eq!(waits(&["1.5m"]).unwrap(), [Duration::from_secs(90)]);
    }

    #[test]
    fn what_is_not_a_time_is_a_usage_error() {
        for words in [&["soon"][..], &["1d"], &[], &["1", "2"], &["1e30"], &["NaN"], &["inf"]] {
            assert_eq!(waits(words).unwrap_err().code(), 2, "{words:?}");
        }
    }

    #[test]
    fn with_progress_the_steps_add_up() {
        let waited = waits(&["-p", "1s"]).unwrap();
        assert_eq!(waited.iter().sum::<Duration>(), Duration::from_secs(1));
    }
}
