//! What was ended lately, so that it stays ended: although the store could not write it down, or has
//! lost it again with the server that was its primary.

mod ending;
mod writing;

use crate::clock::Timestamp;
use crate::model::token::{TokenDigest, TokenKey, TokenRecord};
use crate::model::user::UserId;
use crate::store::ItemKind;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it is remembered what the store has written: by then its replicas have it, too.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// Beyond how many they are remembered for a tenth of that.
const MOST: usize = 100_000;
/// By how much the clocks of gateways may differ.
const SKEW: Duration = Duration::from_secs(2);

/// What was ended lately.
#[derive(Default)]
pub(super) struct Tombstones(Mutex<State>);

#[derive(Default)]
struct State {
    /// Sessions of the console and API keys.
    items: HashMap<(ItemKind, String), Mark<()>>,
    tokens: HashMap<TokenKey, Mark<TokenDigest>>,
    users: HashMap<UserId, Mark<Ended>>,
}

impl State {
    fn of_user(&self, user: UserId, epoch: u64, outages: u64) -> Option<&Mark<Ended>> {
        let is_of_it = |mark: &&Mark<Ended>| epoch <= mark.what.epoch && mark.is_needed(outages);
        self.users.get(&user).filter(is_of_it)
    }

    fn len(&self) -> usize {
        self.items.len() + self.tokens.len() + self.users.len()
    }
}

/// What has ended of a user.
#[derive(Clone, Copy)]
struct Ended {
    /// When they had joined, if they were deleted: numbers may lie, should someone set them back.
    deleted: Option<Timestamp>,
    /// The last epoch whose tokens are ended.
    epoch: u64,
}

/// One that was ended.
#[derive(Clone, Copy)]
struct Mark<T> {
    /// When it ended, or when the store was last found to have lost it.
    at: Instant,
    ended: Timestamp,
    what: T,
    /// How often the feed had been lost when the store had this; `None` if it has not written it.
    written: Option<u64>,
}

impl<T> Mark<T> {
    /// Whether the store may say something else: it has not written this, or is perhaps not the server
    /// any more that has.
    fn is_needed(&self, outages: u64) -> bool {
        self.written != Some(outages)
    }

    /// Whether a token that was made then was there when this ended, by the clocks of two gateways.
    fn ends(&self, created: Timestamp) -> bool {
        created < self.ended.plus(SKEW)
    }

    /// Notes that the store has it, and whether it had lost it.
    fn was_written(&mut self, outages: u64, was_lost: bool, now: Instant) {
        self.written = Some(outages);
        if was_lost {
            self.at = now;
        }
    }

    fn is_kept(&self, now: Instant, outages: u64, enough: Duration) -> bool {
        self.is_needed(outages) || now.saturating_duration_since(self.at) < enough
    }
}

/// Something that the store has to write, again if it may have lost it.
enum Due {
    Item((ItemKind, String)),
    Token(TokenDigest),
    User(UserId, Mark<Ended>),
}

impl Tombstones {
    /// A token has ended, whether or not the store has written it.
    fn token_ended(&self, mark: Mark<TokenDigest>) {
        self.state().tokens.insert(mark.what.key(), mark);
    }

    /// A session or a key has ended, likewise.
    fn item_ended(&self, kind: ItemKind, key: &str, mark: Mark<()>) {
        self.state().items.insert((kind, key.to_owned()), mark);
    }

    /// All tokens of a user have ended that are of this epoch or an earlier one, likewise.
    fn tokens_of_ended(&self, user: UserId, mark: Mark<Ended>) {
        let mut state = self.state();
        match state.users.get(&user) {
            Some(before) if before.what.deleted.is_some() => {}
            // What is not written of a later epoch stays to be written; a deletion ends all of them.
            Some(before) if before.what.epoch > mark.what.epoch => {
                if mark.what.deleted.is_some() {
                    let what = Ended { epoch: before.what.epoch, ..mark.what };
                    state.users.insert(user, Mark { what, ..mark });
                }
            }
            _ => drop(state.users.insert(user, mark)),
        }
    }

    /// Whether a token was ended here, whatever the store says.
    pub(super) fn cover(&self, token: &TokenRecord, outages: u64) -> bool {
        let state = self.state();
        let of_token = state.tokens.get(&token.digest.key());
        let of_user = state.of_user(token.user, token.epoch, outages);
        of_token.is_some_and(|mark| mark.is_needed(outages))
            || of_user.is_some_and(|mark| mark.ends(token.created))
    }

    /// Whether a session or a key was ended here, whatever the store says. There is never another one
    /// of that name.
    fn cover_item(&self, kind: ItemKind, key: &str) -> bool {
        self.state().items.contains_key(&(kind, key.to_owned()))
    }

    /// Users first.
    fn to_write(&self, outages: u64) -> Vec<Due> {
        let state = self.state();
        let items = state.items.iter().filter(|(_, mark)| mark.is_needed(outages));
        let tokens = state.tokens.values().filter(|mark| mark.is_needed(outages));
        let users = state.users.iter().filter(|(_, mark)| mark.is_needed(outages));
        let users = users.map(|(user, mark)| Due::User(*user, *mark));
        let tokens = tokens.map(|mark| Due::Token(mark.what));
        users.chain(tokens).chain(items.map(|(item, _)| Due::Item(item.clone()))).collect()
    }

    fn change_item(&self, item: &(ItemKind, String), change: impl FnOnce(&mut Mark<()>)) {
        self.state().items.get_mut(item).map(change);
    }

    fn change_token(&self, digest: &TokenDigest, change: impl FnOnce(&mut Mark<TokenDigest>)) {
        self.state().tokens.get_mut(&digest.key()).map(change);
    }

    fn change_user(&self, user: UserId, epoch: u64, change: impl FnOnce(&mut Mark<Ended>)) {
        self.state().users.get_mut(&user).filter(|mark| mark.what.epoch <= epoch).map(change);
    }

    /// What is to be written of a user's tokens.
    fn unwritten(&self, user: UserId, outages: u64) -> Option<Mark<Ended>> {
        self.state().users.get(&user).filter(|mark| mark.is_needed(outages)).copied()
    }

    /// Lets go of what the store has had for long enough.
    fn forget_old(&self, now: Instant, outages: u64) {
        let mut state = self.state();
        let enough = if state.len() > MOST { REMEMBERED_FOR / 10 } else { REMEMBERED_FOR };
        state.items.retain(|_, mark| mark.is_kept(now, outages, enough));
        state.tokens.retain(|_, mark| mark.is_kept(now, outages, enough));
        state.users.retain(|_, mark| mark.is_kept(now, outages, enough));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
