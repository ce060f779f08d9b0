//! `exec`: a command of the host, with this process's standard streams, signals and exit code.

mod signals;
mod stdin;
mod stdout;

use std::pin::pin;
use std::time::Duration;

use clap::Args;
use cloister_host::api::{CreateRun, Run, Stdin};
use reqwest::Method;

use super::client::Client;
use super::context::Context;
use super::failure::{Failure, Outcome};
use super::output::printable_lines;
use super::runs::kill_one;
use super::values::KeyValue;
use signals::Signals;

/// How long a signal waits for the host to end the run.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// Set an environment variable of the guest, over those of the deployment
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<KeyValue>,
    /// Start the run, print its id and leave it alone
    #[arg(short, long)]
    detach: bool,
    /// Leave standard input alone: the guest's is empty
    #[arg(short, long)]
    no_stdin: bool,
    /// The command, and arguments for it: everything after its name is the guest's
    #[arg(value_names = ["COMMAND", "ARGS"], required = true, num_args = 1.., trailing_var_arg = true)]
    pub(super) command: Vec<String>,
}

/// Runs a command and exits as it did.
pub(crate) async fn exec(context: &Context, args: ExecArgs) -> Outcome<u8> {
    let client = context.client()?;
    let mut signals = Signals::install()?;
    let run = match start(&client, &args, &mut signals).await? {
        Started::Run(run) => run,
        Started::Stopped(code) => return Ok(code),
    };
    if args.detach {
        context.output.item(&run, || run.id.clone())?;
        return Ok(0);
    }
    attach(context, &client, &run.id, !args.no_stdin, &mut signals).await
}

enum Started {
    Run(Box<Run>),
    /// A signal came first.
    Stopped(u8),
}

/// Starts the run. A signal that comes meanwhile still ends it: the host may have started it already.
async fn start(client: &Client, args: &ExecArgs, signals: &mut Signals) -> Outcome<Started> {
    let mut words = args.command.iter().cloned();
    let body = CreateRun {
        command: words.next().unwrap_or_default(),
        args: words.collect(),
        env: args.env.iter().map(|pair| (pair.key.clone(), pair.value.clone())).collect(),
        stdin: if args.detach || args.no_stdin { Stdin::Empty } else { Stdin::Stream },
        ..CreateRun::default()
    };
    let url = client.tenant_url(&["runs"])?;
    let mut starting = pin!(client.send_json::<_, Run>(Method::POST, &url, &body));
    tokio::select! {
        run = &mut starting => Ok(Started::Run(Box::new(run?))),
        code = signals.next() => {
            if let Ok(Ok(run)) = tokio::time::timeout(KILL_TIMEOUT, starting).await {
                end(client, &run.id, signals).await;
            }
            Ok(Started::Stopped(code))
        }
    }
}

/// Moves bytes both ways until the run ends.
async fn attach(
    context: &Context,
    client: &Client,
    id: &str,
    with_stdin: bool,
    signals: &mut Signals,
) -> Outcome<u8> {
    let mut stdin = pin!(stdin::pump(client, id));
    let mut stdout = pin!(stdout::follow(context, client, id));
    let mut stdin_open = with_stdin;
    loop {
        tokio::select! {
            code = signals.next() => {
                end(client, id, signals).await;
                return Ok(code);
            }
            ended = &mut stdout => return finish(context, client, id, ended, signals).await,
            sent = &mut stdin, if stdin_open => {
                stdin_open = false;
                // The run's own end, or its failure, comes with the output.
                if let Err(failure) = sent {
                    context.output.failure(&failure);
                }
            }
        }
    }
}

async fn finish(
    context: &Context,
    client: &Client,
    id: &str,
    ended: Outcome<Box<Run>>,
    signals: &mut Signals,
) -> Outcome<u8> {
    match ended {
        Ok(run) => {
            let outcome =
                run.outcome.ok_or_else(|| Failure::bad_answer("a run that ended without an outcome"))?;
            if let Some(message) = outcome.message.filter(|_| outcome.kind != "exited") {
                context.output.warn(&printable_lines(&format!("{id} {}: {message}", outcome.kind)));
            }
            Ok(outcome.exit_code)
        }
        // Like a local program that writes into a closed pipe.
        Err(failure) if failure.is_silent() => {
            end(client, id, signals).await;
            Err(failure)
        }
        Err(failure) if failure.may_pass() => {
            Err(failure.with_hint(format!("the run may still go on: cloister logs --run {id} --follow")))
        }
        Err(failure) => Err(failure),
    }
}

/// Ends the run as well as it can be done in a few seconds; a second signal ends the waiting.
async fn end(client: &Client, id: &str, signals: &mut Signals) {
    tokio::select! {
        _ = tokio::time::timeout(KILL_TIMEOUT, kill_one(client, id)) => {}
        _ = signals.next() => {}
    }
}
