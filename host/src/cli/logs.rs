//! `logs`: the last lines, and those that follow.

use clap::Args;
use cloister_host::api::LogLine;
use reqwest::Url;

use super::client::{Client, EventStream};
use super::context::Context;
use super::failure::{Failure, Outcome};
use super::output::{Output, Style};
use super::units;

const DEFAULT_LINES: usize = 100;
const MAX_LINES: usize = 1_000_000;

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Only lines of this run; all of them unless --limit says otherwise
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Only lines of this command
    #[arg(long, value_name = "NAME")]
    command: Option<String>,
    /// Only lines of this stream
    #[arg(long, value_name = "STREAM", value_parser = ["stdout", "stderr", "system"])]
    stream: Option<String>,
    /// Only lines of this level
    #[arg(long, value_name = "LEVEL", value_parser = ["trace", "debug", "info", "warn", "error"])]
    level: Option<String>,
    /// Only lines that contain this text
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only lines since then: 10m, 2h, 2026-01-31, 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only lines until then
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    until: Option<String>,
    /// Go on with new lines as they come
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines to show [default: 100]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Shows log lines, oldest first.
pub(crate) async fn logs(context: &Context, args: LogsArgs) -> Outcome {
    let client = context.client()?;
    let url = address(context, &client, &args)?;
    let unlimited = args.run.is_some() && !args.follow;
    let limit = args.limit.unwrap_or(if unlimited { MAX_LINES } else { DEFAULT_LINES }).min(MAX_LINES);
    let mut events = EventStream::new(&client, url.clone(), None);
    if args.follow {
        // First follow, then look back: what comes in between is in both, and in neither order is it lost.
        events.open().await?;
    }
    let mut lines: Vec<LogLine> = client.list(&url, limit).await?;
    lines.reverse();
    for line in &lines {
        show(&context.output, line)?;
    }
    let last_seq = lines.last().map_or(0, |line| line.seq);
    drop(lines);
    if args.follow { follow(context, &mut events, last_seq).await } else { Ok(()) }
}

fn address(context: &Context, client: &Client, args: &LogsArgs) -> Outcome<Url> {
    let now = context.clock.now();
    let moment = |text: &Option<String>| {
        let moment = text.as_deref().map(|text| units::parse_moment(text, now).map_err(Failure::usage));
        moment.transpose().map(|moment| moment.map(|moment| moment.to_string()))
    };
    let (from, to) = (moment(&args.since)?, moment(&args.until)?);
    let filters = [
        ("run", &args.run),
        ("command", &args.command),
        ("stream", &args.stream),
        ("level", &args.level),
        ("text", &args.text),
        ("from", &from),
        ("to", &to),
    ];
    let mut url = client.tenant_url(&["logs"])?;
    for (name, value) in filters {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Ok(url)
}

/// Goes on after the last line shown, until interrupted.
async fn follow(context: &Context, events: &mut EventStream<'_>, mut last_seq: u64) -> Outcome {
    loop {
        let event = events.next().await?;
        match event.name.as_str() {
            "line" => {
                let line: LogLine = serde_json::from_str(&event.data).map_err(Failure::bad_answer)?;
                if line.seq > last_seq {
                    last_seq = line.seq;
                    show(&context.output, &line)?;
                }
            }
            "gap" => context
                .output
                .warn("lines are missing here: they came faster than they could be read, or are gone"),
            // What later versions may add.
            _ => {}
        }
    }
}

fn show(output: &Output, line: &LogLine) -> Outcome {
    if output.json() {
        return output.json_line(line);
    }
    let time = output.paint(&line.time, Style::Faint);
    let source = output.paint(&format!("{} {}", line.command, line.stream), Style::Faint);
    let text = output.foreign(&line.text);
    let text = match (line.level.as_deref(), line.stream.as_str()) {
        (Some("error"), _) => output.paint(&text, Style::Error),
        (Some("warn"), _) => output.paint(&text, Style::Warning),
        (_, "system") => output.paint(&text, Style::Hint),
        _ => text.into_owned(),
    };
    output.line(&format!("{time} {source} {text}"))
}
