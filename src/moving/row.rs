//! A row of Django's, from whatever source, becomes what is staged.

use super::hash::{NO_HASH, UNKNOWN, UNUSABLE};
use super::remarks::Remarks;
use super::scheme::Knox;
use super::value::{Misfit, Moment, Value};
use crate::auth::{HashKind, HashTrouble, hash_kind};
use crate::model::email::Email;
use crate::model::token::{DigestScheme, KnoxKey, Token};
use crate::model::user::Username;
use crate::store::staging::{OwnerRef, Says, StagedToken, StagedUser};
use serde::Deserialize;

/// What is read of a user. Another name of a field that is no secret helps whoever has a model of their
/// own; all else is passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct UserRow<'a> {
    #[serde(skip)]
    pub(super) pk: Value<'a>,
    #[serde(borrow)]
    pub(super) username: Value<'a>,
    pub(super) email: Value<'a>,
    pub(super) password: Value<'a>,
    pub(super) is_active: Value<'a>,
    pub(super) is_staff: Value<'a>,
    pub(super) is_superuser: Value<'a>,
    pub(super) first_name: Value<'a>,
    pub(super) last_name: Value<'a>,
    pub(super) date_joined: Value<'a>,
    pub(super) last_login: Value<'a>,
    pub(super) groups: Value<'a>,
}

/// What is read of a token of knox's.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenRow<'a> {
    /// The primary key of knox's own model, and perhaps a field of another.
    #[serde(borrow)]
    pub(super) digest: Value<'a>,
    pub(super) token_key: Value<'a>,
    pub(super) user: Value<'a>,
    pub(super) created: Value<'a>,
    #[serde(alias = "expires")]
    pub(super) expiry: Value<'a>,
    pub(super) salt: Value<'a>,
}

/// What is read of a token of Django REST framework's own.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyRow<'a> {
    /// The primary key of its own model, and perhaps a field of another.
    #[serde(borrow)]
    pub(super) key: Value<'a>,
    pub(super) user: Value<'a>,
    pub(super) created: Value<'a>,
}

/// What is read of a group.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct GroupRow<'a> {
    #[serde(skip)]
    pub(super) pk: Value<'a>,
    #[serde(borrow)]
    pub(super) name: Value<'a>,
}

impl UserRow<'_> {
    /// The most characters of a hash: many more than any that can be verified has.
    const LONGEST_HASH: usize = 1_024;

    pub(super) fn staged(self, place: u64, remarks: &mut Remarks) -> Result<StagedUser, Misfit> {
        let (id, key) = identity(&self.pk)?;
        // A model without `username` is one whose users sign in with their address.
        let (username, email) = match self.username.into_text("username", Username::MAX_CHARS)? {
            name if name.is_empty() => {
                let email = self.email.into_text("email", Email::MAX_CHARS)?;
                (email.clone(), email)
            }
            name => (name, remarks.email(self.email)?),
        };
        if username.is_empty() {
            return Err(Misfit::new("username", "is missing; nobody could sign in without it"));
        }
        let password = self.password.into_text("password", Self::LONGEST_HASH)?;
        let HashKind { name: kind, trouble } = hash_kind(&password);
        let (password, trouble) = match trouble {
            Some(HashTrouble::Unknown) if kind == UNKNOWN => {
                (UNUSABLE.to_owned(), Some(NO_HASH.to_owned()))
            }
            trouble => (password, trouble.map(|why| why.to_string())),
        };
        Ok(StagedUser {
            place,
            id,
            key,
            username,
            email,
            kind,
            trouble,
            password,
            is_active: self.is_active.flag("is_active", true)?,
            is_staff: self.is_staff.flag("is_staff", false)?,
            is_superuser: self.is_superuser.flag("is_superuser", false)?,
            first_name: remarks.name(self.first_name, "first_name")?,
            last_name: remarks.name(self.last_name, "last_name")?,
            groups: remarks.groups(&self.groups)?,
            joined: remarks.perhaps(&self.date_joined),
            last_login: remarks.perhaps(&self.last_login),
        })
    }

    /// Of what this row says anything.
    pub(super) fn says(&self) -> Says {
        let is_there = |value: &Value<'_>| *value != Value::Null;
        Says {
            active: is_there(&self.is_active),
            email: is_there(&self.email),
            groups: is_there(&self.groups),
            names: is_there(&self.first_name) || is_there(&self.last_name),
            staff: is_there(&self.is_staff),
            superuser: is_there(&self.is_superuser),
            tokens: false,
        }
    }
}

