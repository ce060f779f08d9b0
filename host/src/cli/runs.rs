//! `ps` and `kill`.

use clap::Args;
use cloister_host::api::{Run, RunStatus};
use reqwest::Method;

use super::client::Client;
use super::context::Context;
use super::failure::{Failure, Outcome};
use super::table::Table;
use super::units;

/// Room for the arguments in the table, in characters.
const MAX_COMMAND_CHARS: usize = 60;

#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// Show runs that have ended too
    #[arg(short, long)]
    all: bool,
    /// Only runs of this command
    #[arg(long, value_name = "NAME")]
    command: Option<String>,
    /// How many to show at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct KillArgs {
    /// The runs, as `cloister ps` names them
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
}

/// Lists runs, newest first.
pub(crate) async fn ps(context: &Context, args: &PsArgs) -> Outcome {
    let client = context.client()?;
    let mut runs = if args.all {
        list(&client, None, args).await?
    } else {
        let mut going = list(&client, Some("queued"), args).await?;
        going.extend(list(&client, Some("running"), args).await?);
        going
    };
    // Ids sort by time of creation. A run that started between the two questions is in both answers.
    runs.sort_by(|a, b| b.id.cmp(&a.id));
    runs.dedup_by(|a, b| a.id == b.id);
    runs.truncate(args.limit);
    let empty = if args.all { "No runs yet." } else { "Nothing is running: --all shows what has ended." };
    context.output.list(&runs, empty, || {
        let now = context.clock.now();
        let mut table =
            Table::new(&["RUN", "COMMAND", "STATUS", ">CODE", ">TIME", ">CPU", ">MEMORY", "STARTED"]);
        for run in &runs {
            table.row(cells(run, now));
        }
        table
    })
}

async fn list(client: &Client, status: Option<&str>, args: &PsArgs) -> Outcome<Vec<Run>> {
    let mut url = client.tenant_url(&["runs"])?;
    if let Some(status) = status {
        url.query_pairs_mut().append_pair("status", status);
    }
    if let Some(command) = &args.command {
        url.query_pairs_mut().append_pair("command", command);
    }
    client.list(&url, args.limit).await
}

fn cells(run: &Run, now: jiff::Timestamp) -> [String; 8] {
    let ended = run.status == RunStatus::Ended;
    let used = |shown: String| if ended { shown } else { "-".to_owned() };
    let status = match (run.status, &run.outcome) {
        (RunStatus::Queued, _) => "queued".to_owned(),
        (RunStatus::Running, _) => "running".to_owned(),
        (RunStatus::Ended, outcome) => outcome.as_ref().map_or("ended".to_owned(), |o| o.kind.clone()),
    };
    [
        run.id.clone(),
        command_line(run),
        status,
        run.outcome.as_ref().map_or("-".to_owned(), |outcome| outcome.exit_code.to_string()),
        used(units::duration_us(run.usage.wall_us)),
        used(units::duration_us(run.usage.cpu_us)),
        used(units::size(run.usage.peak_memory_bytes)),
        units::age(&run.created_at, now),
    ]
}

fn command_line(run: &Run) -> String {
    let line = std::iter::once(run.command.as_str()).chain(run.args.iter().map(String::as_str));
    let line = line.collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX_COMMAND_CHARS {
        return line;
    }
    line.chars().take(MAX_COMMAND_CHARS - 1).chain(['…']).collect()
}

/// Ends runs; tries each of them, and fails with the last failure.
pub(crate) async fn kill(context: &Context, args: KillArgs) -> Outcome {
    let client = context.client()?;
    let mut result = Ok(());
    let mut ended = Vec::new();
    for id in &args.runs {
        match kill_one(&client, id).await {
            Ok(run) => ended.push(run),
            Err(failure) => {
                if let Err(earlier) = std::mem::replace(&mut result, Err(failure)) {
                    context.output.failure(&earlier);
                }
            }
        }
    }
    if context.output.json() {
        context.output.json_value(&ended)?;
    } else {
        ended.iter().for_each(|run| context.output.note(&format!("Ended {}.", run.id)));
    }
    result
}

/// Ends one run.
pub(crate) async fn kill_one(client: &Client, id: &str) -> Outcome<Run> {
    if id.is_empty() {
        return Err(Failure::usage("a run's id cannot be empty"));
    }
    let url = client.tenant_url(&["runs", id, "kill"])?;
    client.send_json(Method::POST, &url, &serde_json::json!({})).await
}
