//! Adding many users with their tokens.

use super::index_entries::enter;
use super::land::Crossing;
use super::land_batch::put;
use super::land_token::{NewToken, listing, unlisting};
use super::notes::recent;
use super::patience::{Patience, patiently};
use super::record::{self, Entry, LANDING};
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::{User, UserId};
use crate::store::StoreError;
use crate::store::staging::{Arrival, ArrivingToken, BringBack, Landed, Refusal};
use redis::Cmd;
use std::collections::HashSet;

/// A user who is to be added.
pub(super) struct Newcomer {
    /// Their row in the staging.
    pub(super) row: i64,
    pub(super) tokens: Vec<NewToken>,
    user: User,
}

impl Newcomer {
    fn with_epoch(mut self, epoch: u64) -> Self {
        self.user.epoch = epoch;
        for token in &mut self.tokens {
            token.record.epoch = epoch;
        }
        self
    }

    /// With a later epoch, so that no token is good that was written before.
    fn anew(self) -> Self {
        let epoch = self.user.epoch + 1;
        self.with_epoch(epoch)
    }
}

impl RedisStore {
    /// Gives those a number who have none, and everybody an epoch: a later one than any of who may have had
    /// the number before, whose tokens nobody may have swept.
    pub(super) async fn numbered(
        &self,
        crossing: &Crossing<'_>,
        arrivals: Vec<Arrival>,
    ) -> Result<Vec<Newcomer>, StoreError> {
        let numberless = arrivals.iter().filter(|arrival| arrival.user.id.is_none()).count();
        let mut next = match u64::try_from(numberless).unwrap_or(0) {
            0 => 0,
            _ if !crossing.writes => crossing.given + 1,
            count => patiently(async || self.next_users(count).await).await?.0,
        };
        let at = crossing.order.at;
        let moment = u64::try_from(at.millis_up()).unwrap_or(0);
        let past = crossing.past.borrow();
        let newcomers = arrivals.into_iter().map(|Arrival { user: row, tokens, .. }| {
            let id = row.id.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            let anew = if id > crossing.given { 0 } else { moment };
            let past = past.get(&UserId(id)).map_or(0, |epoch| epoch + 1);
            let user = row.anew(UserId(id), anew.max(past), at);
            let token = |token: ArrivingToken| NewToken {
                old: token.old_digest(),
                record: token.record(&user, at),
                row: token.row,
            };
            let tokens = tokens.into_iter().map(token).collect();
            Newcomer { row: row.row, tokens, user }
        });
        Ok(newcomers.collect())
    }

    /// Adds them. They are nobody until the last step.
    pub(super) async fn add_newcomers(
        &self,
        crossing: &Crossing<'_>,
        newcomers: Vec<Newcomer>,
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        let ids: Vec<_> = newcomers.iter().map(|newcomer| newcomer.user.id).collect();
        self.note_arriving(&ids).await?;
        let newcomers = self.claim(crossing, newcomers, landed).await?;
        let newcomers = self.write_with_tokens(crossing, newcomers).await?;
        self.do_all(beside_tokens(&newcomers)).await?;
        let newcomers = self.give_names(crossing, newcomers, landed).await?;
        if crossing.order.brings_back != BringBack::Nobody {
            // Before anybody can delete them again.
            let back = newcomers.iter().map(|newcomer| newcomer.user.id);
            let back: Vec<_> = back.filter(|id| crossing.order.brings_back.has(*id)).collect();
            patiently(async || self.forget_deleted(&back).await).await?;
        }
        self.let_in(crossing, &newcomers).await?;
        for newcomer in &newcomers {
            let count = u64::try_from(newcomer.tokens.len()).unwrap_or(0);
            landed.tokens_added += count;
            if !newcomer.user.is_active {
                crossing.dormant.update(|dormant| dormant + count);
            }
        }
        self.note_arrived(&ids).await
    }

    /// Counts them as if they had been added.
    pub(super) async fn count_newcomers(
        &self,
        crossing: &Crossing<'_>,
        newcomers: &[Newcomer],
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        let all = || newcomers.iter().flat_map(|newcomer| &newcomer.tokens);
        let records: Vec<_> = all().map(|token| &token.record).collect();
        let there = self.there(&records).await?;
        for (token, may) in all().zip(self.may_replace(crossing, &records, &there).await?) {
            if may {
                landed.tokens_added += 1;
            } else {
                crossing.staging.note_token(token.row, Refusal::TokenTaken)?;
            }
        }
        Ok(())
    }

    /// Takes their numbers, unless somebody has taken one since it was looked at.
    async fn claim(
        &self,
        crossing: &Crossing<'_>,
        newcomers: Vec<Newcomer>,
        landed: &mut Landed,
    ) -> Result<Vec<Newcomer>, StoreError> {
        let claims = newcomers.iter().map(|newcomer| {
            let user = &newcomer.user;
            let (epoch, fields) = (user.epoch.to_string(), record::user_fields(user));
            let fields = fields.iter().filter(|(field, _)| *field != "epoch");
            let mut words = vec![crossing.run, &epoch];
            words.extend(fields.flat_map(|(field, value)| [*field, value.as_str()]));
            self.scripts.arrive.command(&keys::user(user.id), &words)
        });
        let won = self.call_all(&self.scripts.arrive, claims.collect()).await?;
        let mut claimed = Vec::with_capacity(newcomers.len());
        for (newcomer, won) in newcomers.into_iter().zip(won) {
            if won {
                claimed.push(newcomer);
            } else {
                Self::refuse(crossing, &newcomer, Refusal::NumberTaken, landed)?;
            }
        }
        Ok(claimed)
    }

