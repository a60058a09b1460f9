//! What programs call the console's API with.
//!
//! A key acts for its owner, and no longer than they are active staff. It is no session and no token:
//! what its owner does with those leaves it as it is. What another does who answers an attack ends it,
//! too: see [`Auth::end_keys`].

mod caller;
mod ending;
mod secret;

pub use self::caller::KeyCaller;
pub use self::secret::KeySecret;

use super::super::operators::is_operator;
use super::super::{Auth, AuthError, ManageError};
use super::proof::Proved;
use super::rights::Rights;
use crate::clock::Timestamp;
use crate::model::event::{Event, EventName};
use crate::model::user::{User, UserId};
use crate::store::{Item, ItemKind, StoreError};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// A key as operators see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKey {
    /// When it was made.
    pub created: Timestamp,
    /// Until when it holds.
    pub expires: Timestamp,
    /// What it is called in commands and links: too little of its digest to find its text.
    pub id: String,
    /// When it was last used, to the minute, and from where.
    pub last_used: Option<(Timestamp, IpAddr)>,
    /// What its owner calls it.
    pub name: String,
    /// For whom it acts.
    pub owner: UserId,
    /// What it is good for.
    pub rights: Rights,
}

/// A key that someone wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyWish {
    /// How long it is to hold.
    pub lifetime: Duration,
    /// What to call it.
    pub name: String,
    /// What it is to be good for.
    pub rights: Rights,
}

/// Why there is no such key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its name is not one.
    #[error("a key's name has 1 to {} characters, all of them printable", ApiKey::LONGEST_NAME)]
    BadName,
    /// Its owner was changed meanwhile.
    #[error("{0} was changed by someone else at the same moment; try again")]
    Changed(String),
    /// For a reason of the accounts.
    #[error(transparent)]
    Manage(#[from] ManageError),
    /// It would be good for nothing.
    #[error("a key needs a right, such as users:read")]
    NoRights,
    /// There is no such key.
    #[error("there is no such key")]
    NoSuchKey,
    /// Its owner is no operator.
    #[error("{0} is not staff, or locked out: a key would be good for nothing")]
    NotStaff(String),
    /// It would hold too long, or not at all.
    #[error("a key holds for a second at least and for a year at most")]
    Span,
    /// The owner has too many.
    #[error("{0} has as many keys as one can have: revoke one first")]
    TooMany(String),
}

/// A key as it is kept.
#[derive(Deserialize, Serialize)]
struct Kept {
    created: i64,
    name: String,
    rights: Rights,
    used: Option<(i64, IpAddr)>,
}

impl ApiKey {
    /// How long a key holds if nobody says.
    pub const USUAL: Duration = Duration::from_hours(24 * 90);
    /// The longest that a key can hold.
    pub const LONGEST: Duration = Duration::from_hours(24 * 365);
    /// The most characters of a name.
    pub const LONGEST_NAME: usize = 100;
    /// The most keys that one operator can have.
    pub const MOST: usize = 50;
    const SHORTEST: Duration = Duration::from_secs(1);
    /// How many digits of the digest make the id.
    const ID: usize = 16;

    fn read(item: &Item) -> Result<Self, StoreError> {
        let corrupt = |problem: String| StoreError::Corrupt { what: "API key", problem };
        let kept: Kept =
            serde_json::from_str(&item.value).map_err(|error| corrupt(error.to_string()))?;
        let ends = item.owner.zip(item.expires);
        let (owner, expires) = ends.ok_or_else(|| corrupt("it has no owner or end".to_owned()))?;
        let used = kept.used.map(|(at, from)| (Timestamp::from_micros(at), from));
        Ok(Self {
            created: Timestamp::from_micros(kept.created),
            expires,
            id: item.key.get(..Self::ID).unwrap_or_default().to_owned(),
            last_used: used,
            name: kept.name,
            owner,
            rights: kept.rights,
        })
    }

    fn item(&self, key: String) -> Result<Item, StoreError> {
        let kept = Kept {
            created: self.created.micros(),
            name: self.name.clone(),
            rights: self.rights.clone(),
            used: self.last_used.map(|(at, from)| (at.micros(), from)),
        };
        Ok(Item {
            expires: Some(self.expires),
            key,
            kind: ItemKind::ApiKey,
            owner: Some(self.owner),
            value: serde_json::to_string(&kept).map_err(StoreError::unavailable)?,
        })
    }
}

