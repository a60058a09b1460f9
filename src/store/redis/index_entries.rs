//! What the indexes say of a user, and what has to be written where they do not say it.

use super::indexes::{by_text, padded};
use super::land_batch::put;
use super::{keys, record};
use crate::clock::Timestamp;
use crate::model::user::{User, UserId};
use redis::{Cmd, Pipeline};
use std::collections::HashMap;

/// What the indexes say of a user.
pub(super) struct Entries {
    pub email: String,
    pub id: UserId,
    is_active: bool,
    is_staff: bool,
    last_login: i64,
    name: String,
    tokens: u64,
}

/// What the indexes are made of: name, address, whether staff, whether active, last login.
pub(super) const FIELDS: [&str; 5] = ["username", "email", "is_staff", "is_active", "last_login"];

/// The values of these.
pub(super) type Values = [Option<String>; 5];

/// How many indexes there are.
pub(super) const ALL: usize = 6;

impl Entries {
    pub(super) fn of(user: &User) -> Self {
        Self {
            email: user.email.as_str().to_owned(),
            id: user.id,
            is_active: user.is_active,
            is_staff: user.is_staff,
            last_login: user.last_login.map_or(-1, Timestamp::micros),
            name: user.username.as_str().to_owned(),
            tokens: 0,
        }
    }

    /// The same of a user with so many tokens.
    pub(super) fn having(self, tokens: u64) -> Self {
        Self { tokens, ..self }
    }

    /// `None` if the user is gone, or cannot be read.
    pub(super) fn read(id: UserId, values: Values, tokens: u64) -> Option<Self> {
        let [name, email, is_staff, is_active, last_login] = values;
        Some(Self {
            email: email?,
            id,
            is_active: is_active? == record::flag(true),
            is_staff: is_staff? == record::flag(true),
            last_login: last_login.map_or(Some(-1), |moment| moment.parse().ok())?,
            name: name?,
            tokens,
        })
    }

    /// The indexes, with what stands for the user there and its score; `None` if it should not be
    /// there.
    pub(super) fn all(&self) -> [(&'static str, String, Option<String>); ALL] {
        let number = self.id.to_string();
        let if_so = |is_so: bool| is_so.then(|| number.clone());
        [
            (keys::BY_NAME, by_text(&self.name, self.id), Some("0".to_owned())),
            (keys::BY_EMAIL, by_text(&self.email, self.id), Some("0".to_owned())),
            (keys::STAFF, number.clone(), if_so(self.is_staff)),
            (keys::INACTIVE, number.clone(), if_so(!self.is_active)),
            (keys::BY_LOGIN, padded(self.id), Some(self.last_login.to_string())),
            (keys::BY_TOKENS, padded(self.id), Some(self.tokens.to_string())),
        ]
    }

    pub(super) fn write(&self, write: &mut Pipeline, is_wanted: impl Fn(usize) -> bool) {
        for (place, (key, member, score)) in self.all().into_iter().enumerate() {
            match score {
                _ if !is_wanted(place) => {}
                Some(score) => {
                    write.zadd(key, member, score).ignore();
                }
                None => {
                    write.zrem(key, member).ignore();
                }
            }
        }
    }

    /// Takes back what was written of a user who is otherwise now, or gone.
    pub(super) fn withdraw(&self, write: &mut Pipeline, present: Option<&Self>) {
        let address = by_text(&self.email, self.id);
        match present {
            Some(present) if by_text(&present.email, self.id) == address => {}
            Some(_) => {
                write.zrem(keys::BY_EMAIL, address).ignore();
            }
            None => {
                write.zrem(keys::BY_EMAIL, address).ignore();
                write.zrem(keys::BY_NAME, by_text(&self.name, self.id)).ignore();
                unindex_number(write, self.id);
            }
        }
    }

    pub(super) fn repair(&self, write: &mut Pipeline, found: &[Option<f64>]) {
        let all = self.all();
        let is_wrong = |place: usize| {
            let should = all.get(place).and_then(|(_, _, score)| score.as_deref());
            let is = found.get(place).copied().flatten();
            should.and_then(|score| score.parse::<f64>().ok()) != is
        };
        self.write(write, is_wrong);
    }
}

/// Puts new users on the indexes, who have so many tokens.
pub(super) fn enter<'a>(to: &mut Vec<Cmd>, users: impl Iterator<Item = (&'a User, usize)>) {
    let mut indexes: HashMap<&str, Vec<(String, String)>> = HashMap::new();
    for (user, tokens) in users {
        let number = user.id.to_string();
        indexes.entry(keys::USERS).or_default().push((number.clone(), number));
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX);
        for (index, member, score) in Entries::of(user).having(tokens).all() {
            indexes.entry(index).or_default().extend(score.map(|score| (score, member)));
        }
    }
    for (index, members) in indexes {
        put(to, index, &members);
    }
}

pub(super) fn unindex_number(write: &mut Pipeline, id: UserId) {
    for key in [keys::STAFF, keys::INACTIVE] {
        write.zrem(key, id.0).ignore();
    }
    for key in [keys::BY_LOGIN, keys::BY_TOKENS] {
        write.zrem(key, padded(id)).ignore();
    }
}
