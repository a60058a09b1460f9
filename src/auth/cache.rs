//! Users and tokens kept in memory, for as long as the store's feed is alive.
//!
//! Only facts are kept, never decisions, and nothing is answered unless the store has proved within
//! the last `feed_timeout` that it tells of every change.
//!
//! What was read before a change must not be put after it. So whoever reads asks for the count of
//! changes first, and what has changed since is not put: see [`Shelf::put`].

use super::facts::{Facts, TokenFacts, UserFacts};
use super::shelf::{OVERHEAD, Shelf, Weigh};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::token::{TokenDigest, TokenKey, TokenRecord};
use crate::model::user::{User, UserId};
use crate::store::{Change, Watcher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What an operator may set of the memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheSettings {
    /// How long after the last proof that it is alive the feed is trusted: the longest that a token
    /// which was ended elsewhere may still be taken.
    pub feed_timeout: Duration,
    /// For how much longer what is in memory may be taken while the store is away.
    pub outage_grace: Duration,
    /// The most bytes of memory; with none, every token is checked in the store.
    pub size: u64,
}

/// What memory says of a token.
pub(super) enum Recall {
    /// This is known of it.
    Known(Facts),
    /// Nobody has it.
    Nobodys,
    /// The store must be asked.
    Nothing,
}

/// Until when a token that nobody has is not asked for again.
#[derive(Clone, Copy)]
struct Unknown(Instant);

impl Weigh<TokenKey> for TokenFacts {
    const USUAL: u64 = OVERHEAD + size_of::<(TokenKey, Self)>() as u64;
}

impl Weigh<TokenKey> for Unknown {
    const USUAL: u64 = OVERHEAD + size_of::<(TokenKey, Self)>() as u64;
}

impl Weigh<UserId> for UserFacts {
    const USUAL: u64 = Self::WITHOUT_NAMES + 32;

    fn weight(&self) -> u64 {
        Self::WITHOUT_NAMES + self.names.size() as u64
    }
}

impl UserFacts {
    /// With the two counts before what is shared.
    const WITHOUT_NAMES: u64 =
        OVERHEAD + (size_of::<(UserId, Self)>() + 2 * size_of::<usize>()) as u64;
}

/// How long a token that nobody has is remembered.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// Which part of the memory is for tokens that nobody has: a flood of them drives out no other.
const UNKNOWN_PART: u64 = 32;

/// The count of changes at some moment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Count(pub u64);

/// What is kept in memory of users and tokens.
pub(super) struct Cache {
    born: Instant,
    /// How many changes have been told.
    changes: AtomicU64,
    clock: Arc<dyn Clock>,
    feed_timeout: Duration,
    /// Until when memory may be asked while the store is away, in nanoseconds since `born`.
    grace_until: AtomicU64,
    /// Whether the feed was lost and has not been heard since.
    is_lost: AtomicBool,
    /// How often it was lost.
    outages: AtomicU64,
    metrics: Arc<Metrics>,
    outage_grace: Duration,
    tokens: Shelf<TokenKey, TokenFacts>,
    /// Until when the feed is trusted, in nanoseconds since `born`.
    trusted_until: AtomicU64,
    unknown: Shelf<TokenKey, Unknown>,
    users: Shelf<UserId, UserFacts>,
}

impl Cache {
    /// A memory that is empty, and stays so until it hears of a feed.
    pub(super) fn new(
        settings: CacheSettings,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let unknown = settings.size / UNKNOWN_PART;
        let half = (settings.size - unknown) / 2;
        Self {
            born: clock.instant(),
            changes: AtomicU64::new(0),
            grace_until: AtomicU64::new(0),
            is_lost: AtomicBool::new(false),
            outages: AtomicU64::new(0),
            // A memory of nothing is never trusted.
            feed_timeout: if half == 0 { Duration::ZERO } else { settings.feed_timeout },
            outage_grace: if half == 0 { Duration::ZERO } else { settings.outage_grace },
            tokens: Shelf::new(half, Some(Arc::clone(&metrics))),
            trusted_until: AtomicU64::new(0),
            // Not counted: what nobody has may go.
            unknown: Shelf::new(unknown, None),
            users: Shelf::new(half, Some(Arc::clone(&metrics))),
            clock,
            metrics,
        }
    }

    /// Whether what is in memory may be answered.
    pub(super) fn is_trusted(&self) -> bool {
        self.is_trusted_at(self.clock.instant())
    }

    fn is_trusted_at(&self, now: Instant) -> bool {
        self.since_birth(now) < self.trusted_until.load(Ordering::SeqCst)
    }

    /// What memory says of a token.
    pub(super) fn recall(&self, digest: &TokenDigest) -> Recall {
        let now = self.clock.instant();
        if !self.is_trusted_at(now) {
            return Recall::Nothing;
        }
        let key = digest.key();
        let Some(token) = self.tokens.get(&key) else {
            return self.recall_unknown(&key, now);
        };
        let Some(user) = self.users.get(&token.user) else { return Recall::Nothing };
        if token.standing.is_of(user.epoch) {
            return Recall::Known(Facts { token, user });
        }
        // The two were read at different times. What is there would not be put again.
        self.tokens.remove(&key);
        Recall::Nothing
    }

    fn with_user(&self, token: TokenFacts) -> Option<Facts> {
        let user = self.users.get(&token.user).filter(|user| token.standing.is_of(user.epoch))?;
        Some(Facts { token, user })
    }

    /// What memory says of a token for as long after the last proof as an operator grants where the
    /// store is away. To be asked only once the store was.
    pub(super) fn recall_in_outage(&self, digest: &TokenDigest) -> Option<Facts> {
        let now = self.since_birth(self.clock.instant());
        if self.outage_grace.is_zero() || now >= self.grace_until.load(Ordering::SeqCst) {
            return None;
        }
        self.with_user(self.tokens.get(&digest.key())?)
    }

    /// The store has answered. Unless it tells of changes too, there may have been some that nobody
    /// told, and should it go away now memory is of no use.
    pub(super) fn store_answers(&self) {
        if !self.is_trusted() {
            self.grace_until.store(0, Ordering::SeqCst);
        }
    }

    fn recall_unknown(&self, key: &TokenKey, now: Instant) -> Recall {
        match self.unknown.get(key) {
            Some(unknown) if now < unknown.0 => Recall::Nobodys,
            Some(_) => {
                // What is there would not be put again.
                self.unknown.remove(key);
                Recall::Nothing
            }
            None => Recall::Nothing,
        }
    }

    /// How many changes have been told. Whoever wants to put something asks before they read it.
    pub(super) fn count(&self) -> Count {
        Count(self.changes.load(Ordering::SeqCst))
    }

    /// Takes in what was read of a token at a count.
    pub(super) fn put(
        &self,
        digest: &TokenDigest,
        found: Option<(TokenRecord, User)>,
        read_at: Count,
    ) -> Option<Facts> {
        let key = digest.key();
        let Some((record, user)) = found else {
            self.unknown.put(&key, Unknown(self.clock.instant() + UNKNOWN_FOR), read_at);
            return None;
        };
        let facts = Facts::of(&record, &user);
        self.tokens.put(&key, facts.token, read_at);
        self.users.put(&user.id, facts.user.clone(), read_at);
        Some(facts)
    }

    /// Trusts nothing in memory until a feed is heard again. Says whether one had been.
    pub(super) fn distrust(&self) -> bool {
        self.metrics.feed_lost();
        self.is_lost.store(true, Ordering::SeqCst);
        let was_trusted = self.trusted_until.swap(0, Ordering::SeqCst) != 0;
        // Also when it was not there before: every time the servers may be others.
        self.outages.fetch_add(1, Ordering::SeqCst);
        was_trusted
    }

    /// Whether a feed was lost and has not been heard again.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::SeqCst)
    }

    /// What memory knew last of a token, although it may not be answered any more.
    pub(super) fn last_known(&self, digest: &TokenDigest) -> Option<Facts> {
        self.with_user(self.tokens.get(&digest.key())?)
    }

    /// How often a feed was lost: another server may be the primary since.
    pub(super) fn outages(&self) -> u64 {
        self.outages.load(Ordering::SeqCst)
    }

    fn since_birth(&self, moment: Instant) -> u64 {
        let nanos = moment.saturating_duration_since(self.born).as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

impl Watcher for Cache {
    fn changed(&self, change: Change) {
        let count = Count(self.changes.fetch_add(1, Ordering::SeqCst) + 1);
        match change {
            Change::Everything => {
                // Until all is gone, nothing may be answered; the feed's next proof ends that.
                self.trusted_until.store(0, Ordering::SeqCst);
                self.grace_until.store(0, Ordering::SeqCst);
                self.tokens.clear(count);
                self.unknown.clear(count);
                self.users.clear(count);
            }
            Change::Token(key) => {
                self.tokens.forget(&key, count);
                self.unknown.forget(&key, count);
            }
            Change::User(id) => self.users.forget(&id, count),
        }
    }

    fn told_until(&self, moment: Instant) {
        if self.is_lost.swap(false, Ordering::SeqCst) {
            tracing::info!("revocation feed is back");
        }
        let until = moment + self.feed_timeout;
        self.trusted_until.fetch_max(self.since_birth(until), Ordering::SeqCst);
        self.grace_until.fetch_max(self.since_birth(until + self.outage_grace), Ordering::SeqCst);
        let bytes = self.tokens.bytes() + self.unknown.bytes() + self.users.bytes();
        self.metrics.feed_heard(moment, until, bytes);
    }
}

#[cfg(test)]
mod tests;
