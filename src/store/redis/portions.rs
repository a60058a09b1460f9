//! Reading users with everything of theirs, while others change it: many at once, for most of the time goes
//! to the way to Redis and back.

use super::record::{self, Entry, UNDECIDED};
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::token::{OldDigest, TokenAbout, TokenDigest, TokenKey, TokenRecord};
use crate::model::user::{User, UserId};
use crate::store::whole::Portion;
use crate::store::{ListedToken, StoreError};
use redis::{Cmd, pipe};
use std::collections::{HashMap, HashSet};
use std::slice;

/// How many keys are read at once.
const CHUNK: usize = 500;
/// How often a user is read who ends all their tokens meanwhile.
const ROUNDS: usize = 16;

/// A user's tokens, with what is known of each.
type Tokens = Vec<(TokenRecord, TokenAbout)>;

/// What was read of a user's tokens.
#[derive(Default)]
struct Reading {
    /// Those that are listed and have no key: they are gone, or got another digest since they were listed.
    keyless: HashSet<TokenKey>,
    tokens: Tokens,
}

impl RedisStore {
    /// Users with everything of theirs. Those are not among them who are gone or were never wholly there.
    ///
    /// Each is read again until their epoch was the same before and after, and no token on their list was
    /// without a key that had one before: so no token is among them that had ended when its user was read, and
    /// none is missing that got another digest meanwhile.
    pub(super) async fn portions(
        &self,
        ids: &[UserId],
        now: Timestamp,
    ) -> Result<Vec<Portion>, StoreError> {
        let (mut users, mut whole) = (self.readable_users(ids).await?, Vec::new());
        let mut seen: HashMap<UserId, HashSet<TokenKey>> = HashMap::new();
        for round in 0..=ROUNDS {
            if users.is_empty() {
                break;
            }
            let before = users.iter().map(|user| (user.id, user.epoch));
            let read = self.tokens_of(&users, now).await?;
            let mut read: HashMap<_, _> = before.zip(read).collect();
            let again: Vec<_> = users.iter().map(|user| user.id).collect();
            users = Vec::new();
            for user in self.readable_users(&again).await? {
                let found = read.remove(&(user.id, user.epoch));
                let is_still = found.is_some();
                let Reading { keyless, tokens } = found.unwrap_or_default();
                let is_known = keyless.is_empty() || seen.get(&user.id) == Some(&keyless);
                if is_still && is_known || round == ROUNDS {
                    whole.push((user, tokens));
                } else {
                    seen.insert(user.id, keyless);
                    users.push(user);
                }
            }
        }
        whole.sort_by_key(|(user, _)| user.id);
        self.with_the_rest(whole).await
    }

