//! `usage`, `masking show` and `masking set`.

use clap::{Args, Subcommand};
use cloister_host::api::{Masking, TenantUsage, UsageState};
use reqwest::Method;

use super::context::Context;
use super::failure::Outcome;
use super::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum MaskingCommand {
    /// Show what is masked in log lines and audit records
    Show,
    /// Change what is masked; what is not named stays as it is
    Set(SetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Bearer tokens, JSON Web Tokens and API keys
    #[arg(long, value_name = "BOOL")]
    tokens: Option<bool>,
    /// E-mail addresses
    #[arg(long, value_name = "BOOL")]
    emails: Option<bool>,
    /// Numbers of payment cards
    #[arg(long, value_name = "BOOL")]
    cards: Option<bool>,
    /// A regular expression of your own, instead of those there are; once for each
    #[arg(long = "pattern", value_name = "REGEX")]
    patterns: Vec<String>,
    /// Have no patterns of your own
    #[arg(long, conflicts_with = "patterns")]
    no_patterns: bool,
}

/// Shows what the tenant has used of what it may.
pub(crate) async fn usage(context: &Context) -> Outcome {
    let client = context.client()?;
    let usage: TenantUsage = client.get(&client.tenant_url(&["usage"])?).await?;
    if context.output.json() {
        return context.output.json_value(&usage);
    }
    context.output.list(&usage.items, "Nothing is bounded.", || {
        let mut table = Table::new(&["BOUND", ">USED", ">LIMIT", ">%", "STATE", "RESETS"]);
        for item in &usage.items {
            let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
            let state = match item.state {
                UsageState::Ok => "ok",
                UsageState::Near => "near",
                UsageState::Reached => "reached",
            };
            let resets = item.resets_at.clone().unwrap_or_default();
            let (limit, percent) = (number(item.limit), number(item.percent));
            table.row([item.name.clone(), item.used.to_string(), limit, percent, state.to_owned(), resets]);
        }
        table
    })
}

/// Shows or changes what is masked.
pub(crate) async fn masking(context: &Context, command: MaskingCommand) -> Outcome {
    let client = context.client()?;
    let url = client.tenant_url(&["masking"])?;
    let mut settings: Masking = client.get(&url).await?;
    if let MaskingCommand::Set(args) = command {
        settings.tokens = args.tokens.unwrap_or(settings.tokens);
        settings.emails = args.emails.unwrap_or(settings.emails);
        settings.cards = args.cards.unwrap_or(settings.cards);
        if args.no_patterns || !args.patterns.is_empty() {
            settings.patterns = args.patterns;
        }
        settings = client.send_json(Method::PUT, &url, &settings).await?;
    }
    context.output.item(&settings, || {
        let word = |on: bool| if on { "masked" } else { "kept" };
        let mut text = format!(
            "tokens: {}\ne-mail addresses: {}\ncard numbers: {}",
            word(settings.tokens),
            word(settings.emails),
            word(settings.cards)
        );
        for pattern in &settings.patterns {
            text += &format!("\npattern: {}", context.output.foreign(pattern));
        }
        text
    })
}
