//! What a gateway may answer, told from what has happened at the server and what the gateway has
//! heard of it. The judge knows nothing of how a gateway works.

use crate::server::{Attempt, Gate, Tables};
use authgate::clock::Timestamp;
use authgate::model::token::{TokenDigest, TokenKey, TokenRecord};
use authgate::model::user::UserId;
use authgate::store::Change;
use std::collections::HashMap;
use std::time::Duration;

/// Keeps the history.
#[derive(Default)]
pub(crate) struct Judge {
    attempts: HashMap<Attempt, usize>,
    /// How long a gateway may be ignorant of a change.
    bound: Duration,
    changes: Vec<Made>,
    /// Which gateways have not heard a proof since they noticed that their line is broken.
    deaf: [bool; 2],
    fates: HashMap<TokenDigest, Fate>,
    heard: [Heard; 2],
    /// How many uses of an ended token passed because the gateway might not know of it yet.
    pub(crate) late: usize,
}

struct Made {
    at: Timestamp,
    change: Change,
}

/// What became of a token. It may live more than once: an import can bring it back.
struct Fate {
    /// Which change ended its life.
    ended: Option<usize>,
    /// The latest end that this life was ever given.
    expires: Option<Timestamp>,
    is_good: bool,
    lives: u32,
    owner: UserId,
}

/// Up to which change a gateway has heard of what.
#[derive(Default)]
struct Heard {
    everything: usize,
    tokens: HashMap<TokenKey, usize>,
    users: HashMap<UserId, usize>,
}

impl Heard {
    fn of(&mut self, change: Change) -> &mut usize {
        match change {
            Change::Everything => &mut self.everything,
            Change::Token(key) => self.tokens.entry(key).or_default(),
            Change::User(id) => self.users.entry(id).or_default(),
        }
    }

    fn knows(&self, change: Change) -> usize {
        let of_it = match change {
            Change::Everything => None,
            Change::Token(key) => self.tokens.get(&key),
            Change::User(id) => self.users.get(&id),
        };
        self.everything.max(of_it.copied().unwrap_or_default())
    }
}

/// A use of a token, and what its gateway knew as it began.
pub(crate) struct Use {
    began: Timestamp,
    digest: TokenDigest,
    /// When the token was to expire, as far as was known then.
    expires: Option<Timestamp>,
    life: u32,
    must_fall: bool,
    must_pass: bool,
}

impl Judge {
    pub(crate) fn new(bound: Duration) -> Self {
        Self { bound, ..Self::default() }
    }

    /// Notes what an attempt has changed.
    pub(crate) fn changed(
        &mut self,
        change: Change,
        attempt: Option<Attempt>,
        at: Timestamp,
        tables: &Tables,
    ) {
        let number = self.changes.len();
        self.changes.push(Made { at, change });
        if let Some(attempt) = attempt {
            self.attempts.insert(attempt, number);
        }
        if let Change::Token(key) = change
            && let Some(token) = tables.tokens.values().find(|token| token.digest.key() == key)
        {
            let ends = |made: &Made| made.change == Change::User(token.user);
            let ended = self.changes.iter().rposition(ends);
            self.fates.entry(token.digest).or_insert_with(|| Fate::of(token, ended));
        }
        for (digest, fate) in &mut self.fates {
            fate.update(digest, number, tables);
        }
    }

    /// Whether a token was there and has ended.
    pub(crate) fn has_ended(&self, digest: &TokenDigest) -> bool {
        self.fates.get(digest).is_some_and(|fate| fate.ended.is_some())
    }

    /// Notes that a gateway was told: whatever it has read before, it must not rely on.
    pub(crate) fn told(&mut self, gate: Gate, change: Change) {
        *self.heard[gate as usize].of(change) = self.changes.len();
    }

    /// Notes that a gateway has acknowledged a change to whoever asked it for that.
    pub(crate) fn acknowledged(&mut self, gate: Gate, attempt: Attempt) {
        if let Some(&number) = self.attempts.get(&attempt) {
            let heard = self.heard[gate as usize].of(self.changes[number].change);
            *heard = (*heard).max(number + 1);
        }
    }