    /// The good tokens of a user.
    pub(super) async fn list_tokens(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<ListedToken>, StoreError> {
        let Some(user) = self.read_user(user).await? else { return Ok(Vec::new()) };
        let lists = self.tokens_of(slice::from_ref(&user), now).await?;
        let tokens = lists.into_iter().flat_map(|read| read.tokens);
        let listed = tokens.map(|(record, about)| {
            let username = user.username.clone();
            ListedToken { about, record, username }
        });
        Ok(listed.collect())
    }

    /// The good tokens of each of the users, as they were read, by creation.
    async fn tokens_of(&self, users: &[User], now: Timestamp) -> Result<Vec<Reading>, StoreError> {
        let listed = self.listed_of(users, now).await?;
        let mut of_users = vec![(Vec::new(), HashSet::new()); users.len()];
        for chunk in listed.chunks(CHUNK) {
            let mut read = pipe();
            for (_, entry) in chunk {
                read.get(keys::token(&entry.key));
            }
            let found: Vec<Option<Vec<u8>>> = self.link.ask(Request::Batch(&read)).await?;
            for ((place, entry), bytes) in chunk.iter().zip(found) {
                let Some((tokens, keyless)) = of_users.get_mut(*place) else { continue };
                match bytes {
                    Some(bytes) => {
                        tokens.extend(as_listed(entry, record::token(&entry.key, &bytes)?));
                    }
                    None => {
                        keyless.insert(entry.key);
                    }
                }
            }
        }
        for (user, (tokens, _)) in users.iter().zip(&mut of_users) {
            tokens.retain(|token| token.epoch == user.epoch && !token.has_expired(now));
            tokens.sort_by_key(|token| token.created);
        }
        let all: Vec<_> = of_users.iter().flat_map(|(tokens, _)| tokens).collect();
        let mut abouts = self.read_notes(&all).await?.into_iter();
        let reading = |(tokens, keyless): (Vec<TokenRecord>, _)| {
            let tokens = tokens.into_iter().zip(abouts.by_ref()).collect();
            Reading { keyless, tokens }
        };
        Ok(of_users.into_iter().map(reading).collect())
    }

    /// What is on the lists of these users and has not run out, and in which place each user is.
    async fn listed_of(
        &self,
        users: &[User],
        now: Timestamp,
    ) -> Result<Vec<(usize, Entry)>, StoreError> {
        let mut read = pipe();
        for user in users {
            let after = format!("({}", now.micros());
            read.zrangebyscore(keys::user_tokens(user.id), after, "+inf");
        }
        let lists: Vec<Vec<Vec<u8>>> = self.link.ask(Request::Batch(&read)).await?;
        let entries = lists.iter().enumerate().flat_map(|(place, list)| {
            list.iter().map(move |bytes| Ok((place, Entry::read(bytes)?)))
        });
        entries.collect()
    }

    /// Leaves out who does not own their name, and adds what is kept beside users and tokens.
    async fn with_the_rest(&self, read: Vec<(User, Tokens)>) -> Result<Vec<Portion>, StoreError> {
        let (mut users, mut tokens) = (Vec::new(), HashMap::new());
        for (user, of_user) in read {
            tokens.insert(user.id, of_user);
            users.push(user);
        }
        self.drop_nameless(&mut users).await?;
        let all = || users.iter().filter_map(|user| tokens.get(&user.id)).flatten();
        let old_digests = self.old_digests_of(all().map(|(token, _)| token)).await?;
        let mut old_digests: HashMap<TokenDigest, OldDigest> =
            old_digests.into_iter().map(|old| (old.digest, old)).collect();
        let familiar = self.familiar_of(&users).await?;
        let portion = |(user, familiar): (User, _)| {
            let tokens = tokens.remove(&user.id).unwrap_or_default();
            let old_digests =
                tokens.iter().filter_map(|(token, _)| old_digests.remove(&token.digest)).collect();
            Portion { familiar, old_digests, tokens, user }
        };
        Ok(users.into_iter().zip(familiar).map(portion).collect())
    }

    /// From where each of these users has logged in, and until when that counts.
    async fn familiar_of(
        &self,
        users: &[User],
    ) -> Result<Vec<Vec<(String, Timestamp)>>, StoreError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut read = pipe();
        for user in users {
            read.add_command(Cmd::zrange_withscores(keys::familiar(user.id), 0, -1));
        }
        let found: Vec<Vec<(String, f64)>> = self.link.ask(Request::Batch(&read)).await?;
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of this age fit exactly")]
        let moment = |until: f64| Timestamp::from_micros(until as i64);
        let networks = |found: Vec<(String, f64)>| {
            found.into_iter().map(|(network, until)| (network, moment(until))).collect()
        };
        Ok(found.into_iter().map(networks).collect())
    }
}

/// A token as its entry has it. One that was added again has an entry of its former life. One that has
/// stayed at a new password is of a later epoch here than its key may say.
fn as_listed(entry: &Entry, token: TokenRecord) -> Option<TokenRecord> {
    if token.created != entry.created {
        return None;
    }
    let is_behind = token.epoch == UNDECIDED || token.epoch < entry.epoch;
    let epoch = if is_behind { entry.epoch } else { token.epoch };
    Some(TokenRecord { epoch, ..token })
}
