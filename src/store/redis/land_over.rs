//! Making a user who is here as a source says.

use super::indexes::by_text;
use super::land::Crossing;
use super::land_batch::MEMBERS;
use super::land_token::{There, listing};
use super::notes::recent;
use super::old_digests::{forgetting, keeping};
use super::patience::patiently;
use super::record::{self, Entry, FORMER, Fields};
use super::request::Request;
use super::tokens::{ATTEMPTS, set};
use super::{RedisStore, keys};
use crate::model::token::{OldDigest, TokenDigest, TokenRecord};
use crate::model::user::{User, UserId, Username};
use crate::store::StoreError;
use crate::store::staging::{Arrival, ArrivingToken, ArrivingUser, Landed, Refusal, ends_tokens};
use redis::Cmd;
use std::collections::{HashMap, HashSet};

impl RedisStore {
    pub(super) async fn land_over(
        &self,
        crossing: &Crossing<'_>,
        arrival: &Arrival,
        here: &User,
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        let is_renamed = arrival.user.username != here.username.as_str();
        let updated = if crossing.writes {
            self.update_user(&arrival.user, here).await?
        } else {
            Ok(arrival.user.over(here))
        };
        match updated {
            Ok(user) => {
                landed.renamed += u64::from(is_renamed && crossing.writes);
                self.land_tokens(crossing, &user, arrival, landed).await
            }
            Err(refusal) => {
                landed.updated = landed.updated.saturating_sub(1);
                crossing.staging.note(arrival.user.row, Some(refusal))
            }
        }
    }

    /// Frees names that renames have left behind which were stopped: the one that a row is to have, unless it
    /// leads to its user, and the one that its user had.
    pub(super) async fn free_what_is_left(
        &self,
        row: &ArrivingUser,
        name_of: Option<UserId>,
        former: Option<(&User, Username)>,
    ) -> Result<(), StoreError> {
        if let Some(other) = name_of.filter(|other| Some(other.0) != row.id) {
            let name = keys::name(&Username::stored(row.username.clone()));
            patiently(async || self.free_name(&name, other).await).await?;
        }
        if let Some((user, former)) = former {
            // One that they get back is theirs.
            if former != user.username && former.as_str() != row.username {
                patiently(async || self.free_former(user, &former).await).await?;
            }
        }
        Ok(())
    }

    /// Frees the name that a user had before they were renamed.
    async fn free_former(&self, user: &User, former: &Username) -> Result<(), StoreError> {
        self.free_name(&keys::name(former), user.id).await?;
        let unsort = Cmd::zrem(keys::BY_NAME, by_text(former.as_str(), user.id));
        self.link.ask::<()>(Request::Command(&unsort)).await?;
        let forget = Cmd::hdel(keys::user(user.id), FORMER);
        self.link.ask(Request::Command(&forget)).await
    }

    /// Makes a user as the source says, on top of whatever a gateway changes in the same moment.
    async fn update_user(
        &self,
        row: &ArrivingUser,
        here: &User,
    ) -> Result<Result<User, Refusal>, StoreError> {
        let mut here = here.clone();
        for _ in 0..ATTEMPTS {
            let wanted = row.over(&here);
            let rewritten = patiently(async || self.rewrite_user(&here, &wanted).await).await?;
            match rewritten {
                Ok(user) if !is_as(&user, &wanted) => here = user,
                outcome => return Ok(outcome),
            }
        }
        Err(StoreError::unavailable("the user changes all the time"))
    }

    /// Changes nothing of a user whose epoch is another by now, so that a copy that comes late undoes no new
    /// password. The new name leads to the user before they have it, and the old one for as long.
    async fn rewrite_user(
        &self,
        here: &User,
        wanted: &User,
    ) -> Result<Result<User, Refusal>, StoreError> {
        let is_renamed = wanted.username != here.username;
        if is_renamed && !self.take_name(wanted).await? {
            return Ok(Err(Refusal::NameTaken));
        }
        let mut script = self.scripts.change_user.key(keys::user(here.id));
        script.arg(record::flag(ends_tokens(here, wanted)));
        // Whoever has become an operator since they were looked at is none whom a source may change.
        script.arg(record::flag(!here.is_staff)).arg(here.epoch).arg("epoch").arg(here.epoch);
        let blank = record::blank_fields(&wanted.profile).map(|field| (field, String::new()));
        let fields = record::user_fields(wanted).into_iter().chain(blank);
        let former = is_renamed.then(|| (FORMER, here.username.to_string()));
        for (field, value) in fields.filter(|(field, _)| *field != "epoch").chain(former) {
            script.arg(field).arg(value);
        }
        let fields: Option<Fields> = self.link.end(Request::Script(&script), true).await?;
        let after = match fields.map(|fields| record::user(here.id, &fields)).transpose()? {
            Some(Some(after)) => after,
            refused => {
                if is_renamed {
                    self.free_name(&keys::name(&wanted.username), here.id).await?;
                }
                let spared = Refusal::Operator;
                return Ok(Err(refused.map_or(spared, |_: Option<User>| Refusal::NumberTaken)));
            }
        };
        if is_renamed && is_as(&after, wanted) {
            self.free_former(&after, &here.username).await?;
        }
        self.reindex_user(here, &after).await?;
        Ok(Ok(after))
    }