impl TokenRow<'_> {
    /// The most characters of a salt or a key: more than any version of knox makes.
    const LONGEST: usize = 128;

    pub(super) fn staged(
        self,
        place: u64,
        knox: Knox,
        remarks: &mut Remarks,
    ) -> Result<StagedToken, Misfit> {
        let knox_key = self.token_key.into_text("token_key", Self::LONGEST)?;
        let salt = hex_of(&self.salt.into_text("salt", Self::LONGEST)?, "salt")?;
        let scheme = knox.scheme_of(&knox_key, &salt);
        let digest = hex_of(&self.digest.into_text("digest", Self::LONGEST)?, "digest")?;
        fits(&digest, scheme)?;
        let expires = remarks.moment(&self.expiry, "expiry")?;
        let expires = expires.filter(|at| *at != Moment::FOREVER);
        let (created, owner) = (remarks.perhaps(&self.created), owner(&self.user)?);
        Ok(StagedToken { place, owner, digest, scheme, salt, knox_key, created, expires })
    }

    /// Whether an object of a model of the app's own has what a token of knox has.
    pub(super) fn is_likely(&self) -> bool {
        let is_text = |value: &Value<'_>| matches!(value, Value::Text(_));
        let is_digest = matches!(&self.digest, Value::Text(text) if text.len() >= 64);
        is_digest && is_text(&self.token_key) && self.user != Value::Null
    }
}

impl KeyRow<'_> {
    /// Of the key only the digest goes on.
    pub(super) fn staged(self, place: u64, remarks: &mut Remarks) -> Result<StagedToken, Misfit> {
        let owner = owner(&self.user)?;
        let created = remarks.perhaps(&self.created);
        let key = Token::new(self.key.into_text("key", TokenRow::LONGEST)?);
        if key.expose().is_empty() {
            return Err(Misfit::new("key", "is missing"));
        }
        let knox_key = KnoxKey::of(&key, KnoxKey::OF_KNOX_5);
        Ok(StagedToken {
            place,
            owner,
            digest: key.digest().as_bytes().to_vec(),
            scheme: DigestScheme::NATIVE,
            salt: Vec::new(),
            knox_key: knox_key.map(|key| key.as_str().to_owned()).unwrap_or_default(),
            created,
            expires: None,
        })
    }
}

impl GroupRow<'_> {
    /// `None` for one that others name by its name.
    pub(super) fn staged(self) -> Result<Option<(i64, String)>, Misfit> {
        let name = self.name.into_text("name", StagedUser::LONGEST_NAME)?;
        let (number, key) = identity(&self.pk)?;
        if key.is_some() {
            return Err(Misfit::new("pk", "is no number"));
        }
        let number = number.map(i64::try_from).transpose();
        Ok(number.map_err(|_| Misfit::new("pk", "is too large"))?.map(|number| (number, name)))
    }
}

/// The number of a row, or what it has in its place, if it has either.
fn identity(pk: &Value<'_>) -> Result<(Option<u64>, Option<String>), Misfit> {
    match (pk, pk.number()) {
        (Value::Null, _) => Ok((None, None)),
        (_, Some(number)) => Ok((Some(number), None)),
        (_, None) => match pk.key() {
            Some(key) => Ok((None, Some(key))),
            None => Err(Misfit::new("pk", "is no number, or not one of a row")),
        },
    }
}

fn owner(user: &Value<'_>) -> Result<OwnerRef, Misfit> {
    if let Some(name) = user.natural_key() {
        return Ok(OwnerRef::Name(name.to_owned()));
    }
    match identity(user) {
        Ok((Some(number), _)) => Ok(OwnerRef::Number(number)),
        Ok((None, Some(key))) => Ok(OwnerRef::Key(key)),
        _ => Err(Misfit::new("user", "is neither a number nor a name such as [\"ada\"]")),
    }
}

fn hex_of(text: &str, field: &str) -> Result<Vec<u8>, Misfit> {
    hex::decode(text).map_err(|_| Misfit::new(field, "is not hex"))
}

/// Whether a digest can be of this scheme.
fn fits(digest: &[u8], scheme: DigestScheme) -> Result<(), Misfit> {
    let (hash, right) = (scheme.hash.name(), scheme.hash.length());
    if digest.len() == right {
        return Ok(());
    }
    let problem = format!(
        "has {} bytes, but one by {hash} has {right}; --digest says what \
         SECURE_HASH_ALGORITHM was",
        digest.len()
    );
    Err(Misfit::new("digest", problem))
}
