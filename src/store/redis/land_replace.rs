//! Having users who are here have the tokens of a source and no others.
//!
//! Whatever is not answered may come late, after its token was logged out. So it is asked for once, and where
//! no answer comes the user gets another epoch, by which all of it is dead, and it is done anew. A token that
//! is here is never written again once it is gone. What takes the place of others is there before they go.

use super::land::Crossing;
use super::land_batch::MEMBERS;
use super::land_former::{of_source, wanted};
use super::land_token::{NewToken, unlisting};
use super::notes::recent;
use super::old_digests::{forgetting, keeping};
use super::patience::{Patience, patiently};
use super::record::{self, Entry, Fields};
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::token::{OldDigest, TokenDigest, TokenKey};
use crate::model::user::{User, UserId};
use crate::store::StoreError;
use crate::store::staging::{Arrival, Landed};
use redis::{Cmd, pipe};
use std::collections::{HashMap, HashSet};

/// Whose tokens become those of a source.
pub(super) struct Owner<'a> {
    /// Those of theirs had ended before that are of an earlier epoch.
    pub(super) since: u64,
    pub(super) user: &'a User,
}

/// What a user has of tokens, and what they are to have.
pub(super) struct Replacement<'a> {
    arrival: &'a Arrival,
    /// What had not run out when it was begun.
    before: Vec<Entry>,
    /// Of which the tokens are that are written.
    epoch: u64,
    /// The tokens that were good when it was begun.
    pub(super) had: HashSet<TokenKey>,
    /// How those of them are found that have an old digest.
    pub(super) olds: HashMap<TokenDigest, OldDigest>,
    pub(super) tokens: Vec<NewToken>,
    user: &'a User,
}

impl RedisStore {
    /// Has the user have the tokens of the source and no others, if it says anything of tokens, and nobody has
    /// ended all of theirs since they were looked at.
    pub(super) async fn land_tokens(
        &self,
        crossing: &Crossing<'_>,
        Owner { since, user }: Owner<'_>,
        arrival: &Arrival,
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        if !arrival.user.says.tokens {
            return Ok(());
        }
        let at = crossing.order.at;
        let (before, epoch) = patiently(async || self.unexpired(user.id, at).await).await?;
        if epoch != Some(user.epoch) {
            keep_out(arrival, landed);
            return Ok(());
        }
        let here = before.iter().filter(|entry| entry.epoch >= since);
        let here: Vec<_> = here.cloned().collect();
        let ours = self.with_former_digest(arrival, &here).await?;
        let wanted = |token| wanted(token, user, at, ours.get(&token.digest));
        let tokens: Vec<_> = arrival.tokens.iter().map(wanted).collect();
        let known = tokens.iter().map(|token| token.record.digest.key());
        let known: HashSet<_> = known.chain(of_source(arrival)).collect();
        let ended = here.iter().filter(|entry| !known.contains(&entry.key)).count();
        landed.tokens_ended += u64::try_from(ended).unwrap_or(0);
        if tokens.is_empty() && before.is_empty() {
            return Ok(());
        }
        let records = tokens.iter().map(|token| &token.record);
        let olds = patiently(async || self.olds(records.clone()).await).await?;
        let (epoch, had) = (user.epoch, here.iter().map(|entry| entry.key).collect());
        let mut change = Replacement { arrival, before, epoch, had, olds, tokens, user };
        if !crossing.writes {
            return self.put_tokens(crossing, &change, landed).await.map(drop);
        }
        let Some(put) = self.put_tokens_surely(crossing, &mut change, landed).await? else {
            return Ok(());
        };
        self.do_all(beside(&change, &put)).await?;
        self.let_go(&change, &put).await?;
        patiently(async || self.repair_users(&[user.id]).await).await
    }

    /// The tokens of a user that have not run out, and the epoch of the user. That is read last, so that none of
    /// them is of a later one.
    async fn unexpired(
        &self,
        user: UserId,
        at: Timestamp,
    ) -> Result<(Vec<Entry>, Option<u64>), StoreError> {
        let mut look = pipe();
        look.zrangebyscore(keys::user_tokens(user), format!("({}", at.micros()), "+inf");
        look.hget(keys::user(user), "epoch");
        let (found, epoch): (Vec<Vec<u8>>, _) = self.link.ask(Request::Batch(&look)).await?;
        let entries: Result<_, _> = found.iter().map(|bytes| Entry::read(bytes)).collect();
        Ok((entries?, epoch))
    }

    /// Writes the tokens, and says which are there; `None` if somebody has ended all of the user's meanwhile,
    /// and with them those.
    async fn put_tokens_surely(
        &self,
        crossing: &Crossing<'_>,
        change: &mut Replacement<'_>,
        landed: &mut Landed,
    ) -> Result<Option<HashSet<TokenKey>>, StoreError> {
        let (mut patience, mut first) = (Patience::default(), None);
        loop {
            let mut part = Landed::default();
            let outcome = self.put_tokens(crossing, change, &mut part).await;
            // What an attempt before has written was not there.
            let first = first.get_or_insert(part);
            match outcome {
                Ok(put) => {
                    landed.add(first);
                    return Ok(Some(put));
                }
                Err(error) => patience.bears(error).await?,
            }
            let Some(next) = self.end_epoch(crossing, change.user, change.epoch).await? else {
                keep_out(change.arrival, landed);
                return Ok(None);
            };
            change.epoch = next;
            change.tokens.iter_mut().for_each(|token| token.record.epoch = next);
        }
    }