    /// Has the user have the tokens of the source and no others, if it says anything of tokens.
    pub(super) async fn land_tokens(
        &self,
        crossing: &Crossing<'_>,
        user: &User,
        arrival: &Arrival,
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        let (id, wanted) = (user.id, &arrival.tokens);
        if !arrival.user.says.tokens {
            return Ok(());
        }
        let entries = patiently(async || self.entries(id, "-inf").await).await?;
        let keys: HashSet<_> = wanted.iter().map(|token| token.digest.key()).collect();
        let (stay, gone): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| keys.contains(&entry.key));
        landed.tokens_ended += u64::try_from(gone.len()).unwrap_or(0);
        if crossing.writes {
            patiently(async || self.remove_entries(id, &gone).await).await?;
        }
        let records: Vec<_> =
            wanted.iter().map(|token| token.record(user, crossing.order.at)).collect();
        self.put_tokens(crossing, wanted, &records, landed).await?;
        if crossing.writes && !(wanted.is_empty() && gone.is_empty()) {
            self.unlist_former(id, &records, &stay).await?;
            patiently(async || self.repair_users(&[id]).await).await?;
        }
        Ok(())
    }

    /// Writes tokens of a user, but for those that are another's.
    async fn put_tokens(
        &self,
        crossing: &Crossing<'_>,
        tokens: &[ArrivingToken],
        records: &[TokenRecord],
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        let all: Vec<_> = records.iter().collect();
        let there = self.there(&all).await?;
        let may = self.may_replace(crossing, &all, &there).await?;
        let olds = patiently(async || self.olds(records).await).await?;
        let (mut theirs, mut write, mut recently) = (Vec::new(), Vec::new(), Vec::new());
        for (((token, record), there), may) in tokens.iter().zip(records).zip(there).zip(may) {
            let (old, wanted_old) = (olds.get(&record.digest), token.old_digest());
            match &there {
                _ if !may => {
                    crossing.staging.note_token(token.row, Refusal::TokenTaken)?;
                    continue;
                }
                There::Nothing => landed.tokens_added += 1,
                There::Record(bytes)
                    if *bytes == record::token_bytes(record)? && old == wanted_old.as_ref() =>
                {
                    landed.tokens_there += 1;
                }
                There::Record(_) | There::Unreadable => landed.tokens_updated += 1,
            }
            theirs.push(record);
            if !matches!(there, There::Record(bytes) if bytes == record::token_bytes(record)?) {
                write.push(set(record, false)?);
            }
            let member = recent(record.user, &keys::text(&record.digest.key()));
            recently.push((record.created.micros(), member));
            write.extend(wanted_old.iter().flat_map(keeping));
            if wanted_old.is_none() {
                write.extend(old.map(forgetting));
            }
        }
        let Some(user) = theirs.first().map(|record| record.user).filter(|_| crossing.writes)
        else {
            return Ok(());
        };
        self.do_all(listing(user, theirs.into_iter())).await?;
        for some in recently.chunks(MEMBERS) {
            let mut note = redis::cmd("ZADD");
            note.arg(keys::RECENT).arg("GT").arg(some);
            write.push(note);
        }
        self.do_all(write).await
    }

    /// What is kept beside tokens, by their digests. What cannot be read is written anew.
    async fn olds(
        &self,
        records: &[TokenRecord],
    ) -> Result<HashMap<TokenDigest, OldDigest>, StoreError> {
        match self.old_digests_of(records.iter()).await {
            Ok(olds) => Ok(olds.into_iter().map(|old| (old.digest, old)).collect()),
            Err(StoreError::Corrupt { .. }) => Ok(HashMap::new()),
            Err(error) => Err(error),
        }
    }

    /// Takes entries off the list by which tokens were there before they were written anew.
    async fn unlist_former(
        &self,
        user: UserId,
        wanted: &[TokenRecord],
        listed: &[Entry],
    ) -> Result<(), StoreError> {
        let present: HashSet<_> = wanted.iter().map(|record| Entry::of(record).bytes()).collect();
        let former = listed.iter().map(Entry::bytes).filter(|bytes| !present.contains(bytes));
        let former: Vec<_> = former.collect();
        let remove = former.chunks(MEMBERS).map(|some| Cmd::zrem(keys::user_tokens(user), some));
        self.do_all(remove.collect()).await
    }
}

/// Whether a user was made as wanted. What they do meanwhile, such as logging in, is no difference.
fn is_as(user: &User, wanted: &User) -> bool {
    User { epoch: wanted.epoch, last_login: wanted.last_login, ..user.clone() } == *wanted
}
