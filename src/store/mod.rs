//! Where users and tokens are kept: one trait, and a module for each place.

mod counts;
mod error;
mod events;
mod feed;
pub mod follow;
mod issue;
mod items;
mod listing;
mod lock;
mod observed;
pub mod redis;
mod sound;
pub mod sqlite;
pub mod staging;
mod stop;
mod temporary;
pub mod whole;

pub use self::counts::{Count, Series};
pub use self::error::{Outage, OutageKind, StoreError};
pub use self::events::{EventBounds, EventNews, EventPage, EventQuery};
pub use self::feed::{Change, Watcher};
pub use self::issue::{Issue, NewToken, OnLimit, TokenLimit};
pub use self::items::{Item, ItemKind, Unreadable};
pub use self::listing::{
    Census, Cursor, ListedToken, ListedUser, TokenPage, TokenUse, UserColumn, UserOrder, UserPage,
    UserQuery,
};
pub use self::lock::{Doing, Lock};
pub use self::observed::Observed;
pub use self::temporary::Temporary;

use crate::clock::Timestamp;
use crate::model::event::Event;
use crate::model::limit::{Charge, Familiar, Standing, Taken};
use crate::model::password::PasswordHash;
use crate::model::token::{KnoxKey, OldDigest, TokenDigest, TokenRecord};
use crate::model::user::{NewUser, User, UserChange, UserId, Username};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// Keeps users and tokens.
///
/// Every method is atomic: it happens or it does not, and a crash in its middle leaves at most what
/// nobody can reach. `Ok(None)` and `Ok(false)` mean "there is no such thing"; an error means that
/// the store could not tell, or does not know whether it happened.
#[async_trait]
pub trait Store: Send + Sync {
    /// Adds a user, unless the name is taken.
    async fn insert_user(&self, user: NewUser) -> Result<Inserted, StoreError>;
    /// The user of that number.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;
    /// The user of that name.
    async fn user_by_name(&self, name: &Username) -> Result<Option<User>, StoreError>;
    /// At most `limit` users with a number above `after`, in order of number.
    async fn users_after(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError>;
    /// Changes a user and returns the result.
    async fn change_user(&self, id: UserId, change: UserChange)
    -> Result<Option<User>, StoreError>;
    /// The same, unless the user is an operator at that moment.
    async fn change_other(
        &self,
        id: UserId,
        change: UserChange,
    ) -> Result<Spared<User>, StoreError>;
    /// Replaces a user's password and ends their tokens, but one that is good; says the epoch that began
    /// with it. It does not if the user is gone or locked out, or if their password is not the one that was
    /// verified. They need not choose another then. All of it is one step: the token that stays is good at
    /// every moment, and whether or not it is known that this happened.
    async fn replace_password(&self, change: PasswordChange) -> Result<Option<u64>, StoreError>;
    /// Deletes a user with all their tokens and items.
    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError>;
    /// The same, unless the user is an operator at that moment.
    async fn delete_other(&self, id: UserId) -> Result<Spared<()>, StoreError>;

    /// Adds a token, if its user is as the caller last saw them. One of the same digest is replaced.
    async fn issue_token(&self, token: NewToken) -> Result<Issue, StoreError>;
    /// A token and its user, whether or not the token is still good.
    async fn token(&self, digest: TokenDigest) -> Result<Option<(TokenRecord, User)>, StoreError>;
    /// The tokens of a user that are good at `now`, the oldest first.
    async fn tokens_of(&self, user: UserId, now: Timestamp)
    -> Result<Vec<ListedToken>, StoreError>;
    /// Moves a token's end, never to an earlier moment, and says whether there is such a token. One
    /// that is gone stays gone.
    async fn extend_token(
        &self,
        digest: TokenDigest,
        expires: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Deletes a token.
    async fn revoke_token(&self, digest: TokenDigest) -> Result<bool, StoreError>;
    /// Gives a token another digest, with what its record says of both, if it is good by the old one at
    /// that moment; says whether it is good by the new one. All of it is one step: it is good by one of
    /// them at every moment, for a while by both, and an end of it, whoever comes first, ends both. It has
    /// the epoch and the end that it had, whatever the record says.
    async fn exchange_token(&self, old: TokenDigest, new: &TokenRecord)
    -> Result<bool, StoreError>;
    /// Ends all tokens of a user, those that are being issued too, and those of the epoch that is known
    /// to have ended and of all before it, should the store have lost that.
    async fn revoke_tokens_of(&self, user: UserId, ended: u64) -> Result<bool, StoreError>;
    /// Those of the tokens whose text begins like this that came with a digest of another scheme. Their
    /// tokens may have ended.
    async fn old_digests(&self, key: &KnoxKey) -> Result<Vec<OldDigest>, StoreError>;
    /// Whether there are any such tokens; for a while it may say so when the last of them is gone.
    async fn has_old_digests(&self) -> Result<bool, StoreError>;
    /// Deletes what is of no more use by `now`, such as expired tokens, and says how many tokens.
    async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError>;
    /// Whether a sweep should come soon: until then users are not found in every order, because an
    /// older version has written them.
    async fn wants_sweep(&self) -> Result<bool, StoreError>;

    /// Takes one of each of the limits, or none of any if one of them has none left.
    ///
    /// `now` is the moment for a store that has no clock of its own. All keys are of one kind: logins,
    /// or a single other limit.
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Counted, StoreError>;
    /// Gives back one of each of the limits.
    async fn give_back(&self, charges: &[Charge]) -> Result<(), StoreError>;
    /// What has been taken of all limits and not been forgotten by `now`.
    async fn limits(&self, now: Timestamp) -> Result<Vec<(String, Taken)>, StoreError>;
    /// Forgets what has been taken of limits, and says of how many.
    async fn clear_limits(&self, keys: Vec<String>) -> Result<u64, StoreError>;
    /// Remembers that a user has logged in from a network, until a moment. Of each user a few
    /// networks are remembered, those for the longest.
    async fn make_familiar(&self, familiar: Familiar, until: Timestamp) -> Result<(), StoreError>;
    /// Until when it is remembered that a user has logged in from a network; `None` if it is not.
    async fn familiar_until(
        &self,
        familiar: Familiar,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;
    /// Forgets from which networks a user has logged in.
    async fn forget_familiar(&self, user: UserId) -> Result<(), StoreError>;
    /// Whether more than one gateway may use the store, so that all must count in it.
    fn is_shared(&self) -> bool;

    /// Keeps events, each once however often it is given, and lets go of the oldest beyond the
    /// bounds: of some at least, and of all in [`Store::sweep_events`].
    async fn keep_events(&self, events: &[Event], bounds: EventBounds) -> Result<(), StoreError>;
    /// A page of the events that were asked for, the newest first.
    async fn events(&self, query: &EventQuery) -> Result<EventPage, StoreError>;
    /// What was kept since a place, and at most so many of each trail; without one nothing but the
    /// place where news begin.
    async fn news_of_events(
        &self,
        place: Option<&Cursor>,
        limit: usize,
    ) -> Result<EventNews, StoreError>;
    /// Lets go of all events beyond the bounds.
    async fn sweep_events(&self, bounds: EventBounds) -> Result<(), StoreError>;

    /// A page of the users that were asked for.
    async fn find_users(&self, query: &UserQuery, now: Timestamp) -> Result<UserPage, StoreError>;
    /// Whether there is an active staff user, beside this one. Asks the users' records and nothing that
    /// could lag behind them; an error if all that may be one cannot be read.
    async fn has_operator(&self, beside: Option<UserId>) -> Result<bool, StoreError>;
    /// A page of the tokens of all users that are good at `now`, those that were used or issued last
    /// first.
    async fn find_tokens(
        &self,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<TokenPage, StoreError>;
    /// Notes when and from where tokens were used. Those that have ended meanwhile are passed over.
    async fn note_uses(&self, uses: &[TokenUse]) -> Result<(), StoreError>;
    /// How many users and tokens there are.
    async fn census(&self, now: Timestamp) -> Result<Census, StoreError>;

    /// Keeps an item, in place of one with its key.
    async fn put_item(&self, item: &Item) -> Result<(), StoreError>;
    /// Keeps an item, if there is none with its key at `now`; says whether it did.
    async fn add_item(&self, item: &Item, now: Timestamp) -> Result<bool, StoreError>;
    /// Keeps an item in place of the one with its key, if that one still has this value; says whether
    /// it did.
    async fn replace_item(&self, value: &str, item: &Item) -> Result<bool, StoreError>;
    /// The item of that key.
    async fn item(
        &self,
        kind: ItemKind,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Item>, StoreError>;
    /// All items of a kind, in order of key, but those that cannot be read.
    async fn items(&self, kind: ItemKind, now: Timestamp) -> Result<Vec<Item>, StoreError>;
    /// Lets go of an item and says whether it was there. Of many who ask at once, one is told so.
    async fn remove_item(&self, kind: ItemKind, key: &str) -> Result<bool, StoreError>;

    /// Takes a lock, unless someone has it; says whether it did. However wrong the clock of a process
    /// is, a lock ends no later than it lasts from the moment when another asks for it. A store that
    /// has a clock of its own asks that one; the others have one machine, where it is `now`.
    async fn take_lock(&self, lock: &Lock, now: Timestamp) -> Result<bool, StoreError>;
    /// Lets go of a lock, unless it ran out and another has it.
    async fn release_lock(&self, lock: &Lock) -> Result<(), StoreError>;

    /// Adds to what was counted in some minutes.
    async fn add_counts(&self, counts: &[Count]) -> Result<(), StoreError>;
    /// What was counted since a moment of the last day.
    async fn counts(&self, since: Timestamp) -> Result<Vec<Count>, StoreError>;

    /// Tells of every change that [`Store::token`] would show, whoever makes it, until the feed
    /// breaks; then says why. Begins with [`Change::Everything`], and proves once a `beat` that it is
    /// alive. A change through this very handle is told before the method that makes it returns.
    ///
    /// Tells one watcher at a time: a later call takes the place of an earlier one.
    async fn watch(&self, watcher: Arc<dyn Watcher>, beat: Duration) -> StoreError;

    /// How long it takes, as a rule, until the watchers of other processes are told of a change.
    fn told_within(&self) -> Duration;

    /// How many of its servers are silent, so that nobody waits for them but those who try anew.
    fn open_circuits(&self) -> usize {
        0
    }
    /// What the clocks say by which it judges: those of its servers, where it has any.
    async fn clocks(&self) -> Result<Vec<Timestamp>, StoreError>;
    /// Succeeds if the store answers.
    async fn ping(&self) -> Result<(), StoreError>;
    /// Brings what an older version has written up to date. It may take long, and until it is done
    /// what is read may be an error.
    async fn make_newest(&self) -> Result<(), StoreError>;
    /// Refuses a store that is not whole, because a backup was being brought back to it.
    async fn refuse_half(&self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Connects, refuses what cannot serve as a store, and tells what an operator should know of it.
    async fn inspect(&self) -> Result<Inspection, StoreError>;
}

/// What came of something that is done to nobody who is an operator at that moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Spared<T> {
    /// It was done.
    Done(T),
    /// There is no such user.
    Gone,
    /// They are an operator, or nobody can tell.
    Operator,
}

impl<T> Spared<T> {
    /// What was done, if it was.
    fn done(self) -> Option<T> {
        match self {
            Self::Done(done) => Some(done),
            Self::Gone | Self::Operator => None,
        }
    }
}

/// A new password, by its owner.
#[derive(Clone)]
pub struct PasswordChange {
    /// The hash that was verified.
    pub from: PasswordHash,
    /// The digests of the token that stays: it may be getting another one at that moment, from the later ones to
    /// the first.
    pub keep: Vec<TokenDigest>,
    /// The hash of the new password.
    pub to: PasswordHash,
    /// Whose it is.
    pub user: UserId,
}

/// Whether a user was added.
#[derive(Clone, Eq, PartialEq)]
pub enum Inserted {
    /// They were.
    Done(User),
    /// The name belongs to another.
    NameTaken,
}

/// From how many networks a user is remembered to have logged in.
const FAMILIAR_NETWORKS: u16 = 16;

/// Whether something was taken of limits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Counted {
    /// It was. How the last of them stands.
    Done(Standing),
    /// It was not.
    Refused {
        /// Which of them has nothing left.
        charge: Charge,
        /// How long to wait.
        wait: Duration,
    },
}

/// What an operator should know of a store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Inspection {
    /// What it is, in a line: kind, place, version; no secrets.
    pub summary: String,
    /// What may lose accounts or tokens, a line each.
    pub warnings: Vec<String>,
}

/// Where to keep things.
#[derive(Clone, Eq, PartialEq)]
pub enum Settings {
    /// A Redis server: `redis://HOST:PORT/DB` or `rediss://…`. May hold a password, so it has no Debug.
    Redis {
        /// Who vouches for it by TLS, in PEM, in place of those of the public web.
        authorities: Option<Vec<u8>>,
        /// How many replicas must have what ends something before it is answered.
        replicas: u16,
        /// The address.
        url: String,
    },
    /// A file on this machine.
    Sqlite {
        /// The file; made when it is not there.
        path: std::path::PathBuf,
    },
}

/// Opens a store. A server that does not answer is no error: it may come back.
pub fn open(settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match settings {
        Settings::Redis { authorities, replicas, url } => {
            let store = redis::RedisStore::open_trusting(url, authorities.as_deref())?;
            Arc::new(store.ending_on(*replicas))
        }
        Settings::Sqlite { path } => Arc::new(sqlite::SqliteStore::open(path)?),
    })
}

/// Opens a store to serve from it for long, after a look at whether it is damaged.
pub fn open_to_serve(settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    if let Settings::Sqlite { path } = settings {
        sqlite::SqliteStore::check(path)?;
    }
    open(settings)
}