    /// Ends an epoch of a user, and with it whatever was written of it and comes late; says which is the next.
    /// `None` if somebody else has ended it, or they are gone, or an operator by now. A copy that comes late
    /// ends nothing more.
    async fn end_epoch(
        &self,
        crossing: &Crossing<'_>,
        user: &User,
        epoch: u64,
    ) -> Result<Option<u64>, StoreError> {
        // Later than a moment, as in end_tokens.lua, and than that which anybody else may make of it: else their
        // end of all tokens would pass for this one. By less than a failover takes, after which it must be past.
        let now = self.present(crossing.order.at).await.millis_up();
        let now = u64::try_from(now).unwrap_or(0);
        let next = now.max(epoch) + rand::random_range(2..1_000);
        let mut script = self.scripts.change_user.key(keys::user(user.id));
        script.arg(record::flag(false)).arg(record::flag(!user.is_staff));
        script.arg(epoch).arg("epoch").arg(next);
        let end = async || self.link.end(Request::Script(&script), true).await;
        let fields: Option<Fields> = patiently(end).await?;
        let after = fields.map(|fields| record::user(user.id, &fields)).transpose()?.flatten();
        Ok(after.filter(|after| after.epoch == next).map(|after| after.epoch))
    }

    /// Removes what the source does not have, and takes entries off the list by which tokens were there before
    /// they were written anew. What has come since stays, such as an entry of a token that was kept at a new
    /// password; and of one that has got another digest since, that, unless the source does not have it.
    async fn let_go(
        &self,
        change: &Replacement<'_>,
        put: &HashSet<TokenKey>,
    ) -> Result<(), StoreError> {
        let Replacement { arrival, before, epoch, tokens, user, .. } = change;
        let wanted: HashSet<_> = tokens.iter().map(|token| token.record.digest.key()).collect();
        let theirs = tokens.iter().filter(|token| put.contains(&token.record.digest.key()));
        let present: HashSet<_> = theirs.map(|token| Entry::of(&token.record).bytes()).collect();
        let had: HashSet<_> = before.iter().map(Entry::bytes).collect();
        let entries = patiently(async || self.entries(user.id, "-inf").await).await?;
        // At a new password, which came since.
        let is_kept = |entry: &&Entry| entry.epoch > *epoch && !had.contains(&entry.bytes());
        let kept: HashSet<_> = entries.iter().filter(is_kept).map(|entry| entry.key).collect();
        let (mut former, mut gone, mut since) = (Vec::new(), Vec::new(), Vec::new());
        for entry in &entries {
            let bytes = entry.bytes();
            let is_had = had.contains(&bytes);
            if wanted.contains(&entry.key) {
                let is_present = present.contains(&bytes) && !kept.contains(&entry.key);
                let is_former = (is_had || entry.epoch <= *epoch) && !is_present;
                former.extend(Some(bytes).filter(|_| is_former));
            } else if is_had {
                gone.push(entry.clone());
            } else {
                since.push(entry.clone());
            }
        }
        let source: HashSet<_> = of_source(arrival).collect();
        let mine: HashSet<_> = before.iter().map(|entry| entry.key).collect();
        let mut goes = HashSet::new();
        for token in self.read_some(&since).await? {
            let Some(former) = token.former.map(|former| former.digest.key()) else { continue };
            if source.contains(&former) {
                goes.insert(former);
            } else if mine.contains(&former) {
                goes.insert(token.digest.key());
            }
        }
        gone.extend(entries.into_iter().filter(|entry| goes.contains(&entry.key)));
        patiently(async || self.remove_entries(user.id, &gone).await).await?;
        self.do_all(unlisting(user.id, &former)).await
    }
}

/// Tells that somebody does not get their tokens.
pub(super) fn keep_out(arrival: &Arrival, landed: &mut Landed) {
    landed.tokens_kept_out += u64::try_from(arrival.tokens.len()).unwrap_or(0);
}

/// What tells of tokens beside their own keys and their list.
fn beside(change: &Replacement<'_>, put: &HashSet<TokenKey>) -> Vec<Cmd> {
    let (mut write, mut recently) = (Vec::new(), Vec::new());
    for NewToken { old, record, .. } in &change.tokens {
        if put.contains(&record.digest.key()) {
            let member = recent(record.user, &keys::text(&record.digest.key()));
            recently.push((record.created.micros(), member));
            write.extend(old.iter().flat_map(keeping));
            let past = change.olds.get(&record.digest).filter(|_| old.is_none());
            write.extend(past.map(forgetting));
        }
    }
    write.extend(recently.chunks(MEMBERS).map(|some| {
        let mut note = redis::cmd("ZADD");
        note.arg(keys::RECENT).arg("GT").arg(some);
        note
    }));
    write
}