    /// Notes that a gateway knows that it hears nothing: until it does, it must rely on nothing.
    pub(crate) fn lost(&mut self, gate: Gate) {
        self.deaf[gate as usize] = true;
    }

    /// Notes that a gateway was given a proof that its line is alive.
    pub(crate) fn proven(&mut self, gate: Gate) {
        self.deaf[gate as usize] = false;
    }

    /// A use begins.
    pub(crate) fn begin(&mut self, gate: Gate, digest: TokenDigest, now: Timestamp) -> Use {
        let (life, expires, must_fall, must_pass) = (0, None, false, false);
        let mut used = Use { began: now, digest, expires, life, must_fall, must_pass };
        if let Some(fate) = self.fates.get(&digest) {
            (used.life, used.expires) = (fate.lives, fate.expires);
            used.must_fall = fate.ended.is_some_and(|number| self.is_known(gate, number, now));
            let concerns = |made: &Made| {
                made.change == Change::Token(digest.key())
                    || made.change == Change::User(fate.owner)
            };
            let mut numbers = (0..self.changes.len()).filter(|it| concerns(&self.changes[*it]));
            used.must_pass = fate.is_good && numbers.all(|it| self.is_known(gate, it, now));
        }
        used
    }

    /// A use ends: the gateway says whose the token is, or refuses it.
    pub(crate) fn end(
        &mut self,
        used: &Use,
        accepted: Option<UserId>,
        now: Timestamp,
    ) -> Result<(), &'static str> {
        let Some(fate) = self.fates.get(&used.digest) else {
            return accepted.map_or(Ok(()), |_| Err("a token was accepted that nobody has"));
        };
        if fate.lives != used.life {
            // Whichever life it saw, both answers were right at some moment.
            return Ok(());
        }
        match accepted {
            Some(owner) if owner != fate.owner => Err("a token was taken for another user's"),
            Some(_) if used.must_fall => Err("an ended token was accepted outside the bound"),
            Some(_) if fate.has_expired(used.began) => Err("an expired token was accepted"),
            Some(_) => {
                self.late += usize::from(!fate.is_good);
                Ok(())
            }
            None if used.must_pass && fate.is_good && !has_come(used.expires, now) => {
                Err("a good token was refused")
            }
            None => Ok(()),
        }
    }

    /// Whether the token is good now, whoever knows it.
    pub(crate) fn is_good(&self, digest: &TokenDigest, now: Timestamp) -> bool {
        self.fates.get(digest).is_some_and(|fate| fate.is_good && !fate.has_expired(now))
    }

    /// Whether a gateway has heard of a change, or else must not rely on its memory any more.
    fn is_known(&self, gate: Gate, number: usize, now: Timestamp) -> bool {
        let Made { at, change } = self.changes[number];
        let has_heard = self.heard[gate as usize].knows(change) > number;
        has_heard || at.plus(self.bound) <= now || self.deaf[gate as usize]
    }
}

impl Fate {
    /// A token that is new. If it is not good it was issued just before the last change of its user,
    /// and written only after it.
    fn of(token: &TokenRecord, ended: Option<usize>) -> Self {
        let TokenRecord { expires, user: owner, .. } = *token;
        Self { ended, expires, is_good: false, lives: 0, owner }
    }

    fn update(&mut self, digest: &TokenDigest, number: usize, tables: &Tables) {
        let was_good = std::mem::replace(&mut self.is_good, tables.is_good(digest));
        match (was_good, self.is_good) {
            (true, false) => self.ended = Some(number),
            (false, true) => {
                self.lives += 1;
                self.ended = None;
                self.expires = tables.tokens[digest].expires;
            }
            (true, true) => {
                let end = tables.tokens[digest].expires;
                self.expires = self.expires.zip(end).map(|(old, new)| old.max(new));
            }
            (false, false) => {}
        }
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        has_come(self.expires, now)
    }
}

fn has_come(end: Option<Timestamp>, now: Timestamp) -> bool {
    end.is_some_and(|end| end <= now)
}
