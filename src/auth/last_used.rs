//! When and from where tokens were used last, as operators see it: noted beside the requests, at most
//! once a minute and token. No verdict rests on it, so what the store cannot take is let go.

use super::Auth;
use crate::clock::Timestamp;
use crate::model::token::TokenDigest;
use crate::model::user::UserId;
use crate::store::{StoreError, TokenUse};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{sleep, timeout};

/// What is to be noted.
pub(super) struct LastUsed {
    queue: mpsc::Sender<TokenUse>,
    /// Each place has the token that was noted last of all that share it: a part of its digest, and
    /// the minute. Tokens that share a place are noted more often, and nothing worse.
    seen: Box<[AtomicU64]>,
    waiting: Mutex<Waiting>,
}

/// What waits for the store.
struct Waiting {
    /// What is being written.
    batch: Vec<TokenUse>,
    queue: mpsc::Receiver<TokenUse>,
}

impl Waiting {
    /// Waits for uses, and for those that come soon after.
    async fn gather(&mut self) {
        if self.batch.is_empty() {
            self.queue.recv_many(&mut self.batch, LastUsed::BATCH).await;
            if self.batch.len() < LastUsed::BATCH {
                sleep(LastUsed::GATHER).await;
            }
        }
        self.take();
    }

    /// Fills the batch with what is there.
    fn take(&mut self) {
        while self.batch.len() < LastUsed::BATCH
            && let Ok(used) = self.queue.try_recv()
        {
            self.batch.push(used);
        }
    }
}

impl LastUsed {
    /// How many uses may wait. One that finds no place is let go.
    const QUEUE: usize = 4_096;
    /// How many are written at a time: a few milliseconds of a store's time.
    const BATCH: usize = 256;
    /// How long uses are gathered.
    const GATHER: Duration = Duration::from_secs(2);
    /// How many places there are: half a mebibyte.
    const PLACES: u64 = 1 << 16;
    /// The bits of the minute; those above are the token's.
    const MINUTE: u64 = (1 << 24) - 1;

    pub(super) fn new() -> Self {
        let (queue, uses) = mpsc::channel(Self::QUEUE);
        let waiting = Waiting { batch: Vec::with_capacity(Self::BATCH), queue: uses };
        let seen = (0..Self::PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { queue, seen, waiting: waiting.into() }
    }

    /// Notes a use, unless the token was noted in this minute: then it costs one look.
    pub(super) fn note(&self, used: TokenUse) {
        if self.is_news(&used.digest, used.at) {
            // Where too many wait, the next minute brings another use.
            let _ = self.queue.try_send(used);
        }
    }

    fn is_news(&self, digest: &TokenDigest, at: Timestamp) -> bool {
        let head = digest.head();
        // A number below 65,536 fits everywhere.
        let place = usize::try_from(head % Self::PLACES).unwrap_or_default();
        let minute = at.micros().div_euclid(60_000_000).cast_unsigned() & Self::MINUTE;
        let news = (head & !Self::MINUTE) | minute;
        let Some(seen) = self.seen.get(place) else { return false };
        // Two at once may both note the token.
        let is_news = seen.load(Ordering::Relaxed) != news;
        if is_news {
            seen.store(news, Ordering::Relaxed);
        }
        is_news
    }
}

impl Auth {
    /// Notes that a token was used that is good.
    pub(super) fn note_use(&self, digest: TokenDigest, user: UserId, at: Timestamp, from: IpAddr) {
        self.last_used.note(TokenUse { at, digest, from: from.to_canonical(), user });
    }

    /// Writes the uses of tokens to the store as they come. Runs until it is dropped.
    pub async fn keep_uses(&self) -> Infallible {
        let mut waiting = self.last_used.waiting.lock().await;
        let mut is_told = false;
        loop {
            waiting.gather().await;
            let outcome = self.store.note_uses(&waiting.batch).await;
            waiting.batch.clear();
            // Once for each time that the store is away.
            let is_news = outcome.is_err() && !is_told;
            is_told = outcome.is_err();
            if let (Err(error), true) = (&outcome, is_news) {
                let error = error as &dyn std::error::Error;
                tracing::warn!(error, "the last uses of some tokens are not noted");
            }
        }
    }

    /// Writes what has been noted so far, when nobody does so beside the requests.
    pub async fn flush_uses(&self, within: Duration) {
        let flushed = timeout(within, async {
            let mut waiting = self.last_used.waiting.lock().await;
            loop {
                waiting.take();
                if waiting.batch.is_empty() {
                    return Ok(());
                }
                self.store.note_uses(&waiting.batch).await?;
                waiting.batch.clear();
            }
        });
        let outcome = flushed.await.unwrap_or_else(|late| Err(StoreError::unavailable(late)));
        if let Err(error) = outcome {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "the last uses of some tokens are not noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::token::Token;
    use std::net::Ipv4Addr;

    fn used(text: &str, seconds: i64) -> TokenUse {
        TokenUse {
            at: Timestamp::from_micros(seconds * 1_000_000),
            digest: Token::new(text.to_owned()).digest(),
            from: Ipv4Addr::LOCALHOST.into(),
            user: UserId(1),
        }
    }

    fn noted(uses: &[(&str, i64)]) -> usize {
        let last_used = LastUsed::new();
        for (text, seconds) in uses {
            last_used.note(used(text, *seconds));
        }
        LastUsed::QUEUE - last_used.queue.capacity()
    }

    #[test]
    fn a_token_is_noted_once_a_minute() {
        assert_eq!(noted(&[("a", 60), ("a", 61), ("a", 119)]), 1);
        assert_eq!(noted(&[("a", 60), ("a", 119), ("a", 120), ("a", 121)]), 2);
    }

    #[test]
    fn each_token_is_noted() {
        assert_eq!(noted(&[("a", 60), ("b", 60), ("a", 61), ("b", 61)]), 2);
    }

    #[test]
    fn what_finds_no_place_is_let_go() {
        let last_used = LastUsed::new();
        for number in 0..2 * LastUsed::QUEUE {
            last_used.note(used(&number.to_string(), 60));
        }
        assert_eq!(last_used.queue.capacity(), 0);
    }
}