    /// Writes their tokens. Each is listed before it is written, so that it can be found wherever this is
    /// stopped. Where a write is not answered it may come late, after somebody has logged out: all are written
    /// anew with another epoch then.
    async fn write_with_tokens(
        &self,
        crossing: &Crossing<'_>,
        mut newcomers: Vec<Newcomer>,
    ) -> Result<Vec<Newcomer>, StoreError> {
        let mut patience = Patience::default();
        let others = loop {
            match self.list_and_write(crossing, &newcomers).await {
                Ok(others) => break others,
                Err(error) => patience.bears(error).await?,
            }
            // Just those: what comes late must not take off what is listed anew.
            let unlist = newcomers.iter().flat_map(|Newcomer { tokens, user, .. }| {
                let entries = tokens.iter().map(|token| Entry::of(&token.record).bytes());
                unlisting(user.id, &entries.collect::<Vec<_>>())
            });
            let unlist: Vec<_> = unlist.collect();
            newcomers = newcomers.into_iter().map(Newcomer::anew).collect();
            // They are this run's already.
            newcomers = self.claim(crossing, newcomers, &mut Landed::default()).await?;
            self.do_all(unlist).await?;
        };
        self.leave_to_others(crossing, &mut newcomers, &others).await?;
        Ok(newcomers)
    }

    /// Each is asked for once. A listing that came late would make a token good that came late, too.
    async fn list_and_write(
        &self,
        crossing: &Crossing<'_>,
        newcomers: &[Newcomer],
    ) -> Result<HashSet<i64>, StoreError> {
        let list = newcomers.iter().flat_map(|newcomer| {
            listing(newcomer.user.id, newcomer.tokens.iter().map(|token| &token.record))
        });
        self.ask_all_once::<()>(list.collect()).await?;
        self.write_tokens(crossing, newcomers).await
    }

    /// Takes tokens off the lists whose digests are somebody else's.
    async fn leave_to_others(
        &self,
        crossing: &Crossing<'_>,
        newcomers: &mut [Newcomer],
        others: &HashSet<i64>,
    ) -> Result<(), StoreError> {
        if others.is_empty() {
            return Ok(());
        }
        let mut unlist = Vec::new();
        for newcomer in newcomers {
            let is_others = |token: &mut NewToken| others.contains(&token.row);
            for token in newcomer.tokens.extract_if(.., is_others) {
                crossing.staging.note_token(token.row, Refusal::TokenTaken)?;
                let entry = Entry::of(&token.record).bytes();
                unlist.push(Cmd::zrem(keys::user_tokens(newcomer.user.id), entry));
            }
        }
        self.do_all(unlist).await
    }

    /// Takes their marks away. It is said plainly once, which costs Redis least, and after that only to marks of
    /// this run: what is said once more may come late.
    async fn let_in(
        &self,
        crossing: &Crossing<'_>,
        newcomers: &[Newcomer],
    ) -> Result<(), StoreError> {
        let keys: Vec<_> = newcomers.iter().map(|newcomer| keys::user(newcomer.user.id)).collect();
        let plain = keys.iter().map(|key| Cmd::hdel(key, LANDING));
        match self.ask_all_once::<bool>(plain.collect()).await {
            Err(StoreError::Unavailable(_)) => {}
            Ok(all) if all.contains(&false) => {
                let words =
                    "users are gone who were being taken over, as by a failover: import again";
                return Err(StoreError::Unsuitable(words.to_owned()));
            }
            outcome => return outcome.map(drop),
        }
        let arrived = keys.iter().map(|key| self.scripts.arrived.command(key, &[crossing.run]));
        self.call_all(&self.scripts.arrived, arrived.collect()).await.map(drop)
    }

    /// Gives each their name, unless somebody has taken it since it was looked at.
    async fn give_names(
        &self,
        crossing: &Crossing<'_>,
        newcomers: Vec<Newcomer>,
        landed: &mut Landed,
    ) -> Result<Vec<Newcomer>, StoreError> {
        let users: Vec<_> = newcomers.iter().map(|newcomer| &newcomer.user).collect();
        let own = self.take_names(&users).await?;
        let mut named = Vec::with_capacity(newcomers.len());
        for (newcomer, own) in newcomers.into_iter().zip(own) {
            let user = &newcomer.user;
            if own {
                named.push(newcomer);
                continue;
            }
            Self::refuse(crossing, &newcomer, Refusal::NameTaken, landed)?;
            let mut remove = self.scripts.drop_arrival.key(keys::user(user.id));
            remove.arg(crossing.run);
            patiently(async || self.link.ask::<()>(Request::Script(&remove)).await).await?;
            patiently(async || self.remove_traces(user).await).await?;
        }
        Ok(named)
    }
}

/// What tells of users and tokens beside their own keys and lists.
fn beside_tokens(newcomers: &[Newcomer]) -> Vec<Cmd> {
    let mut write = Vec::new();
    let mut latest = Vec::new();
    for Newcomer { tokens, user, .. } in newcomers {
        for NewToken { old, record, .. } in tokens {
            let member = recent(user.id, &keys::text(&record.digest.key()));
            latest.push((record.created.micros().to_string(), member));
            write.extend(old.iter().flat_map(super::old_digests::keeping));
        }
    }
    put(&mut write, keys::RECENT, &latest);
    enter(&mut write, newcomers.iter().map(|newcomer| (&newcomer.user, newcomer.tokens.len())));
    write
}
