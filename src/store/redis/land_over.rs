//! Making a user who is here as a source says.

use super::indexes::by_text;
use super::land::Crossing;
use super::land_replace::{Owner, keep_out};
use super::patience::patiently;
use super::record::{self, FORMER, Fields};
use super::request::Request;
use super::tokens::ATTEMPTS;
use super::{RedisStore, keys};
use crate::model::user::{User, UserId, Username};
use crate::store::StoreError;
use crate::store::staging::{Arrival, ArrivingUser, Landed, Refusal, ends_tokens};
use redis::Cmd;

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
            Ok((arrival.user.over(here), false))
        };
        match updated {
            Ok((user, has_ended)) => {
                landed.renamed += u64::from(is_renamed);
                if is_renamed && !crossing.writes {
                    crossing.moved.borrow_mut().insert(here.id);
                }
                if has_ended {
                    keep_out(arrival, landed);
                    return Ok(());
                }
                let owner = Owner { since: here.epoch, user: &user };
                self.land_tokens(crossing, owner, arrival, landed).await
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

    /// Makes a user as the source says, on top of whatever a gateway changes in the same moment. Says, too,
    /// whether somebody else has ended their tokens since they were looked at.
    async fn update_user(
        &self,
        row: &ArrivingUser,
        seen: &User,
    ) -> Result<Result<(User, bool), Refusal>, StoreError> {
        let found = patiently(async || self.read_user(seen.id).await).await?;
        let mut here = found.unwrap_or_else(|| seen.clone());
        let mut has_ended = here.epoch != seen.epoch;
        for _ in 0..ATTEMPTS {
            let wanted = row.over(&here);
            let rewrite = async || self.rewrite_user(&here, &wanted, seen.is_staff).await;
            let user = match patiently(rewrite).await? {
                Ok(user) => user,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let is_done = is_as(&user, &wanted);
            let is_ours = is_done && ends_tokens(&here, &wanted);
            has_ended |= user.epoch != here.epoch && !is_ours;
            if is_done {
                return Ok(Ok((user, has_ended)));
            }
            here = user;
        }
        Err(StoreError::unavailable("the user changes all the time"))
    }

    /// Changes nothing of a user whose epoch is another by now, so that a copy that comes late undoes no new
    /// password. The new name leads to the user before they have it, and the old one for as long.
    async fn rewrite_user(
        &self,
        here: &User,
        wanted: &User,
        was_staff: bool,
    ) -> Result<Result<User, Refusal>, StoreError> {
        let is_renamed = wanted.username != here.username;
        if is_renamed && !self.take_name(wanted).await? {
            return Ok(Err(Refusal::NameTaken));
        }
        let mut script = self.scripts.change_user.key(keys::user(here.id));
        script.arg(record::flag(ends_tokens(here, wanted)));
        // Whoever has become an operator since they were looked at is none whom a source may change.
        script.arg(record::flag(!was_staff)).arg(here.epoch).arg("epoch").arg(here.epoch);
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
}

/// Whether a user was made as wanted. What they do meanwhile, such as logging in, is no difference.
fn is_as(user: &User, wanted: &User) -> bool {
    User { epoch: wanted.epoch, last_login: wanted.last_login, ..user.clone() } == *wanted
}
