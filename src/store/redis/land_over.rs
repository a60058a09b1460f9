//! Making a user who is here as a source says.

use super::indexes::by_text;
use super::land::Crossing;
use super::notes::recent;
use super::patience::patiently;
use super::record::{self, Entry, Fields};
use super::request::Request;
use super::tokens::set;
use super::{RedisStore, keys};
use crate::model::token::TokenRecord;
use crate::model::user::{User, UserId};
use crate::store::StoreError;
use crate::store::staging::{Arrival, ArrivingToken, Landed, Refusal, ends_tokens};
use redis::{Cmd, pipe};
use std::collections::HashSet;

impl RedisStore {
    pub(super) async fn land_over(
        &self,
        crossing: &Crossing<'_>,
        arrival: &Arrival,
        here: &User,
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        let wanted = arrival.user.over(here);
        let is_renamed = wanted.username != here.username;
        let updated = if crossing.writes {
            patiently(async || self.rewrite_user(here, &wanted).await).await?
        } else {
            Ok(wanted)
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

    /// The new name leads to the user before they have it, and the old one for as long.
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
        script.arg(record::flag(!here.is_staff)).arg("");
        let blank = record::blank_fields(&wanted.profile).map(|field| (field, String::new()));
        let fields = record::user_fields(wanted).into_iter().chain(blank);
        for (field, value) in fields.filter(|(field, _)| *field != "epoch") {
            script.arg(field).arg(value);
        }
        let fields: Option<Fields> = self.link.end(Request::Script(&script), true).await?;
        let Some(fields) = fields else { return Ok(Err(Refusal::Operator)) };
        let Some(after) = record::user(here.id, &fields)? else {
            return Ok(Err(Refusal::NumberTaken));
        };
        if is_renamed {
            self.free_name(&keys::name(&here.username), here.id).await?;
            let unsort = Cmd::zrem(keys::BY_NAME, by_text(here.username.as_str(), here.id));
            self.link.ask::<()>(Request::Command(&unsort)).await?;
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
        for (token, record) in wanted.iter().zip(&records) {
            match self.land_token(crossing, token, record).await? {
                Some(true) => landed.tokens_added += 1,
                Some(false) => landed.tokens_there += 1,
                None => crossing.staging.note_token(token.row, Refusal::TokenTaken)?,
            }
        }
        if crossing.writes && !(wanted.is_empty() && gone.is_empty()) {
            self.unlist_former(id, &records, &stay).await?;
            patiently(async || self.repair_users(&[id]).await).await?;
        }
        Ok(())
    }

    /// Says whether it was not there before; `None` if it is another's.
    async fn land_token(
        &self,
        crossing: &Crossing<'_>,
        token: &ArrivingToken,
        record: &TokenRecord,
    ) -> Result<Option<bool>, StoreError> {
        let read = Cmd::get(keys::token(&record.digest.key()));
        let there: Option<Vec<u8>> =
            patiently(async || self.link.ask(Request::Command(&read)).await).await?;
        if !self.may_replace(there.as_deref(), record).await? {
            return Ok(None);
        }
        if !crossing.writes {
            return Ok(Some(there.is_none()));
        }
        let mut write = pipe();
        let list = keys::user_tokens(record.user);
        write.zadd(list, Entry::of(record).bytes(), record::score(record.expires)).ignore();
        if there != Some(record::token_bytes(record)?) {
            write.add_command(set(record, false)?).ignore();
        }
        let member = recent(record.user, &keys::text(&record.digest.key()));
        write.cmd("ZADD").arg(keys::RECENT).arg("GT").arg(record.created.micros()).arg(member);
        write.ignore();
        if let Some(old) = token.old_digest() {
            super::old_digests::write(&mut write, &old);
        }
        self.send(&write).await?;
        Ok(Some(there.is_none()))
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
        if former.is_empty() {
            return Ok(());
        }
        let remove = Cmd::zrem(keys::user_tokens(user), former);
        patiently(async || self.link.ask::<()>(Request::Command(&remove)).await).await
    }
}
