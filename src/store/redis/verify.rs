//! What is wrong with what Redis holds. Every key is looked at, and what is found wrong is looked at once
//! more a moment later: what is on its way is not wrong.

use super::index_entries::Entries;
use super::land_begun::Whose;
use super::layout::NOT_WHOLE;
use super::patience::patiently;
use super::request::Request;
use super::verify_page::Page;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::user::{User, UserId, Username};
use crate::store::StoreError;
use crate::store::whole::{Finding, Mend, Progress};
use redis::{Cmd, pipe};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long what is on its way may take.
const PAUSE: Duration = Duration::from_secs(1);
/// What is wrong with what an older version has written; the rest is not looked at then.
const OLDER: &str = "what is there has the layout of an older version, whose tokens are written anew \
     when it is brought up to date: stop all older gateways first";
/// How many users are looked at in one go.
const COUNT: usize = 500;

/// What was found wrong, with how to mend it where that is not the sweep's.
pub(super) type Found = BTreeMap<Finding, Option<Cure>>;

/// What mends something. It was seen a moment ago: where that may have changed, it is looked at again in
/// the same step.
pub(super) enum Cure {
    /// A user goes who was not wholly taken over.
    Begun(UserId, String),
    Command(Cmd),
    /// A name goes, if it still belongs to that user.
    FreeName(String, UserId),
    /// Numbers up to this one are given to nobody.
    RaiseCount(u64),
}

impl RedisStore {
    pub(in crate::store) async fn verify(
        &self,
        now: Timestamp,
        mends: bool,
        progress: Progress<'_>,
    ) -> Result<Vec<Finding>, StoreError> {
        patiently(async || self.ask_version().await).await?;
        let standing = patiently(async || self.standing().await).await?;
        // What is wrong with half a store is not to be put right, nor let go of: it is brought back once more.
        if standing.restoring.is_some() {
            return Ok(vec![Finding::serious(NOT_WHOLE)]);
        }
        if standing.is_older {
            if !mends {
                return Ok(vec![Finding::mendable(OLDER)]);
            }
            patiently(async || self.bring_up_to_date().await).await?;
        }
        let mut found = self.look_through(now, progress).await?;
        if !found.is_empty() {
            found = self.look_again(found, now, progress).await?;
        }
        if !mends || found.keys().all(|finding| finding.mend == Mend::No) {
            return Ok(found.into_keys().collect());
        }
        for cure in found.values().flatten() {
            patiently(async || self.mend(cure).await).await?;
        }
        patiently(async || self.sweep_users(now).await).await?;
        let left = self.look_through(now, progress).await?;
        let mark = |finding: Finding| {
            let is_left = left.contains_key(&finding);
            if is_left { finding } else { Finding { mend: Mend::Done, ..finding } }
        };
        Ok(found.into_keys().map(mark).collect())
    }

    async fn mend(&self, cure: &Cure) -> Result<(), StoreError> {
        match cure {
            // Another run may take them over by now.
            Cure::Begun(id, run) => self.remove_some_begun(&[*id], Whose::Of(run)).await.map(drop),
            Cure::Command(command) => self.link.ask(Request::Command(command)).await,
            Cure::FreeName(key, owner) => self.free_name(key, *owner).await,
            Cure::RaiseCount(last) => self.give_no_number_to(*last, false).await,
        }
    }

