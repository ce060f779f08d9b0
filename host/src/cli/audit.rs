//! `audit list`, `audit follow`, `audit export` and `audit verify`.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cloister_host::api::{AuditHead, AuditRecord};
use cloister_host::audit::{ChainCheck, ChainReport, verify_blocking};
use cloister_host::store::{Store, StoreOptions};
use reqwest::{Method, Response, Url};

use super::client::{Client, EventStream};
use super::context::Context;
use super::failure::{Failure, Outcome};
use super::output::{Output, Style};
use super::table::Table;
use super::units;

const DEFAULT_RECORDS: usize = 50;
const MAX_RECORDS: usize = 1_000_000;
/// Longest line of an export that is read, in bytes: a record has far less.
const MAX_LINE_BYTES: usize = 1 << 20;
/// Memory for reading a data directory, in bytes.
const CACHE_BYTES: u64 = 64 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List records, newest first
    List(ListArgs),
    /// Show records as they come
    Follow(FollowArgs),
    /// Print all records, oldest first
    Export(ExportArgs),
    /// Check that no record was altered, removed, added or moved
    Verify(VerifyArgs),
}

/// Which records.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// The host's own chain instead of the tenant's (operator only)
    #[arg(long)]
    operator: bool,
    /// Only of this actor: a principal's id, `anonymous` or `host`
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only this action; `run:*` means all that begin so
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only resources that contain this text
    #[arg(long, value_name = "TEXT")]
    resource: Option<String>,
    /// Only with this outcome
    #[arg(long, value_name = "OUTCOME", value_parser = ["done", "failed", "denied", "unknown"])]
    outcome: Option<String>,
    /// Only since then: 10m, 2h, 2026-01-31, 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only until then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: Filter,
    /// How many to show at most
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RECORDS)]
    limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct FollowArgs {
    #[command(flatten)]
    filter: Filter,
    /// Begin after the record with this number [default: now]
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    filter: Filter,
    /// Lines of JSON, or CSV whose cells no spreadsheet takes for formulas
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The host's own chain instead of the tenant's (operator only)
    #[arg(long)]
    operator: bool,
    /// Check the chains of a data directory on this machine, which no host is using
    #[arg(long, value_name = "DIR", conflicts_with = "operator")]
    data: Option<PathBuf>,
    /// The record that an earlier check ended with, as `SEQ:HASH`: the chain must still have it
    #[arg(long, value_name = "SEQ:HASH", conflicts_with = "data")]
    expect: Option<Expected>,
}

/// A record that somebody has seen.
#[derive(Debug, Clone)]
struct Expected {
    seq: u64,
    hash: String,
}

impl std::str::FromStr for Expected {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be a number, a colon and 64 hex digits";
        let (seq, hash) = text.split_once(':').ok_or(RULE)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let seq = seq.parse().ok().filter(|_| is_hash).ok_or(RULE)?;
        Ok(Self { seq, hash: hash.to_ascii_lowercase() })
    }
}

/// Does what was asked.
pub(crate) async fn audit(context: &Context, command: AuditCommand) -> Outcome {
    match command {
        AuditCommand::List(args) => list(context, args).await,
        AuditCommand::Follow(args) => follow(context, args).await,
        AuditCommand::Export(args) => export(context, args).await,
        AuditCommand::Verify(args) => match &args.data {
            Some(dir) => verify_offline(context, dir.clone()).await,
            None => verify(context, args).await,
        },
    }
}

fn chain_url(client: &Client, operator: bool, rest: &[&str]) -> Outcome<Url> {
    match operator {
        true => client.url(&[&["v1", "operator", "audit"], rest].concat()),
        false => client.tenant_url(&[&["audit"], rest].concat()),
    }
}

