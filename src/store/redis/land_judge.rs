//! Who of a source is here already.

use super::land::Crossing;
use super::land_begun::Whose;
use super::patience::patiently;
use super::record::{self, FORMER, Fields, LANDING};
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::{User, UserId, Username};
use crate::store::StoreError;
use crate::store::staging::{Arrival, ArrivingUser, Refusal, Verdict, verdict};
use redis::{Cmd, pipe};
use std::collections::{HashMap, HashSet};

/// What becomes of a user of a source.
pub(super) struct Judged {
    /// The name that they had before, if nobody has freed it.
    pub(super) former: Option<Username>,
    /// Who is here of them.
    pub(super) here: Option<User>,
    /// To whom the name still leads, who has another.
    pub(super) name_of: Option<UserId>,
    pub(super) verdict: Verdict,
}

/// Who has a number.
enum Holder {
    /// Someone who is nobody yet: the run that has begun them.
    Begun(String),
    /// Someone to whom no name leads.
    Nameless,
    /// Someone who cannot be read.
    Unreadable,
    /// Someone, and the name that they had before if nobody has freed it.
    Whole(User, Option<Username>),
}

type Holders = HashMap<UserId, Holder>;

impl RedisStore {
    /// What becomes of each of them, once none is left in their place whom another run has begun.
    pub(super) async fn judge_all(
        &self,
        crossing: &Crossing<'_>,
        arrivals: &[Arrival],
    ) -> Result<Vec<Judged>, StoreError> {
        let judge = async || self.judge(crossing, arrivals).await;
        loop {
            let (judged, left) = patiently(judge).await?;
            if left.is_empty() || !crossing.writes {
                return Ok(judged);
            }
            let past = self.remove_some_begun(&left, Whose::NotOf(crossing.run)).await?;
            crossing.past.borrow_mut().extend(past);
        }
    }

    /// Says who is left of other runs, too.
    async fn judge(
        &self,
        crossing: &Crossing<'_>,
        arrivals: &[Arrival],
    ) -> Result<(Vec<Judged>, Vec<UserId>), StoreError> {
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
        let judged = pairs.map(judge).collect();
        let is_left = |(id, holder): (&UserId, &Holder)| {
            matches!(holder, Holder::Begun(run) if *run != crossing.run).then_some(*id)
        };
        Ok((judged, holders.iter().filter_map(is_left).collect()))
    }

    async fn holders(&self, ids: &[UserId]) -> Result<Holders, StoreError> {
        let reads: Vec<_> = ids.iter().map(|id| Cmd::hgetall(keys::user(*id))).collect();
        let found: Vec<Option<Fields>> = self.each_readable(&reads).await?;
        let (mut holders, mut users) = (Holders::new(), Vec::new());
        let mut formers = HashMap::new();
        for (id, fields) in ids.iter().zip(found) {
            let Some(fields) = fields else {
                holders.insert(*id, Holder::Unreadable);
                continue;
            };
            if let Some(run) = fields.get(LANDING) {
                holders.insert(*id, Holder::Begun(run.clone()));
                continue;
            }
            match record::user(*id, &fields) {
                Ok(None) => {}
                Ok(Some(user)) => {
                    let former = fields.get(FORMER).cloned().map(Username::stored);
                    formers.extend(former.map(|former| (*id, former)));
                    users.push(user);
                }
                Err(_) => drop(holders.insert(*id, Holder::Unreadable)),
            }
        }
        let mut named = users.clone();
        self.drop_nameless(&mut named).await?;
        let named: HashSet<_> = named.iter().map(|user| user.id).collect();
        holders.extend(users.into_iter().map(|user| {
            let (id, former) = (user.id, formers.remove(&user.id));
            (id, if named.contains(&id) { Holder::Whole(user, former) } else { Holder::Nameless })
        }));
        Ok(holders)
    }
}

fn judge<'a>(
    row: &ArrivingUser,
    owner: Option<UserId>,
    holders: &'a Holders,
    crossing: &Crossing<'_>,
) -> Judged {
    let refused = |refusal| {
        let verdict = Verdict::Refuse(refusal);
        Judged { former: None, here: None, name_of: None, verdict }
    };
    // Whoever another run has begun is nobody, and will be removed.
    let holder = |id: Option<UserId>| {
        let is_left =
            |holder: &Holder| matches!(holder, Holder::Begun(run) if *run != crossing.run);
        holders.get(&id?).filter(|holder| !is_left(holder))
    };
    let of_number = match holder(row.id.map(UserId)) {
        None => None,
        Some(Holder::Whole(user, former)) => Some((user, former)),
        // Someone who has lost their name, or is just being registered, is somebody.
        Some(Holder::Begun(_) | Holder::Nameless | Holder::Unreadable) => {
            return refused(Refusal::NumberTaken);
        }
    };
    // The name is free of whoever would have another by now.
    let owner = owner.filter(|id| !crossing.moved.borrow().contains(id));
    let of_name = match holder(owner) {
        None => None,
        Some(Holder::Whole(user, former)) => Some((user, former)),
        Some(Holder::Begun(_) | Holder::Nameless | Holder::Unreadable) => {
            return refused(Refusal::NameTaken);
        }
    };
    // A rename that was stopped has left it behind, and has it, or had it: it is free, or theirs.
    let is_left = |(user, _): &(&User, _)| user.username.as_str() != row.username;
    let name_of = of_name.filter(is_left).map(|(user, _)| user.id);
    let of_name = of_name.filter(|of_name| !is_left(of_name));
    let user = |of: Option<(&'a User, _)>| of.map(|(user, _)| user);
    let verdict = verdict(row, user(of_number), user(of_name), crossing.order.on_conflict);
    let here = if row.id.is_some() { of_number } else { of_name };
    let former = here.and_then(|(_, former)| former.clone());
    Judged { former, here: here.map(|(user, _)| user.clone()), name_of, verdict }
}