impl KeyWish {
    /// Fails if there can be no such key, whoever wants it.
    pub fn check(&self) -> Result<(), KeyError> {
        let is_name = (1..=ApiKey::LONGEST_NAME).contains(&self.name.chars().count())
            && !self.name.trim().is_empty()
            && !self
                .name
                .chars()
                .any(|char| char.is_control() || "\u{2028}\u{2029}".contains(char));
        if !is_name {
            return Err(KeyError::BadName);
        }
        if self.rights.is_empty() {
            return Err(KeyError::NoRights);
        }
        let spans = ApiKey::SHORTEST..=ApiKey::LONGEST;
        if spans.contains(&self.lifetime) { Ok(()) } else { Err(KeyError::Span) }
    }
}

impl Auth {
    /// Makes a key that acts for an operator, as they are at this moment: what ends keys meanwhile ends
    /// it, too.
    pub async fn create_key(
        &self,
        owner: &User,
        wish: KeyWish,
        by: Proved,
    ) -> Result<(KeySecret, ApiKey), KeyError> {
        let by = by.lets_in(true)?;
        self.look_at_key(owner, &wish).await?;
        let secret = KeySecret::random()?;
        let (digest, created) = (secret.digest(), self.clock.now());
        let item = ApiKey {
            created,
            expires: created.plus(wish.lifetime),
            id: String::new(),
            last_used: None,
            name: wish.name,
            owner: owner.id,
            rights: wish.rights,
        }
        .item(digest)?;
        self.store.put_item(&item).await?;
        let now = self.store.user(owner.id).await?;
        if !now.is_some_and(|now| is_operator(&now) && now.epoch == owner.epoch) {
            self.end_item(ItemKind::ApiKey, &item.key).await?;
            return Err(KeyError::Changed(owner.username.to_string()));
        }
        let key = ApiKey::read(&item)?;
        let event = Event::new(EventName::ApiKeyCreated, by, created).of(owner);
        self.events.record(event.with(format!("{} ({}): {}", key.name, key.id, key.rights)));
        Ok((secret, key))
    }

    /// Fails as making this key would, and makes none.
    pub async fn look_at_key(&self, owner: &User, wish: &KeyWish) -> Result<(), KeyError> {
        wish.check()?;
        if !is_operator(owner) {
            return Err(KeyError::NotStaff(owner.username.to_string()));
        }
        if self.keys_of(owner.id).await?.len() >= ApiKey::MOST {
            return Err(KeyError::TooMany(owner.username.to_string()));
        }
        Ok(())
    }

    /// The keys of an operator, the oldest first.
    pub async fn keys_of(&self, owner: UserId) -> Result<Vec<ApiKey>, AuthError> {
        let items = self.store.items(ItemKind::ApiKey, self.clock.now()).await?;
        let mut keys = Vec::new();
        for item in items.iter().filter(|item| item.owner == Some(owner)) {
            match ApiKey::read(item) {
                Ok(key) => keys.push(key),
                Err(_) => self.unreadable.tell(item.kind, &item.key),
            }
        }
        keys.sort_by_key(|key| key.created);
        Ok(keys)
    }
}

impl From<AuthError> for KeyError {
    fn from(error: AuthError) -> Self {
        Self::Manage(error.into())
    }
}

impl From<StoreError> for KeyError {
    fn from(error: StoreError) -> Self {
        Self::Manage(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Right;

    #[test]
    fn a_key_needs_a_name_and_a_right_and_an_end() {
        let day = Duration::from_hours(24);
        let good = KeyWish { lifetime: day, name: "deploy".to_owned(), rights: Rights::all() };
        assert!(good.check().is_ok());
        let names = ["", "  ", "a\nb", &"n".repeat(101)];
        for name in names {
            let wish = KeyWish { name: name.to_owned(), ..good.clone() };
            assert!(matches!(wish.check(), Err(KeyError::BadName)), "{name:?}");
        }
        for lifetime in [Duration::ZERO, day * 366] {
            let wish = KeyWish { lifetime, ..good.clone() };
            assert!(matches!(wish.check(), Err(KeyError::Span)), "{lifetime:?}");
        }
        let wish = KeyWish { rights: Rights::from_iter([] as [Right; 0]), ..good };
        assert!(matches!(wish.check(), Err(KeyError::NoRights)));
    }
}
