//! Accounts as lines of JSON, with all that is kept: a user, and after them their tokens.

use super::{Exported, hex_of, scheme_of};
use crate::auth::Portion;
use crate::model::token::{DigestScheme, KnoxKey, OldDigest};
use crate::store::ListedToken;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Token(Token<'a>),
    User(User<'a>),
}

#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own")]
#[derive(Serialize)]
struct User<'a> {
    id: u64,
    username: &'a str,
    email: &'a str,
    password: &'a str,
    must_change: bool,
    is_active: bool,
    is_staff: bool,
    is_superuser: bool,
    first_name: &'a str,
    last_name: &'a str,
    groups: &'a [String],
    joined: String,
    last_login: Option<String>,
}

#[derive(Serialize)]
struct Token<'a> {
    user: u64,
    digest: String,
    scheme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    former: Option<Former<'a>>,
    created: String,
    expires: Option<String>,
    name: Option<&'a str>,
    issued_by: Option<&'a str>,
    address: Option<String>,
    user_agent: Option<&'a str>,
    last_used: Option<String>,
    last_used_from: Option<String>,
}

/// What it was found by before it got its digest here.
#[derive(Serialize)]
struct Former<'a> {
    digest: String,
    scheme: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    key: &'a str,
}

impl<'a> Former<'a> {
    fn of(former: &'a OldDigest) -> Self {
        Self {
            digest: hex_of(former.digest, former.scheme.hash),
            scheme: former.scheme.to_string(),
            salt: salt(former),
            key: former.knox_key.as_str(),
        }
    }
}

fn salt(old: &OldDigest) -> Option<String> {
    (!old.salt.is_empty()).then(|| hex::encode(&old.salt))
}

/// Writes a user and their tokens.
pub(super) fn write(portion: &Portion, to: &mut impl Write, done: &mut Exported) -> io::Result<()> {
    line(to, &Line::User(user(&portion.user)))?;
    done.users += 1;
    for (listed, old) in &portion.tokens {
        line(to, &Line::Token(token(listed, old.as_ref())))?;
        done.tokens += 1;
    }
    Ok(())
}

fn line(to: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}

fn user(user: &crate::model::user::User) -> User<'_> {
    User {
        id: user.id.0,
        username: user.username.as_str(),
        email: user.email.as_str(),
        password: user.password.expose(),
        must_change: user.must_change,
        is_active: user.is_active,
        is_staff: user.is_staff,
        is_superuser: user.profile.is_superuser,
        first_name: &user.profile.first_name,
        last_name: &user.profile.last_name,
        groups: &user.profile.groups,
        joined: user.joined.to_string(),
        last_login: user.last_login.map(|at| at.to_string()),
    }
}

fn token<'a>(listed: &'a ListedToken, old: Option<&OldDigest>) -> Token<'a> {
    let ListedToken { about, record, .. } = listed;
    let scheme = scheme_of(record, old);
    Token {
        user: record.user.0,
        digest: hex_of(record.digest, scheme.unwrap_or(DigestScheme::NATIVE).hash),
        scheme: scheme.map(|scheme| scheme.to_string()),
        salt: old.and_then(salt),
        key: record.knox_key.as_ref().map(KnoxKey::as_str),
        former: record.former.as_deref().map(Former::of),
        created: record.created.to_string(),
        expires: record.expires.map(|end| end.to_string()),
        name: about.name.as_deref(),
        issued_by: about.issued_by.as_deref(),
        address: about.address.map(|address| address.to_string()),
        user_agent: about.user_agent.as_deref(),
        last_used: about.last_used.map(|(at, _)| at.to_string()),
        last_used_from: about.last_used.map(|(_, from)| from.to_string()),
    }
}
