//! A row of Django's, from whatever source, becomes what is staged.

use super::scheme::Knox;
use super::value::{Misfit, Moment, Value};
use super::zone::Zone;
use crate::auth::hash_kind;
use crate::clock::Timestamp;
use crate::model::email::Email;
use crate::model::token::{DigestScheme, KnoxKey, Token};
use crate::model::user::Username;
use crate::store::staging::{GroupRef, OwnerRef, Says, StagedToken, StagedUser};
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

/// What is taken otherwise than it is written, and how often.
#[derive(Debug)]
pub(super) struct Remarks {
    naive: u64,
    unknown: u64,
    /// In which time zone moments are that do not say it.
    zone: Zone,
}

impl Remarks {
    pub(super) fn in_zone(zone: &Zone) -> Self {
        Self { naive: 0, unknown: 0, zone: zone.clone() }
    }

    /// All of them, in words.
    pub(super) fn words(&self) -> [(&'static str, u64); 2] {
        let naive = match self.zone {
            Zone::Named(_) => "moments without a time zone, taken by --time-zone",
            Zone::Unknown => "moments without a time zone, taken as UTC",
        };
        [(naive, self.naive), ("moments that are none, taken as not known", self.unknown)]
    }

    /// A moment that decides something.
    fn moment(&mut self, value: &Value<'_>, field: &str) -> Result<Option<Timestamp>, Misfit> {
        let moment = value.moment(field, &self.zone.to_jiff())?;
        self.naive += u64::from(moment.is_some_and(|moment| moment.is_naive));
        Ok(moment.map(|moment| moment.at))
    }

    /// A moment that decides nothing: it need not be one.
    fn perhaps(&mut self, value: &Value<'_>) -> Option<Timestamp> {
        let moment = self.moment(value, "").unwrap_or_else(|_| {
            self.unknown += 1;
            None
        });
        moment.filter(|at| *at != Moment::FOREVER)
    }
}

impl UserRow<'_> {
    /// The most characters of a hash: many more than any that can be verified has.
    const LONGEST_HASH: usize = 1_024;

    pub(super) fn staged(self, place: u64, remarks: &mut Remarks) -> Result<StagedUser, Misfit> {
        let (id, key) = identity(&self.pk)?;
        let email = self.email.into_text("email", Email::MAX_CHARS)?;
        // A model without `username` is one whose users sign in with their address.
        let username = match self.username.into_text("username", Username::MAX_CHARS)? {
            name if name.is_empty() => email.clone(),
            name => name,
        };
        if username.is_empty() {
            return Err(Misfit::new("username", "is missing; nobody could sign in without it"));
        }
        let password = self.password.into_text("password", Self::LONGEST_HASH)?;
        let kind = hash_kind(&password);
        Ok(StagedUser {
            place,
            id,
            key,
            username,
            email,
            kind: kind.name,
            trouble: kind.trouble.map(|why| why.to_string()),
            password,
            is_active: self.is_active.flag("is_active", true)?,
            is_staff: self.is_staff.flag("is_staff", false)?,
            is_superuser: self.is_superuser.flag("is_superuser", false)?,
            first_name: self.first_name.into_text("first_name", StagedUser::LONGEST_NAME)?,
            last_name: self.last_name.into_text("last_name", StagedUser::LONGEST_NAME)?,
            groups: groups(&self.groups)?,
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

/// Groups as a dump lists them, or as a database joins their numbers by commas.
fn groups(groups: &Value<'_>) -> Result<Vec<GroupRef>, Misfit> {
    let of_number = |group: &Value<'_>| {
        let number = group.number().and_then(|number| i64::try_from(number).ok());
        number.map(GroupRef::Number)
    };
    let of = |group: &Value<'_>| {
        let name =
            group.natural_key().filter(|name| name.chars().nth(StagedUser::LONGEST_NAME).is_none());
        let name = name.map(|name| GroupRef::Name(name.to_owned()));
        let words = "has something that is neither a number nor a name such as [\"editors\"]";
        name.or_else(|| of_number(group)).ok_or_else(|| Misfit::new("groups", words))
    };
    match groups {
        Value::Null => Ok(Vec::new()),
        Value::List(list) => list.iter().map(of).collect(),
        Value::Text(text) => text.split(',').map(|part| of(&Value::text(part))).collect(),
        Value::Number(_) => Ok(vec![of(groups)?]),
        Value::Flag(_) | Value::Other(_) => Err(Misfit::new("groups", "is no list")),
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
