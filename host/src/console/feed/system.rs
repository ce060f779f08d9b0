//! Channel `system`: what the tenant uses, runs and has open; a snapshot, then each change, at most once a second.

use std::time::Duration;

use futures_util::stream::unfold;
use serde_json::{Map, Value, json};

use super::{Feed, Subscriber, Told};
use crate::auth::{Action, Permit, act, authorize};
use crate::commands::Commands;
use crate::console::error::ConsoleError;
use crate::console::event::Event;
use crate::console::registry::Console;
use crate::console::subscription::Subscription;

/// Between two looks.
const LOOK_MS: u64 = 1_000;
/// Runs shown, newest first.
const MAX_RUNS: usize = 200;

struct System {
    ch: u8,
    console: Console,
    commands: Commands,
    usage: Permit<act::UsageRead>,
    runs: Permit<act::RunRead>,
    sessions: Permit<act::ConsoleUse>,
    manages: bool,
    shown: Map<String, Value>,
    /// A digest of what was shown before this connection.
    before: Option<String>,
    first: bool,
}

pub(super) fn open(subscriber: &Subscriber<'_>, subscription: Subscription) -> Result<Feed, ConsoleError> {
    let system = System {
        ch: subscription.ch,
        console: subscriber.console.clone(),
        commands: subscriber.console.inner.parts.commands.clone(),
        usage: authorize(subscriber.member, act::UsageRead, "usage")?,
        runs: authorize(subscriber.member, act::RunRead, "*")?,
        sessions: subscriber.permit.clone(),
        manages: subscriber.member.may(Action::ConsoleManage, "*"),
        shown: Map::new(),
        // Only a poll has what it was shown before; others begin with a snapshot.
        before: subscriber.place.filter(|_| subscriber.polled).map(str::to_owned),
        first: true,
    };
    let ch = subscription.ch;
    let events = unfold(system, |mut system| async move {
        let told = system.next().await;
        Some((told, system))
    });
    Ok(subscriber.feed(ch, act::UsageRead, "usage", events))
}

impl System {
    async fn next(&mut self) -> Told {
        loop {
            if !std::mem::take(&mut self.first) {
                tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
            }
            let Some(now) = self.look().await else { continue };
            let digest =
                hex::encode(&blake3::hash(Value::Object(now.clone()).to_string().as_bytes()).as_bytes()[..8]);
            if self.before.take().as_ref() == Some(&digest) {
                self.shown = now;
                continue;
            }
            let kind = if self.shown.is_empty() { "snapshot" } else { "changed" };
            let changed: Map<String, Value> = now
                .iter()
                .filter(|(key, value)| self.shown.get(*key) != Some(*value))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            if changed.is_empty() {
                continue;
            }
            self.shown = now;
            return (Event::new(Some(self.ch), kind, Value::Object(changed)).at(digest.clone()), digest);
        }
    }

    async fn look(&self) -> Option<Map<String, Value>> {
        let usage = match self.commands.tenant_usage(&self.usage).await {
            Ok(usage) => usage,
            Err(error) => {
                tracing::warn!(%error, "a tenant's usage could not be shown");
                return None;
            }
        };
        let runs = self.commands.active_runs(&self.runs, MAX_RUNS);
        let (scope, principal) = (self.sessions.scope(), self.sessions.principal());
        let sessions = self.console.seen_by(scope, principal, self.manages);
        match json!({ "usage": usage, "runs": runs, "sessions": sessions }) {
            Value::Object(shown) => Some(shown),
            _ => None,
        }
    }
}
