//! Who of a source is here already.

use super::land::Crossing;
use super::record::{self, Fields};
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::{User, UserId, Username};
use crate::store::StoreError;
use crate::store::staging::{Arrival, ArrivingUser, Refusal, Verdict, verdict};
use redis::{Cmd, pipe};
use std::collections::{HashMap, HashSet};

/// What becomes of a user of a source.
pub(super) struct Judged {
    /// What an earlier attempt has written of them, if it did not come to the name.
    pub(super) begun: Option<Begun>,
    /// Who is here of them.
    pub(super) here: Option<User>,
    pub(super) verdict: Verdict,
}

/// What an earlier attempt has written of a user.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    /// Of the tokens that it may have written.
    pub(super) epoch: Option<u64>,
}

/// Who has a number.
enum Holder {
    /// Someone to whom no name leads.
    Begun(User),
    /// Someone of whom there is no more than the name.
    Claimed(String),
    /// Someone who cannot be read.
    Unreadable,
    /// Someone.
    Whole(User),
}

type Holders = HashMap<UserId, Holder>;

impl RedisStore {
    /// What becomes of each of them.
    pub(super) async fn judge(
        &self,
        crossing: &Crossing<'_>,
        arrivals: &[Arrival],
    ) -> Result<Vec<Judged>, StoreError> {
        let mut find = pipe();
        for arrival in arrivals {
            find.get(keys::name(&Username::stored(arrival.user.username.clone())));
        }
        let owners: Vec<Option<u64>> = self.link.ask(Request::Batch(&find)).await?;
        let numbers = arrivals.iter().filter_map(|arrival| arrival.user.id);
        let mut ids: Vec<_> = numbers.chain(owners.iter().copied().flatten()).map(UserId).collect();
        ids.sort_unstable();
        ids.dedup();
        let holders = self.holders(&ids).await?;
        let numbers = arrivals.iter().filter_map(|arrival| arrival.user.id.map(UserId));
        let absent = numbers.filter(|id| !holders.contains_key(id));
        let gone =
            self.deleted_of(absent.filter(|id| !crossing.order.brings_back.has(*id))).await?;
        let pairs = arrivals.iter().zip(owners);
        let judge = |(arrival, owner): (&Arrival, Option<u64>)| {
            let mut judged = judge(&arrival.user, owner.map(UserId), &holders, crossing);
            let is_gone = arrival.user.id.is_some_and(|id| gone.contains(&UserId(id)));
            judged.verdict = judged.verdict.unless_gone(is_gone);
            judged
        };
        Ok(pairs.map(judge).collect())
    }

    async fn holders(&self, ids: &[UserId]) -> Result<Holders, StoreError> {
        let reads: Vec<_> = ids.iter().map(|id| Cmd::hgetall(keys::user(*id))).collect();
        let found: Vec<Option<Fields>> = self.each_readable(&reads).await?;
        let (mut holders, mut users) = (Holders::new(), Vec::new());
        for (id, fields) in ids.iter().zip(found) {
            let Some(fields) = fields else {
                holders.insert(*id, Holder::Unreadable);
                continue;
            };
            match record::user(*id, &fields) {
                Ok(None) => {}
                Ok(Some(user)) => users.push(user),
                Err(_) => drop(holders.insert(*id, unreadable(&fields))),
            }
        }
        let mut named = users.clone();
        self.drop_nameless(&mut named).await?;
        let named: HashSet<_> = named.iter().map(|user| user.id).collect();
        holders.extend(users.into_iter().map(|user| {
            let is_named = named.contains(&user.id);
            (user.id, if is_named { Holder::Whole(user) } else { Holder::Begun(user) })
        }));
        Ok(holders)
    }
}

/// A number is claimed by the name alone, before all the rest is written.
fn unreadable(fields: &Fields) -> Holder {
    match fields.get("username") {
        Some(username) if fields.len() == 1 => Holder::Claimed(username.clone()),
        _ => Holder::Unreadable,
    }
}

fn judge(
    row: &ArrivingUser,
    owner: Option<UserId>,
    holders: &Holders,
    crossing: &Crossing<'_>,
) -> Judged {
    let refused = |refusal| Judged { begun: None, here: None, verdict: Verdict::Refuse(refusal) };
    let (mut begun, mut of_number, mut of_name) = (None, None, None);
    match row.id.and_then(|id| holders.get(&UserId(id))) {
        None => {}
        Some(Holder::Whole(user)) => of_number = Some(user),
        Some(Holder::Begun(user)) if row.has_begun(user) => {
            begun = Some(Begun { epoch: Some(user.epoch) });
        }
        Some(Holder::Claimed(username)) if *username == row.username => {
            begun = Some(Begun { epoch: None });
        }
        // One who is just being registered, or whose registration stopped half-way, is another.
        Some(Holder::Begun(_) | Holder::Claimed(_) | Holder::Unreadable) => {
            return refused(Refusal::NumberTaken);
        }
    }
    match owner.and_then(|owner| holders.get(&owner)) {
        // A name that leads to nobody is free.
        None | Some(Holder::Begun(_) | Holder::Claimed(_)) => {}
        Some(Holder::Whole(user)) => of_name = Some(user),
        Some(Holder::Unreadable) => return refused(Refusal::NameTaken),
    }
    let verdict = verdict(row, of_number, of_name, crossing.order.on_conflict);
    let here = if row.id.is_some() { of_number } else { of_name };
    Judged { begun, here: here.cloned(), verdict }
}
