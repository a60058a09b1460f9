//! Taking a source over no faster than gateways hear of it. Each is told of every user and token that is
//! written. What one has not heard yet Redis keeps in its memory, and a gateway that is far behind answers
//! nothing from its own any more.

use super::RedisStore;
use super::followed::{field, is_feed};
use super::request::{How, Request};
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// How often, at most, it is looked how far they are.
const EVERY: Duration = Duration::from_millis(250);
/// How often those are looked at who are waited for.
const GLANCE: Duration = Duration::from_millis(20);
/// How many bytes may be on their way to one.
const MOST: u64 = 1 << 20;
/// How long one is waited for. It may be gone without a word.
const PATIENCE: Duration = Duration::from_secs(5);

/// How fast a source is taken over.
#[derive(Default)]
pub(super) struct Pace(Mutex<State>);

#[derive(Default)]
struct State {
    /// Who is not waited for any more.
    given_up: HashSet<String>,
    looked: Option<Instant>,
}

impl RedisStore {
    /// Waits while gateways are behind. All who write wait together.
    pub(super) async fn keep_pace(&self, pace: &Pace) {
        let mut state = pace.0.lock().await;
        if state.looked.is_some_and(|looked| looked.elapsed() < EVERY) {
            return;
        }
        let begun = Instant::now();
        loop {
            let mut behind = self.feeds_behind().await;
            behind.retain(|feed| !state.given_up.contains(feed));
            if behind.is_empty() {
                break;
            }
            if begun.elapsed() > PATIENCE {
                tracing::warn!(
                    gateways = behind.len(),
                    "gateways do not hear what is taken over, and are not waited for any more"
                );
                state.given_up.extend(behind);
                break;
            }
            sleep(GLANCE).await;
        }
        state.looked = Some(Instant::now());
    }

    /// Who has not heard so much. Nobody is waited for where Redis does not tell.
    async fn feeds_behind(&self) -> Vec<String> {
        let Ok(primaries) = self.link.primaries().await else { return Vec::new() };
        let mut behind = Vec::new();
        for node in primaries.nodes {
            let mut list = redis::cmd("CLIENT");
            list.arg("LIST");
            let clients = node.ask::<String>(&Request::Command(&list), How::default()).await;
            let Ok(clients) = clients else { continue };
            let feeds = clients.lines().filter(|client| is_feed(client, &node));
            let far = feeds.filter(|client| is_behind(client));
            behind.extend(far.map(|client| format!("{} {:?}", node.place(), field(client, "id"))));
        }
        behind
    }
}

fn is_behind(client: &str) -> bool {
    let waiting = field(client, "omem").and_then(|bytes| bytes.parse().ok());
    waiting.is_some_and(|bytes: u64| bytes > MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_not_heard_a_mebibyte_is_behind() {
        for (client, is) in [
            ("id=7 name=authgate-feed omem=1048577 tot-mem=2", true),
            ("id=7 name=authgate-feed omem=1048576 tot-mem=9999999", false),
            ("id=7 name=authgate-feed", false),
        ] {
            assert_eq!(is_behind(client), is, "{client}");
        }
    }
}
