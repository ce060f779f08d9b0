//! What was taken of each client of a session, so that input is exactly once whatever way it comes.

use std::collections::VecDeque;

use super::error::ConsoleError;
use crate::ids::ClientId;

/// Clients of a session that are remembered: those that typed last.
const MAX_CLIENTS: usize = 64;

#[derive(Default)]
pub(super) struct Clients {
    /// The last number of each; whoever typed last is at the back.
    last: VecDeque<(ClientId, u64)>,
}

/// Whether input is new.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    New,
    /// It was taken before; this is the last number that was.
    Before(u64),
}

impl Clients {
    pub(super) fn last(&self, client: &ClientId) -> u64 {
        self.last.iter().rev().find(|(name, _)| name == client).map_or(0, |(_, last)| *last)
    }

    pub(super) fn look(&self, client: &ClientId, seq: u64) -> Result<Taken, ConsoleError> {
        let last = self.last(client);
        match seq.checked_sub(last) {
            Some(1) => Ok(Taken::New),
            None | Some(0) => Ok(Taken::Before(last)),
            Some(_) => Err(ConsoleError::OutOfOrder { expected: last + 1 }),
        }
    }

    pub(super) fn take(&mut self, client: &ClientId, seq: u64) {
        match self.last.iter().rposition(|(name, _)| name == client) {
            Some(index) if index + 1 == self.last.len() => self.last[index].1 = seq,
            found => {
                if let Some(index) = found {
                    self.last.remove(index);
                } else if self.last.len() >= MAX_CLIENTS {
                    self.last.pop_front();
                }
                self.last.push_back((client.clone(), seq));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_known_and_what_comes_early_is_refused() {
        let mut clients = Clients::default();
        let client: ClientId = "a-client".parse().unwrap();
        assert_eq!(clients.look(&client, 1).unwrap(), Taken::New);
        clients.take(&client, 1);
        clients.take(&client, 2);
        assert_eq!(clients.look(&client, 1).unwrap(), Taken::Before(2));
        assert_eq!(clients.look(&client, 0).unwrap(), Taken::Before(2));
        assert_eq!(clients.look(&client, 3).unwrap(), Taken::New);
        assert!(matches!(clients.look(&client, 4), Err(ConsoleError::OutOfOrder { expected: 3 })));
    }

    #[test]
    fn those_that_typed_last_are_remembered() {
        let mut clients = Clients::default();
        let name = |n: usize| format!("client-{n:03}").parse::<ClientId>().unwrap();
        clients.take(&name(0), 7);
        for n in 1..MAX_CLIENTS {
            clients.take(&name(n), 1);
        }
        clients.take(&name(0), 8);
        clients.take(&name(MAX_CLIENTS), 1);
        assert_eq!((clients.last(&name(0)), clients.last(&name(1))), (8, 0));
    }
}
