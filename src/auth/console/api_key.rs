//! What programs call the console's API with.
//!
//! A key acts for its owner, and no longer than they are active staff. It is no session and no token:
//! what its owner does with those leaves it as it is. What another does who answers an attack ends it,
//! too: see [`Auth::ending_keys`].

use super::super::issue::random_bytes;
use super::super::{Auth, AuthError, ManageError};
use super::proof::Proved;
use super::rights::Rights;
use super::unless_full;
use crate::clock::Timestamp;
use crate::model::event::{Actor, Event, EventName};
use crate::model::user::{User, UserId};
use crate::store::{Item, ItemKind, StoreError};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::time::Duration;
use zeroize::Zeroizing;

/// A key as its program holds it. Never printed: it has no Debug.
pub struct KeySecret(Zeroizing<String>);

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

/// Who calls with a key.
pub struct KeyCaller {
    /// The key.
    pub key: ApiKey,
    /// For whom it acts.
    pub owner: User,
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

impl KeySecret {
    /// What every key's text begins with.
    const PREFIX: &str = "agk_";

    fn random() -> Result<Self, AuthError> {
        let text = format!("{}{}", Self::PREFIX, hex::encode(random_bytes::<32>()?));
        Ok(Self(Zeroizing::new(text)))
    }

    /// Reads what a client shows; `None` if it cannot be a key.
    pub fn parse(text: &str) -> Option<Self> {
        text.starts_with(Self::PREFIX).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Whether something like a key stands anywhere in a value of an `Authorization` header, after
    /// whatever scheme and in whatever list or quotes; also in Base64, as a password would.
    pub fn is_mentioned(value: &[u8]) -> bool {
        let is_within_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
        let words = value.split(|byte| !is_within_base64(byte));
        Self::stands_in(value) || words.filter_map(from_base64).any(|text| Self::stands_in(&text))
    }

    fn stands_in(text: &[u8]) -> bool {
        let is_within_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        text.split(|byte| !is_within_word(byte))
            .any(|word| word.starts_with(Self::PREFIX.as_bytes()))
    }

    /// Its text, for the one answer that hands it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What it is found by. Whoever guesses cannot tell from the time that the look-up takes how much
    /// of a text is right: of what they choose only a digest is compared.
    fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }
}

/// What a word stands for in Base64, in either alphabet; its padding is cut off already. Apps differ
/// in how strictly they read it, so the most lenient reading counts.
fn from_base64(word: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let word: Vec<u8> = word.iter().map(standard).collect();
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT).decode(word).ok()
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
        wish.check()?;
        if !is_operator(owner) {
            return Err(KeyError::NotStaff(owner.username.to_string()));
        }
        if self.keys_of(owner.id).await?.len() >= ApiKey::MOST {
            return Err(KeyError::TooMany(owner.username.to_string()));
        }
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
            self.store.remove_item(ItemKind::ApiKey, &item.key).await?;
            return Err(KeyError::Changed(owner.username.to_string()));
        }
        let key = ApiKey::read(&item)?;
        let event = Event::new(EventName::ApiKeyCreated, by, created).of(owner);
        self.events.record(event.with(format!("{} ({}): {}", key.name, key.id, key.rights)));
        Ok((secret, key))
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

    /// Ends a key of an operator.
    pub async fn revoke_key(&self, owner: &User, id: &str, by: Actor) -> Result<ApiKey, KeyError> {
        let items = self.store.items(ItemKind::ApiKey, self.clock.now()).await?;
        let is_it =
            |item: &&Item| item.owner == Some(owner.id) && item.key.get(..ApiKey::ID) == Some(id);
        let item = items.iter().find(is_it).ok_or(KeyError::NoSuchKey)?;
        let key = ApiKey::read(item)?;
        if !self.store.remove_item(ItemKind::ApiKey, &item.key).await? {
            return Err(KeyError::NoSuchKey);
        }
        let event = Event::new(EventName::ApiKeyRevoked, by, self.clock.now()).of(owner);
        self.events.record(event.with(format!("{} ({})", key.name, key.id)));
        Ok(key)
    }

    /// Ends all keys of an operator, and says how many.
    pub async fn end_keys(&self, owner: &User, by: Actor) -> Result<usize, AuthError> {
        let mut ended = 0;
        let items = self.store.items(ItemKind::ApiKey, self.clock.now()).await?;
        for item in items.iter().filter(|item| item.owner == Some(owner.id)) {
            if !self.store.remove_item(ItemKind::ApiKey, &item.key).await? {
                continue;
            }
            ended += 1;
            let event = self.event(EventName::ApiKeyRevoked, by.clone()).of(owner);
            self.events.record(match ApiKey::read(item) {
                Ok(key) => event.with(format!("{} ({})", key.name, key.id)),
                Err(_) => event,
            });
        }
        Ok(ended)
    }

    /// Makes a change of a user that ends their keys, too, and says how many. They end first: where they
    /// cannot, nothing is changed, so that none is good again when the change is taken back. One that
    /// was made meanwhile ends after it.
    pub(in crate::auth) async fn ending_keys<T>(
        &self,
        owner: &User,
        by: &Actor,
        change: impl Future<Output = Result<T, ManageError>>,
    ) -> Result<(T, usize), ManageError> {
        let before = self.end_keys(owner, by.clone()).await?;
        let changed = change.await?;
        let after = self.end_keys(owner, by.clone()).await.inspect_err(|error| {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, user = %owner.id, "a key made at this moment may go on");
        });
        Ok((changed, before + after.unwrap_or_default()))
    }

    /// Who calls with a key. What nobody has is counted as unknown tokens are.
    pub async fn key_caller(
        &self,
        secret: &KeySecret,
        from: IpAddr,
    ) -> Result<KeyCaller, AuthError> {
        /// How rarely it is written down that a key is in use.
        const NOTE_EVERY: Duration = Duration::from_mins(1);
        let (digest, now) = (secret.digest(), self.clock.now());
        let Some(item) = self.store.item(ItemKind::ApiKey, &digest, now).await? else {
            self.limits.unknown_token(from).await?;
            return Err(AuthError::InvalidToken);
        };
        let mut key = ApiKey::read(&item)?;
        let owner = self.store.user(key.owner).await?;
        let Some(owner) = owner.filter(is_operator) else {
            unless_full(self.store.remove_item(ItemKind::ApiKey, &digest).await);
            return Err(AuthError::InvalidToken);
        };
        if key.last_used.is_none_or(|(at, _)| now.since(at) >= NOTE_EVERY) {
            key.last_used = Some((now, from.to_canonical()));
            // In place of what was read: a key that was revoked meanwhile stays so.
            unless_full(self.store.replace_item(&item.value, &key.item(digest)?).await);
        }
        Ok(KeyCaller { key, owner })
    }
}

fn is_operator(user: &User) -> bool {
    user.is_active && user.is_staff
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
    fn a_key_says_what_it_is_and_nobody_can_foresee_it() {
        let (one, other) = (KeySecret::random().unwrap(), KeySecret::random().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), "agk_".len() + 64);
        assert!(KeySecret::parse(one.expose()).is_some());
        assert!(KeySecret::parse("0123").is_none());
    }

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        let found: [&[u8]; 8] = [
            b"Bearer agk_0",
            b"agk_",
            b"Bearer\tagk_0",
            b"Basic YTpi,Bearer agk_0",
            b"X key=\"agk_0\"",
            b"Bearer\xa0agk_0",
            b"Basic YWRhOmFna18wMTIz",
            b"X,Basic w6Q_OmFna18w==",
        ];
        assert!(found.iter().all(|value| KeySecret::is_mentioned(value)));
        let others: [&[u8]; 6] = [
            b"Bearer agk",
            b"Bearer AGK_0",
            b"Bearer xagk_0",
            b"Basic YWRhOnhhZ2tfMA==",
            b"agk 0",
            b"",
        ];
        assert!(!others.iter().any(|value| KeySecret::is_mentioned(value)));
    }

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