fn address(context: &Context, client: &Client, filter: &Filter, rest: &[&str]) -> Outcome<Url> {
    let now = context.clock.now();
    let moment = |text: &Option<String>| {
        let moment = text.as_deref().map(|text| units::parse_moment(text, now).map_err(Failure::usage));
        moment.transpose().map(|moment| moment.map(|moment| moment.to_string()))
    };
    let (from, to) = (moment(&filter.since)?, moment(&filter.until)?);
    let mut url = chain_url(client, filter.operator, rest)?;
    let filters = [
        ("actor", &filter.actor),
        ("action", &filter.action),
        ("resource", &filter.resource),
        ("outcome", &filter.outcome),
        ("from", &from),
        ("to", &to),
    ];
    for (name, value) in filters {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Ok(url)
}

async fn list(context: &Context, args: ListArgs) -> Outcome {
    let client = context.client()?;
    let url = address(context, &client, &args.filter, &[])?;
    let records: Vec<AuditRecord> = client.list(&url, args.limit.min(MAX_RECORDS)).await?;
    context.output.list(&records, "No records.", || {
        let mut table =
            Table::new(&[">SEQ", "TIME", "ACTOR", "ACTION", "RESOURCE", "OUTCOME", "CODE", "DETAIL"]);
        for record in &records {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let outcome = match record.times {
                1 => record.outcome.clone(),
                times => format!("{} ×{times}", record.outcome),
            };
            table.row([
                record.seq.to_string(),
                record.time.clone(),
                record.actor.clone(),
                record.action.clone(),
                record.resource.clone(),
                outcome,
                text(&record.code),
                text(&record.detail),
            ]);
        }
        table
    })
}

async fn follow(context: &Context, args: FollowArgs) -> Outcome {
    let client = context.client()?;
    let url = address(context, &client, &args.filter, &[])?;
    let mut events = EventStream::new(&client, url, args.after.map(|seq| seq.to_string()));
    loop {
        let event = events.next().await?;
        if event.name == "record" {
            let record: AuditRecord = serde_json::from_str(&event.data).map_err(Failure::bad_answer)?;
            show(&context.output, &record)?;
        }
    }
}

fn show(output: &Output, record: &AuditRecord) -> Outcome {
    if output.json() {
        return output.json_line(record);
    }
    let style = if record.outcome == "done" { Style::Faint } else { Style::Warning };
    let outcome = output.paint(&record.outcome, style);
    let rest = format!("{} {} {}", record.actor, record.action, record.resource);
    let why = record.code.as_deref().or(record.detail.as_deref()).unwrap_or_default();
    let time = output.paint(&record.time, Style::Faint);
    output.line(&format!("{time} {outcome} {} {}", output.foreign(&rest), output.foreign(why)))
}

async fn export(context: &Context, args: ExportArgs) -> Outcome {
    let client = context.client()?;
    let mut url = address(context, &client, &args.filter, &["export"])?;
    let format = match args.format {
        Format::Jsonl => "jsonl",
        Format::Csv => "csv",
    };
    url.query_pairs_mut().append_pair("format", format);
    let mut answer = client.send(|| Ok(client.request(Method::GET, &url))).await?;
    while let Some(bytes) = next_bytes(&client, &mut answer).await? {
        let mut out = std::io::stdout().lock();
        out.write_all(&bytes).and_then(|()| out.flush()).map_err(|error| Failure::from_write(&error))?;
    }
    Ok(())
}

async fn next_bytes(client: &Client, answer: &mut Response) -> Outcome<Option<bytes::Bytes>> {
    answer.chunk().await.map_err(|error| Failure::unreachable(client.host(), &error))
}

/// Computes the whole chain again from what the host exports.
async fn verify(context: &Context, args: VerifyArgs) -> Outcome {
    let client = context.client()?;
    let head: AuditHead = client.get(&chain_url(&client, args.operator, &["head"])?).await?;
    let url = chain_url(&client, args.operator, &["export"])?;
    let mut answer = client.send(|| Ok(client.request(Method::GET, &url))).await?;
    let mut check = ChainCheck::new(&head.chain);
    let (mut pending, mut seen) = (Vec::new(), false);
    while let Some(bytes) = next_bytes(&client, &mut answer).await? {
        pending.extend_from_slice(&bytes);
        while let Some(end) = pending.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let record: AuditRecord = serde_json::from_slice(&line).map_err(Failure::bad_answer)?;
            seen |= args.expect.as_ref().is_some_and(|e| e.seq == record.seq && e.hash == record.hash);
            // What came after the head was read is checked too, but for its end.
            check.look(&record);
        }
        if pending.len() > MAX_LINE_BYTES {
            return Err(Failure::bad_answer("a line of the export is too long"));
        }
    }
    let last = check.head();
    if last.seq <= head.seq {
        check.end(&head);
    }
    if let Some(expected) = args.expect.filter(|_| !seen) {
        let detail = format!("the chain no longer has record {} with the hash that it had", expected.seq);
        check.find(expected.seq, "rewritten", detail);
    }
    let slug = (!args.operator).then(|| client.tenant().unwrap_or_default().to_owned());
    let report = ChainReport {
        chain: head.chain.clone(),
        slug,
        records: check.records(),
        head: check.head(),
        findings: check.findings().to_vec(),
    };
    conclude(&context.output, &[report])
}

/// Checks the chains of a data directory, with the key that seals where they end.
async fn verify_offline(context: &Context, dir: PathBuf) -> Outcome {
    let only = context.named_tenant().map(str::parse).transpose();
    let only = only.map_err(|error| Failure::usage(format!("{error}")))?;
    if !dir.is_dir() {
        return Err(Failure::usage(format!("there is no directory {}", dir.display())));
    }
    let checked = tokio::task::spawn_blocking(move || {
        let store = Store::open(&dir, &StoreOptions { cache_bytes: CACHE_BYTES, low_disk_bytes: 0 })?;
        verify_blocking(&store, only.as_ref())
    });
    let reports = checked
        .await
        .map_err(|error| Failure::local("check the data directory", &error))?
        .map_err(|error| Failure::new(error.code(), error.to_string()))?;
    if reports.is_empty() {
        return Err(Failure::new("tenant_not_found", "there is no such tenant in this data directory"));
    }
    conclude(&context.output, &reports)
}

fn conclude(output: &Output, reports: &[ChainReport]) -> Outcome {
    if output.json() {
        output.json_value(&reports)?;
    }
    let mut broken = 0;
    for report in reports {
        let name = report.slug.as_deref().unwrap_or("host");
        if !output.json() {
            let head = format!("{}:{}", report.head.seq, report.head.hash);
            let state = if report.findings.is_empty() { "intact" } else { "BROKEN" };
            output.line(&format!("{name}: {state}, {} records, ends at {head}", report.records))?;
            for finding in &report.findings {
                output.line(&format!("  {}: {}", finding.kind, finding.detail))?;
            }
        }
        broken += usize::from(!report.findings.is_empty());
    }
    match broken {
        0 => Ok(()),
        _ => Err(Failure::new("audit_broken", format!("{broken} of {} chains are broken", reports.len()))),
    }
}
