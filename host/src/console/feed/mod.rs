//! Where events come from: one feed for each subscription of a connection.

mod commands;
mod log_filter;
mod logs;
mod output;
mod system;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::stream::{self, Stream, StreamExt};

use super::error::ConsoleError;
use super::event::Event;
use super::registry::Console;
use super::subscription::{Channel, Places, Subscription, malformed};
use super::{Role, Wanted};
use crate::auth::{Act, Member, Permit, act, authorize};
use crate::ids::ClientId;

/// An event, and the place of its subscription after it.
type Told = (Event, String);

/// The events of one subscription.
pub struct Feed {
    ch: u8,
    /// Where it began, until it says more.
    place: Option<String>,
    events: Pin<Box<dyn Stream<Item = Told> + Send>>,
}

/// Who subscribes, and how.
struct Subscriber<'a> {
    console: &'a Console,
    member: &'a Member,
    permit: Permit<act::ConsoleUse>,
    client: &'a ClientId,
    /// Where the subscription was; it goes on there.
    place: Option<&'a str>,
    /// It goes on in a poll: what was told of the connection itself is not told again.
    polled: bool,
}

impl Subscriber<'_> {
    /// A feed that ends with an error when the member may no longer do `act`.
    fn feed<A: Act + Send + 'static>(
        &self,
        ch: u8,
        act: A,
        resource: &str,
        events: impl Stream<Item = Told> + Send + 'static,
    ) -> Feed {
        let auth = self.console.inner.parts.auth.clone();
        let (member, resource) = (self.member.clone(), resource.to_owned());
        let revoked = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&revoked);
        let until = async move {
            auth.until_revoked(member, act, resource).await;
            noted.store(true, Ordering::Release);
        };
        let last = stream::once(async move {
            let denied = || ConsoleError::Part {
                code: "permission_denied",
                detail: "this may no longer be followed".to_owned(),
            };
            revoked.load(Ordering::Acquire).then(|| (error_event(Some(ch), &denied()), String::new()))
        });
        let events = events.take_until(Box::pin(until)).chain(last.filter_map(std::future::ready));
        Feed { ch, place: None, events: Box::pin(events) }
    }
}

/// The event of a problem.
#[must_use]
pub fn error_event(ch: Option<u8>, error: &ConsoleError) -> Event {
    let mut fields = serde_json::json!({ "code": error.code(), "detail": error.to_string() });
    if let Some(expected) = error.expected() {
        fields["expected"] = expected.into();
    }
    Event::new(ch, "error", fields)
}

/// Opens the subscriptions of a connection.
pub struct Opener {
    console: Console,
    member: Member,
    client: ClientId,
}

impl Opener {
    /// For a member's client.
    #[must_use]
    pub fn new(console: Console, member: Member, client: ClientId) -> Self {
        Self { console, member, client }
    }

    /// Whose they are.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// The client goes by another name from now on.
    pub fn rename(&mut self, client: ClientId) {
        self.client = client;
    }

    /// Opens a subscription, with the member's rights of this moment. A place, when there is one, says where it goes on;
    /// `polled` when it goes on in a poll.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn open(
        &self,
        subscription: Subscription,
        place: Option<&str>,
        polled: bool,
    ) -> Result<Feed, ConsoleError> {
        let member = self.console.again(&self.member).await?;
        let permit = authorize(&member, act::ConsoleUse, "*")?;
        let (console, client) = (&self.console, &self.client);
        let subscriber = Subscriber { console, member: &member, permit, client, place, polled };
        let mut feed = match subscription.channel {
            Channel::Commands => commands::open(&subscriber, subscription)?,
            Channel::Logs => logs::open(&subscriber, subscription).await?,
            Channel::System => system::open(&subscriber, subscription)?,
            Channel::Output => output::open(&subscriber, subscription).await?,
        };
        feed.place = place.map(str::to_owned);
        Ok(feed)
    }
}

/// All subscriptions of a connection, merged: each gets its turn.
#[derive(Default)]
pub struct Feeds {
    feeds: Vec<Feed>,
    turn: usize,
    places: Places,
}

impl Feeds {
    /// Adds a subscription; one with the same number ends.
    pub fn add(&mut self, feed: Feed) {
        self.remove(feed.ch);
        if let Some(place) = &feed.place {
            self.places.0.insert(feed.ch, place.clone());
        }
        self.feeds.push(feed);
    }

    /// Ends a subscription; one that is not there has ended already.
    pub fn remove(&mut self, ch: u8) {
        self.feeds.retain(|feed| feed.ch != ch);
        self.places.0.remove(&ch);
    }

    /// The places of all subscriptions.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The next event of any; never, when there are no subscriptions. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Event {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        let mut polled = 0;
        while polled < self.feeds.len() {
            self.turn = (self.turn + 1) % self.feeds.len();
            let feed = &mut self.feeds[self.turn];
            match feed.events.as_mut().poll_next(context) {
                Poll::Ready(Some((event, place))) => {
                    if !place.is_empty() {
                        self.places.0.insert(feed.ch, place);
                    }
                    return Poll::Ready(event);
                }
                Poll::Ready(None) => {
                    self.feeds.remove(self.turn);
                    polled = 0;
                }
                Poll::Pending => polled += 1,
            }
        }
        Poll::Pending
    }
}

fn missing(field: &str) -> ConsoleError {
    malformed(&format!("`{field}` is missing"))
}
