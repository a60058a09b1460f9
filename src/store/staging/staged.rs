//! What a source says of users and tokens.

use super::Refusal;
use crate::clock::Timestamp;
use crate::model::email::Email;
use crate::model::token::{DigestScheme, KnoxKey};
use crate::model::user::Username;
use serde_json::Value;

/// A user of a source.
#[derive(Clone, Default)]
pub struct StagedUser {
    /// Where in the source, for messages.
    pub place: u64,
    /// Their number; `None` if the source has none, so that they get a new one.
    pub id: Option<u64>,
    /// What the source has in place of a number, such as a UUID: by that its tokens name them.
    pub key: Option<String>,
    /// Their name as it is there.
    pub username: String,
    /// Their address; may be blank.
    pub email: String,
    /// Their hashed password as it is there.
    pub password: String,
    /// What kind of hash it is.
    pub kind: String,
    /// Why it will never verify, if it will not.
    pub trouble: Option<String>,
    /// Whether they may log in.
    pub is_active: bool,
    /// Whether they are staff, which makes them an operator.
    pub is_staff: bool,
    /// Whether Django lets them do everything.
    pub is_superuser: bool,
    /// Their first name.
    pub first_name: String,
    /// Their last name.
    pub last_name: String,
    /// Their groups.
    pub groups: Vec<GroupRef>,
    /// When they were created; `None` if the source does not know.
    pub joined: Option<Timestamp>,
    /// When they last logged in.
    pub last_login: Option<Timestamp>,
}

/// A group of a source, by its number there or its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GroupRef {
    /// The number, as given to [`super::Staging::add_groups`].
    Number(i64),
    /// The name.
    Name(String),
}

/// A token of a source.
#[derive(Clone)]
pub struct StagedToken {
    /// Where in the source, for messages.
    pub place: u64,
    /// Whose it is.
    pub owner: OwnerRef,
    /// Its digest.
    pub digest: Vec<u8>,
    /// How the digest was made.
    pub scheme: DigestScheme,
    /// What was hashed with the text.
    pub salt: Vec<u8>,
    /// The first characters of its text.
    pub knox_key: String,
    /// When it was issued; `None` if the source does not know.
    pub created: Option<Timestamp>,
    /// Until when it holds; `None` is forever.
    pub expires: Option<Timestamp>,
}

/// A user of a source, by their number there, what is in its place, or their name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OwnerRef {
    /// What is in place of a number: [`StagedUser::key`].
    Key(String),
    /// The number.
    Number(u64),
    /// The name.
    Name(String),
}

impl StagedUser {
    /// The most characters of a first or last name, and of a group's: Django's.
    pub const LONGEST_NAME: usize = 150;
    /// The highest number that a user can have: as high as Redis can sort by.
    const HIGHEST: u64 = 1 << 52;

    pub(super) fn number(&self) -> Result<Option<i64>, Refusal> {
        match self.id {
            None => Ok(None),
            Some(id) if Self::is_sound_number(id) => Ok(Some(id.cast_signed())),
            Some(_) => Err(Refusal::NumberUnsound),
        }
    }

    pub(super) fn is_sound_number(number: u64) -> bool {
        (1..=Self::HIGHEST).contains(&number)
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        let is_sound = Username::stored(self.username.clone()).is_sound();
        (!is_sound).then_some(Refusal::NameUnsound)
    }

    /// Their address, blank if it is longer than any can be.
    pub(super) fn kept_email(&self) -> &str {
        if cut(&self.email, Email::MAX_CHARS) == self.email { &self.email } else { "" }
    }

    /// The names of the groups in JSON, and all of them if some are known by their numbers only.
    pub(super) fn group_columns(&self) -> (String, Option<String>) {
        let mut names: Vec<&str> = Vec::new();
        let mut all = Vec::new();
        for group in &self.groups {
            all.push(match group {
                GroupRef::Number(number) => Value::from(*number),
                GroupRef::Name(name) => {
                    names.push(name);
                    Value::from(name.as_str())
                }
            });
        }
        names.sort_unstable();
        names.dedup();
        let has_numbers = all.iter().any(Value::is_number);
        (Value::from(names).to_string(), has_numbers.then(|| Value::from(all).to_string()))
    }
}

/// At most so many characters.
pub(super) fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

impl StagedToken {
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let has_length = self.digest.len() == self.scheme.hash.length();
        let is_found = self.scheme.is_native() || KnoxKey::parse(&self.knox_key).is_some();
        (!has_length || !is_found).then_some(Refusal::DigestUnsound)
    }
}
