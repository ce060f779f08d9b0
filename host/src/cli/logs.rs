//! `logs`: the last lines, and those that follow; one with its neighbours; all of them as a file.

use clap::Args;
use cloister_host::api::{DeletedLines, LogContext, LogLine, LogPage, LogParams, MissingLines};
use reqwest::{Method, Url};
use tokio::io::{AsyncWriteExt, stdout};

use super::client::{Client, EventStream};
use super::context::Context;
use super::failure::{Failure, Outcome};
use super::output::{Output, Style};
use super::units;

const DEFAULT_LINES: usize = 100;
const MAX_LINES: usize = 1_000_000;
/// The most lines that the API gives in one page.
const MAX_PER_PAGE: usize = 200;

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Only lines of this run; all of them unless --limit says otherwise
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Only lines of this command
    #[arg(long, value_name = "NAME")]
    command: Option<String>,
    /// Only lines of this workflow run
    #[arg(long, value_name = "ID")]
    workflow_run: Option<String>,
    /// Only lines of this workflow step
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Only lines of this stream
    #[arg(long, value_name = "STREAM", value_parser = ["stdout", "stderr", "system"])]
    stream: Option<String>,
    /// Only lines of this level
    #[arg(long, value_name = "LEVEL", value_parser = ["trace", "debug", "info", "warn", "error", "none"])]
    level: Option<String>,
    /// Only lines that contain this text
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only lines that match this regular expression
    #[arg(long, value_name = "REGEX")]
    regex: Option<String>,
    /// Only JSON lines with this field: status=500, request.user=7, or only error; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    field: Vec<String>,
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
    /// Say how many lines match
    #[arg(long, conflicts_with_all = ["follow", "limit"])]
    count: bool,
    /// Show the line with this number (`seq` in --json) and those around it
    #[arg(long, value_name = "LINE", conflicts_with_all = ["follow", "limit", "count"])]
    around: Option<u64>,
    /// Lines before and after that one
    #[arg(long, value_name = "N", default_value_t = 20, requires = "around")]
    context: usize,
    /// Write all matching lines to standard output: as JSON lines, or byte for byte as they were written
    #[arg(long, value_name = "FORMAT", value_parser = ["jsonl", "raw"], conflicts_with_all = ["follow", "limit", "count", "around"])]
    export: Option<String>,
    /// Delete all lines of the run
    #[arg(long, requires = "run", conflicts_with_all = ["follow", "limit", "count", "around", "export"])]
    delete: bool,
}

/// Shows log lines, oldest first.
pub(crate) async fn logs(context: &Context, args: LogsArgs) -> Outcome {
    let client = context.client()?;
    if args.delete {
        return delete(context, &client, args.run.as_deref().unwrap_or_default()).await;
    }
    let url = address(context, &client, &args)?;
    if let Some(line) = args.around {
        return around(context, &client, &url, line, args.context).await;
    }
    if let Some(format) = &args.export {
        return export(context, &client, &url, format).await;
    }
    if args.count {
        return count(context, &client, &url).await;
    }
    let unlimited = args.run.is_some() && !args.follow;
    let limit = args.limit.unwrap_or(if unlimited { MAX_LINES } else { DEFAULT_LINES }).min(MAX_LINES);
    let mut events = EventStream::new(&client, url.clone(), None);
    if args.follow {
        // First follow, then look back: what comes in between is in both, and in neither order is it lost.
        events.open().await?;
    }
    let (mut lines, missing) = read(&client, &url, limit).await?;
    lines.reverse();
    for line in &lines {
        show(&context.output, line)?;
    }
    tell_missing(&context.output, &missing);
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
    let params = LogParams {
        run: args.run.clone(),
        workflow_run: args.workflow_run.clone(),
        step: args.step.clone(),
        command: args.command.clone(),
        stream: args.stream.clone(),
        level: args.level.clone(),
        text: args.text.clone(),
        regex: args.regex.clone(),
        field: args.field.clone(),
        from,
        to,
    };
    let mut url = client.tenant_url(&["logs"])?;
    url.query_pairs_mut().extend_pairs(params.pairs());
    Ok(url)
}

/// The last matching lines, newest first, and what could not be read among them.
async fn read(client: &Client, url: &Url, limit: usize) -> Outcome<(Vec<LogLine>, Vec<MissingLines>)> {
    let (mut lines, mut missing, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
    while lines.len() < limit {
        let mut page = url.clone();
        let per_page = (limit - lines.len()).min(MAX_PER_PAGE);
        page.query_pairs_mut().append_pair("limit", &per_page.to_string());
        if let Some(cursor) = &cursor {
            page.query_pairs_mut().append_pair("cursor", cursor);
        }
        let answer: LogPage = client.get_whole(&page).await?;
        lines.extend(answer.data);
        missing.extend(answer.missing);
        cursor = answer.pagination.cursor.filter(|_| answer.pagination.has_next);
        if cursor.is_none() {
            break;
        }
    }
    Ok((lines, missing))
}

fn tell_missing(output: &Output, missing: &[MissingLines]) {
    for MissingLines { first_seq, last_seq } in missing {
        output.warn(&format!("lines {first_seq} to {last_seq} are damaged and cannot be shown"));
    }
}

async fn count(context: &Context, client: &Client, url: &Url) -> Outcome {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair("count", "true").append_pair("limit", "1");
    let page: LogPage = client.get_whole(&url).await?;
    let count = page.count.ok_or_else(|| Failure::new("bad_answer", "the host did not count"))?;
    let at_least = if count.exact { "" } else { "at least " };
    context.output.item(&count, || format!("{at_least}{}", count.lines))
}

async fn around(context: &Context, client: &Client, url: &Url, line: u64, lines: usize) -> Outcome {
    let mut of_line = client.tenant_url(&["logs", &line.to_string(), "context"])?;
    of_line.set_query(url.query());
    let lines = lines.to_string();
    of_line.query_pairs_mut().append_pair("before", &lines).append_pair("after", &lines);
    let found: LogContext = client.get(&of_line).await?;
    for line in found.before.iter().chain([&found.line]).chain(&found.after) {
        show(&context.output, line)?;
    }
    tell_missing(&context.output, &found.missing);
    Ok(())
}

async fn export(context: &Context, client: &Client, url: &Url, format: &str) -> Outcome {
    let mut of_export = client.tenant_url(&["logs", "export"])?;
    of_export.set_query(url.query());
    of_export.query_pairs_mut().append_pair("format", format);
    let mut answer = client.send(|| Ok(client.request(Method::GET, &of_export))).await?;
    if let Some(deleted) = answer.headers().get("x-cloister-deleted-lines") {
        let lines = deleted.to_str().unwrap_or_default();
        context
            .output
            .warn(&format!("lines {lines} were deleted before; those that would match are not in it"));
    }
    let mut out = stdout();
    while let Some(bytes) =
        answer.chunk().await.map_err(|error| Failure::unreachable(client.host(), &error))?
    {
        out.write_all(&bytes).await.map_err(|error| Failure::from_write(&error))?;
    }
    out.flush().await.map_err(|error| Failure::from_write(&error))
}

async fn delete(context: &Context, client: &Client, run: &str) -> Outcome {
    let url = client.tenant_url(&["runs", run, "logs"])?;
    let answer = client.send(|| Ok(client.request(Method::DELETE, &url))).await?;
    let deleted: DeletedLines = client.envelope(answer).await?.data;
    context.output.item(&deleted, || format!("{} lines deleted", deleted.lines))
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
            "gap" => context.output.warn("lines are missing here: they were deleted, or are damaged"),
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
