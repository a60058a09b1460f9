//! Accounts as `manage.py loaddata` reads them.
//!
//! Groups are named, not numbered, and what is not known here, such as permissions, is not written: a
//! Django that has it keeps it.

use super::{Exported, ForDjango, Row, hex_of};
use crate::auth::Portion;
use crate::model::token::{DigestOver, OldDigest};
use crate::model::user::User;
use crate::store::ListedToken;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// A dump that is being written.
pub(super) struct Dump<'a, W> {
    is_empty: bool,
    terms: &'a ForDjango,
    to: &'a mut W,
}

#[derive(Serialize)]
struct Object<'a, P, F> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pk: Option<P>,
    fields: F,
}

#[derive(Serialize)]
struct GroupFields<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct UserFields<'a> {
    password: String,
    last_login: Option<String>,
    is_superuser: bool,
    username: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    email: &'a str,
    is_staff: bool,
    is_active: bool,
    date_joined: String,
    groups: Vec<[&'a str; 1]>,
}

#[derive(Serialize)]
struct TokenFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    token_key: &'a str,
    user: u64,
    created: String,
    expiry: Option<String>,
}

impl<'a, W: Write> Dump<'a, W> {
    pub(super) fn begin(to: &'a mut W, terms: &'a ForDjango) -> io::Result<Self> {
        if !terms.is_in_lines {
            to.write_all(b"[")?;
        }
        Ok(Self { is_empty: true, terms, to })
    }

    pub(super) fn groups(&mut self, groups: &BTreeSet<String>) -> io::Result<()> {
        groups.iter().try_for_each(|name| {
            let fields = GroupFields { name };
            self.object(&Object { model: "auth.group", pk: None::<u64>, fields })
        })
    }

    pub(super) fn portion(&mut self, portion: &Portion, done: &mut Exported) -> io::Result<()> {
        let model = self.terms.user_model.as_ref().map_or("auth.user", |model| model.label());
        let fields = UserFields::of(&portion.user);
        self.object(&Object { model, pk: Some(portion.user.id.0), fields })?;
        done.users += 1;
        done.must_change += u64::from(portion.user.must_change);
        for (token, old) in &portion.tokens {
            self.token(token, old.as_ref(), done)?;
        }
        Ok(())
    }

    fn token(
        &mut self,
        token: &ListedToken,
        old: Option<&OldDigest>,
        done: &mut Exported,
    ) -> io::Result<()> {
        let record = &token.record;
        let Some(wanted) = self.terms.scheme else { return Ok(()) };
        let Some(row) = Row::of(record, old, wanted) else {
            let is_keyless = record.knox_key.is_none();
            *if is_keyless { &mut done.keyless } else { &mut done.of_other_schemes } += 1;
            return Ok(());
        };
        let pk = hex_of(row.digest, wanted.hash);
        let has_salt = wanted.over == DigestOver::BytesAndSalt;
        let fields = TokenFields {
            salt: has_salt.then(|| hex::encode(row.salt)),
            token_key: row.key.as_str(),
            user: record.user.0,
            created: record.created.to_string(),
            expiry: record.expires.map(|end| end.to_string()),
        };
        done.tokens += 1;
        self.object(&Object { model: "knox.authtoken", pk: Some(pk), fields })
    }

    fn object(&mut self, object: &impl Serialize) -> io::Result<()> {
        if self.terms.is_in_lines {
            serde_json::to_writer(&mut self.to, object)?;
            return self.to.write_all(b"\n");
        }
        self.to.write_all(if self.is_empty { b"\n" } else { b",\n" })?;
        self.is_empty = false;
        Ok(serde_json::to_writer(&mut self.to, object)?)
    }

    pub(super) fn end(self) -> io::Result<()> {
        if self.terms.is_in_lines { Ok(()) } else { self.to.write_all(b"\n]\n") }
    }
}

impl<'a> UserFields<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            password: hash_of(user.password.expose()),
            last_login: user.last_login.map(|at| at.to_string()),
            is_superuser: user.profile.is_superuser,
            username: user.username.as_str(),
            first_name: &user.profile.first_name,
            last_name: &user.profile.last_name,
            email: user.email.as_str(),
            is_staff: user.is_staff,
            is_active: user.is_active,
            date_joined: user.joined.to_string(),
            groups: user.profile.groups.iter().map(|name| [name.as_str()]).collect(),
        }
    }
}

/// A hash as Django has it: before Argon2 it puts its name.
fn hash_of(stored: &str) -> String {
    if stored.starts_with("$argon2") { format!("argon2{stored}") } else { stored.to_owned() }
}
