//! What the gateways share: users, tokens, and the line to each gateway on which it hears of changes.

use crate::judge::Judge;
use crate::line::Line;
use authgate::clock::{Clock, ManualClock, Timestamp};
use authgate::model::email::Email;
use authgate::model::password::PasswordHash;
use authgate::model::token::{TokenDigest, TokenRecord};
use authgate::model::user::{Profile, User, UserChange, UserId, Username};
use authgate::store::Change;
use std::collections::HashMap;
use std::sync::Arc;

/// One of the two gateways.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Gate {
    A,
    B,
}

impl Gate {
    pub(crate) const BOTH: [Self; 2] = [Self::A, Self::B];
}

/// Which store the server stands in for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Tells everyone of each change by its key; token and user are read one after the other.
    Redis,
    /// Says only that another process has changed something; a read is one snapshot.
    Sqlite,
}

/// Which attempt to change something is under way, for the judge.
pub(crate) type Attempt = usize;

/// The server, and the judge who sees all that happens there.
pub(crate) struct Server {
    /// Whose doing it is, as long as a future is polled.
    pub(crate) attempt: Option<Attempt>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) judge: Judge,
    pub(crate) kind: Kind,
    pub(crate) lines: [Line; 2],
    /// How often a token was read.
    pub(crate) reads: usize,
    pub(crate) tables: Tables,
}

impl Server {
    /// Changes something in one step and lets the lines know. `from` is nobody's gateway if another
    /// process does it.
    pub(crate) fn change<T>(
        &mut self,
        from: Option<Gate>,
        change: Change,
        act: impl FnOnce(&mut Tables) -> T,
    ) -> T {
        let outcome = act(&mut self.tables);
        self.judge.changed(change, self.attempt, self.clock.now(), &self.tables);
        for gate in Gate::BOTH {
            let line = &mut self.lines[gate as usize];
            match self.kind {
                Kind::Sqlite if from == Some(gate) => line.writes(),
                Kind::Redis | Kind::Sqlite => line.note(change),
            }
        }
        outcome
    }

    /// Tells a gateway of a change that it has made itself.
    pub(crate) fn tell_own(&mut self, gate: Gate, change: Change) {
        self.judge.told(gate, change);
        self.lines[gate as usize].tell(change);
        self.lines[gate as usize].has_written();
    }

    /// Lets a gateway's line do one thing.
    pub(crate) fn advance_line(&mut self, gate: Gate, hears: bool) {
        let now = self.clock.instant();
        let line = &mut self.lines[gate as usize];
        let told = if hears { line.hear() } else { line.beat(self.kind, now) };
        if let Some(change) = told {
            self.judge.told(gate, change);
            self.lines[gate as usize].tell(change);
        }
        if self.lines[gate as usize].prove() {
            self.judge.proven(gate);
        }
    }
}

/// Users and tokens.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) tokens: HashMap<TokenDigest, TokenRecord>,
    pub(crate) users: HashMap<UserId, User>,
}

impl Tables {
    /// Adds a user without telling anyone: before the story begins.
    pub(crate) fn add_user(&mut self, id: UserId, name: &str) {
        let user = User {
            email: Email::stored(String::new()),
            epoch: 0,
            id,
            is_active: true,
            is_staff: false,
            joined: Timestamp::from_micros(0),
            last_login: None,
            must_change: false,
            password: PasswordHash::new(String::new()),
            profile: Profile::default(),
            username: Username::parse(name).unwrap(),
        };
        self.users.insert(id, user);
    }

    /// Whether a token may be issued to its user as its issuer last saw them.
    pub(crate) fn may_issue(&self, token: &TokenRecord) -> bool {
        let user = self.users.get(&token.user);
        user.is_some_and(|user| user.is_active && user.epoch == token.epoch)
    }

    pub(crate) fn extend(&mut self, digest: TokenDigest, end: Timestamp) -> bool {
        let found = self.tokens.get_mut(&digest);
        found.map(|token| token.expires = token.expires.map(|old| old.max(end))).is_some()
    }

    pub(crate) fn change_user(&mut self, id: UserId, change: &UserChange) -> Option<User> {
        let user = self.users.get_mut(&id)?;
        change.apply(user);
        Some(user.clone())
    }

    pub(crate) fn revoke_all(&mut self, id: UserId) -> bool {
        let found = self.users.get_mut(&id);
        let is_known = found.map(|user| user.epoch += 1).is_some();
        self.tokens.retain(|_, token| token.user != id);
        is_known
    }

    pub(crate) fn delete_user(&mut self, id: UserId) -> bool {
        self.tokens.retain(|_, token| token.user != id);
        self.users.remove(&id).is_some()
    }

    /// Whether a token is good but for its end in time.
    pub(crate) fn is_good(&self, digest: &TokenDigest) -> bool {
        self.tokens.get(digest).is_some_and(|token| self.may_issue(token))
    }
}
