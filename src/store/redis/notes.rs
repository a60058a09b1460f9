//! What operators want to know of tokens: a hash for each user, in their slot. Not among the keys
//! that the feed tells of, for a note changes nothing that decides.

use super::indexes::padded;
use super::land_batch::batches;
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::token::{TokenAbout, TokenRecord};
use crate::model::user::UserId;
use crate::store::{NewToken, StoreError, TokenUse};
use redis::{Cmd, Pipeline, pipe};
use serde_json::{Value, json};
use std::net::IpAddr;

/// How many tokens are noted at once.
const CHUNK: usize = 100;

impl RedisStore {
    /// Notes how a token came into being.
    pub(super) async fn note_issue(&self, new: &NewToken) -> Result<(), StoreError> {
        let NewToken { about, record, .. } = new;
        let mut write = pipe();
        note(&mut write, record, about);
        if new.is_login {
            write.add_command(login_noted(record.user, record.created)).ignore();
        }
        self.link.ask::<()>(Request::Batch(&write)).await?;
        // Asked once: what is added twice would be counted twice.
        self.link.ask_once(Request::Command(&more_tokens(record.user, 1))).await
    }

    pub(super) async fn write_uses(&self, uses: &[TokenUse]) -> Result<(), StoreError> {
        for chunk in uses.chunks(CHUNK) {
            let mut look = pipe();
            for used in chunk {
                look.exists(keys::token(&used.digest.key()));
            }
            let exist: Vec<bool> = self.link.ask(Request::Batch(&look)).await?;
            let mut write = pipe();
            for (used, _) in chunk.iter().zip(exist).filter(|(_, exists)| *exists) {
                let token = keys::text(&used.digest.key());
                let (notes, text) = (keys::token_notes(used.user), use_text((used.at, used.from)));
                write.hset(notes, use_field(&token), text).ignore();
                write.cmd("ZADD").arg(keys::RECENT).arg("GT").arg(used.at.micros());
                write.arg(recent(used.user, &token)).ignore();
            }
            if !write.is_empty() {
                self.link.ask::<()>(Request::Batch(&write)).await?;
            }
        }
        Ok(())
    }

    /// What is known of each of these tokens.
    pub(super) async fn read_notes(
        &self,
        tokens: &[&TokenRecord],
    ) -> Result<Vec<TokenAbout>, StoreError> {
        let read = |token: &&TokenRecord| {
            let text = keys::text(&token.digest.key());
            Cmd::hmget(keys::token_notes(token.user), &[issue_field(&text), use_field(&text)])
        };
        let mut abouts = Vec::new();
        for batch in batches(tokens.iter().map(read)) {
            let texts: Vec<[Option<String>; 2]> = self.link.ask(Request::Batch(&batch)).await?;
            let known = |[issued, last]: [Option<String>; 2]| {
                read_about(issued.as_deref(), last.as_deref())
            };
            abouts.extend(texts.into_iter().map(known));
        }
        Ok(abouts)
    }

    /// Forgets tokens, as their keys are written.
    pub(super) async fn drop_notes(
        &self,
        user: UserId,
        tokens: &[String],
    ) -> Result<(), StoreError> {
        for chunk in tokens.chunks(CHUNK) {
            let mut drop = pipe();
            for token in chunk {
                let notes = keys::token_notes(user);
                drop.hdel(notes, &[issue_field(token), use_field(token)]).ignore();
                drop.zrem(keys::RECENT, recent(user, token)).ignore();
            }
            self.link.ask::<()>(Request::Batch(&drop)).await?;
        }
        Ok(())
    }
}

/// Of which tokens these fields of notes tell, as their keys are written.
pub(super) fn noted_tokens(fields: &[String]) -> Vec<String> {
    let token = |field: &String| field.split_once(':').map(|(_, token)| token.to_owned());
    let mut tokens: Vec<_> = fields.iter().filter_map(token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// Has a user sort by this login, if they are sorted at all.
pub(super) fn login_noted(user: UserId, at: Timestamp) -> Cmd {
    let mut note = redis::cmd("ZADD");
    note.arg(keys::BY_LOGIN).arg("XX").arg("GT").arg(at.micros()).arg(padded(user));
    note
}

/// Notes what is known of a token, and nothing of another of the same digest, which it replaces.
pub(super) fn note(to: &mut Pipeline, token: &TokenRecord, about: &TokenAbout) {
    let text = keys::text(&token.digest.key());
    let fields = [issue_field(&text), use_field(&text)];
    to.hdel(keys::token_notes(token.user), &fields).ignore();
    note_new(to, token, about);
}

/// The same of a token of whose digest nothing is noted.
pub(super) fn note_new(to: &mut Pipeline, token: &TokenRecord, about: &TokenAbout) {
    let (text, notes) = (keys::text(&token.digest.key()), keys::token_notes(token.user));
    if *about != TokenAbout::default() {
        to.hset(&notes, issue_field(&text), issue_text(about)).ignore();
    }
    if let Some(used) = about.last_used {
        to.hset(&notes, use_field(&text), use_text(used)).ignore();
    }
    let latest = about.last_used.map_or(token.created, |(at, _)| at);
    to.zadd(keys::RECENT, recent(token.user, &text), latest.micros()).ignore();
}

/// Counts so many tokens more of a user, if they are counted at all.
pub(super) fn more_tokens(user: UserId, number: i64) -> Cmd {
    let mut count = redis::cmd("ZADD");
    count.arg(keys::BY_TOKENS).arg("XX").arg("INCR").arg(number).arg(padded(user));
    count
}

/// What stands for a token among those of all users.
pub(super) fn recent(user: UserId, token: &str) -> String {
    format!("{user}:{token}")
}

fn issue_field(token: &str) -> String {
    format!("issue:{token}")
}

fn use_field(token: &str) -> String {
    format!("use:{token}")
}

fn issue_text(about: &TokenAbout) -> String {
    json!({
        "address": about.address.map(|address| address.to_string()),
        "issued_by": about.issued_by,
        "name": about.name,
        "user_agent": about.user_agent,
    })
    .to_string()
}

fn use_text((at, from): (Timestamp, IpAddr)) -> String {
    format!("{} {from}", at.micros())
}

/// What cannot be read is not known.
fn read_about(issue: Option<&str>, used: Option<&str>) -> TokenAbout {
    let issue: Value = issue.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let field = |name: &str| issue.get(name).and_then(Value::as_str).map(str::to_owned);
    let moment = |text: &str| {
        let (at, from) = text.split_once(' ')?;
        Some((Timestamp::from_micros(at.parse().ok()?), from.parse().ok()?))
    };
    TokenAbout {
        address: field("address").and_then(|address| address.parse().ok()),
        issued_by: field("issued_by"),
        last_used: used.and_then(moment),
        name: field("name"),
        user_agent: field("user_agent"),
    }
}