    async fn look_again(
        &self,
        mut found: Found,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Found, StoreError> {
        tokio::time::sleep(PAUSE).await;
        let again = self.look_through(now, progress).await?;
        found.retain(|finding, _| again.contains_key(finding));
        Ok(found)
    }

    async fn look_through(
        &self,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Found, StoreError> {
        let mut found = Found::new();
        let mut last_number = 0;
        let mut seen = 0;
        let mut pages = self.pages("authgate:*").await?;
        while let Some(names) = pages.next().await? {
            seen += u64::try_from(names.len()).unwrap_or(0);
            let page = Page::of(names);
            last_number = last_number.max(page.users.last().map_or(0, |id| id.0));
            patiently(async || self.look_at(&page, now, &mut found).await).await?;
            let deleted = async || self.look_at_deleted(&page.deleted, &mut found).await;
            last_number = last_number.max(patiently(deleted).await?);
            progress("keys", seen);
        }
        patiently(async || self.look_at_items(&mut found).await).await?;
        patiently(async || self.look_at_whole(last_number, &mut found).await).await?;
        Ok(found)
    }

    async fn look_at(
        &self,
        page: &Page,
        now: Timestamp,
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let unknown = page.unknown.iter();
        found.extend(
            unknown.map(|key| (Finding::serious(format!("nobody knows the key {key}")), None)),
        );
        self.look_at_users(&page.users.iter().copied().collect::<Vec<_>>(), found).await?;
        self.look_at_names(&page.names, found).await?;
        self.look_at_tokens(&page.tokens, found).await?;
        self.look_at_old_digests(&page.old_digests, found).await?;
        self.look_at_lists(&page.lists.iter().copied().collect::<Vec<_>>(), now, found).await
    }

    async fn look_at_users(&self, ids: &[UserId], found: &mut Found) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.look_at_begun(ids, found).await?;
        let (users, unreadable) = self.read_users(ids).await?;
        for id in unreadable {
            found.insert(Finding::serious(format!("user {id} cannot be read")), None);
        }
        let mut owners = users.clone();
        self.drop_nameless(&mut owners).await?;
        for user in &users {
            let id = user.id;
            if !user.username.is_sound() {
                found.insert(
                    Finding::serious(format!("user {id} has a name that no user can have")),
                    None,
                );
            } else if !owners.iter().any(|owner| owner.id == id) {
                let words = format!(
                    "user {id} does not own their name, {}: nobody can log in as them; if that is a user \
                     of yours, set {} to {id}, else `authgate user delete id:{id}`",
                    user.username,
                    keys::name(&user.username)
                );
                found.insert(Finding::serious(words), None);
            }
        }
        self.look_at_indexes(&users, found).await
    }

    async fn look_at_indexes(&self, users: &[User], found: &mut Found) -> Result<(), StoreError> {
        let mut look = pipe();
        for user in users {
            look.zscore(keys::USERS, user.id.0);
        }
        if users.is_empty() {
            return Ok(());
        }
        let scores: Vec<Option<f64>> = self.link.ask(Request::Batch(&look)).await?;
        for (user, _) in users.iter().zip(scores).filter(|(_, score)| score.is_none()) {
            let words = format!("user {} is not among the users", user.id);
            let add = Cmd::zadd(keys::USERS, user.id.0, user.id.0);
            found.insert(Finding::mendable(words), Some(Cure::Command(add)));
        }
        let ids: Vec<_> = users.iter().map(|user| user.id).collect();
        let entries: Vec<Entries> = self.present_entries(&ids).await?;
        if self.what_is_wrong(&entries).await?.is_empty() {
            return Ok(());
        }
        for one in entries.chunks(1) {
            if !self.what_is_wrong(one).await?.is_empty() {
                let id = one.first().map_or(UserId(0), |entry| entry.id);
                let words =
                    format!("user {id} is not found as they are: an index says something else");
                found.insert(Finding::mendable(words), None);
            }
        }
        Ok(())
    }

    /// Says the highest number of somebody who was deleted.
    async fn look_at_deleted(&self, sets: &[String], found: &mut Found) -> Result<u64, StoreError> {
        let mut highest = 0;
        for (key, numbers) in self.read_deleted(sets).await? {
            let Some(numbers) = numbers else {
                let words = format!("the numbers of deleted users at {key} cannot be read");
                found.insert(Finding::serious(words), None);
                continue;
            };
            highest = numbers.iter().map(|id| id.0).max().unwrap_or(0).max(highest);
        }
        Ok(highest)
    }

    async fn look_at_names(&self, names: &[String], found: &mut Found) -> Result<(), StoreError> {
        let reads: Vec<_> = names.iter().map(|key| Cmd::get(key.as_str())).collect();
        let owners: Vec<Option<Option<u64>>> = self.each_readable(&reads).await?;
        for (key, owner) in names.iter().zip(owners) {
            let name = keys::braced(key).unwrap_or_default();
            let Some(owner) = owner else {
                found.insert(
                    Finding::serious(format!("the owner of the name {name} cannot be read")),
                    None,
                );
                continue;
            };
            let Some(owner) = owner.map(UserId) else { continue };
            // One who cannot be read is told of as such.
            let Ok(user) = self.read_user(owner).await else { continue };
            let is_so = user.is_some_and(|user| user.username == Username::stored(name.to_owned()));
            if !is_so && !self.is_begun(owner).await? {
                let words =
                    format!("the name {name} is of user {owner}, who is not there or has another");
                let free = Cure::FreeName(key.clone(), owner);
                found.insert(Finding::mendable(words), Some(free));
            }
        }
        Ok(())
    }

    async fn look_at_whole(&self, last: u64, found: &mut Found) -> Result<(), StoreError> {
        let given: Option<u64> =
            self.link.ask(Request::Command(&Cmd::get(keys::NEXT_USER))).await?;
        if given.unwrap_or(0) < last {
            let words =
                format!("the next user would get a number up to {last}, which is given already");
            found.insert(Finding::mendable(words), Some(Cure::RaiseCount(last)));
        }
        let mut after = None;
        loop {
            let ids = self.indexed_after(after, COUNT).await?;
            let Some(last) = ids.last() else { return Ok(()) };
            after = Some(*last);
            let mut look = pipe();
            for id in &ids {
                look.exists(keys::user(*id));
            }
            let exist: Vec<bool> = self.link.ask(Request::Batch(&look)).await?;
            for (id, _) in ids.iter().zip(exist).filter(|(_, exists)| !exists) {
                found.insert(
                    Finding::mendable(format!("user {id} is among the users, and not there")),
                    None,
                );
            }
        }
    }
}
