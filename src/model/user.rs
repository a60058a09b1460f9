//! Users and what may be said of them.

use super::email::Email;
use super::password::PasswordHash;
use crate::clock::Timestamp;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// A user's number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserId(pub u64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a user. New ones obey Django's rules for usernames and are in Unicode's form NFKC; one that
/// came along from elsewhere is as it was there, and may break those rules.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Username(String);

impl Username {
    /// The most characters that a name may have.
    pub const MAX_CHARS: usize = 150;

    /// Reads the name of a new user, or says all that is wrong with it, in Django's order.
    ///
    /// The rules hold for the name as typed and for its normal form, which is what is kept.
    pub fn parse(typed: &str) -> Result<Self, Vec<UsernameError>> {
        // What is far too long is not worth its normal form.
        let is_worthwhile = typed.len() <= Self::MAX_CHARS * char::MAX.len_utf8();
        let normal: String = if is_worthwhile { typed.nfkc().collect() } else { typed.to_owned() };
        let mut errors = Vec::new();
        if !has_good_characters(typed) || !has_good_characters(&normal) {
            errors.push(UsernameError::BadCharacter);
        }
        if typed.chars().count().max(normal.chars().count()) > Self::MAX_CHARS {
            errors.push(UsernameError::TooLong);
        }
        if typed.contains('\0') {
            errors.push(UsernameError::Null);
        }
        if errors.is_empty() { Ok(Self(normal)) } else { Err(errors) }
    }

    /// Reads the name of someone who should exist already: byte for byte, as Django looks names up, which
    /// checks their characters in forms alone. `None` if no user can have it.
    pub fn existing(typed: &str) -> Option<Self> {
        let is_short = typed.chars().take(Self::MAX_CHARS + 1).count() <= Self::MAX_CHARS;
        (is_short && can_be_told(typed)).then(|| Self(typed.to_owned()))
    }

    /// Takes in a name that a store kept, to be shown to operators: what got into the store past all
    /// rules must not hide itself, and others with it.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Whether a user can have it: nobody else is let in.
    pub fn is_sound(&self) -> bool {
        Self::existing(&self.0).is_some()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Python's `[\w.@+-]+`: letters and numbers of any script, without combining marks.
fn has_good_characters(name: &str) -> bool {
    let is_good = |char: char| match char.general_category_group() {
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number => true,
        _ => "@.+-_".contains(char),
    };
    !name.is_empty() && name.chars().all(is_good)
}

/// Whether an app can be told of it, and people can see what they are shown.
fn can_be_told(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control)
}

/// Why a name is not a username, in Django's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UsernameError {
    /// It has a character outside the permitted ones, or none at all.
    #[error(
        "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
    )]
    BadCharacter,
    /// It has a NUL.
    #[error("Null characters are not allowed.")]
    Null,
    /// It is longer than Django's column.
    #[error("Ensure this field has no more than {} characters.", Username::MAX_CHARS)]
    TooLong,
}

/// What Django knows of a user beside what decides anything here. It is kept, shown and given back.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Profile {
    /// Their first name; may be blank.
    pub first_name: String,
    /// The names of their groups, in order, each once.
    pub groups: Vec<String>,
    /// Whether Django lets them do everything.
    pub is_superuser: bool,
    /// Their last name; may be blank.
    pub last_name: String,
}

impl Profile {
    /// First and last name as one; blank if there is neither.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }
}

/// A user as the store keeps it.
#[derive(Clone, Eq, PartialEq)]
pub struct User {
    /// Their address; may be blank.
    pub email: Email,
    /// Counts what ends all of the user's tokens at once: only tokens of the present epoch are good.
    pub epoch: u64,
    /// Their number.
    pub id: UserId,
    /// Whether they may log in and use their tokens.
    pub is_active: bool,
    /// Whether they may pass where only staff may.
    pub is_staff: bool,
    /// When they were created.
    pub joined: Timestamp,
    /// When they last logged in.
    pub last_login: Option<Timestamp>,
    /// Whether they are to choose another password, because someone else knows theirs.
    pub must_change: bool,
    /// Their hashed password.
    pub password: PasswordHash,
    /// What else is known of them.
    pub profile: Profile,
    /// Their name.
    pub username: Username,
}

/// What is known of a user before the store has given them a number.
#[derive(Clone)]
pub struct NewUser {
    /// Their address; may be blank.
    pub email: Email,
    /// Whether they are staff.
    pub is_staff: bool,
    /// When they are created.
    pub joined: Timestamp,
    /// Whether they are to choose another password.
    pub must_change: bool,
    /// Their hashed password.
    pub password: PasswordHash,
    /// What else is known of them.
    pub profile: Profile,
    /// Their name.
    pub username: Username,
}

/// One change to one user, applied by the store in one step.
#[derive(Clone)]
pub enum UserChange {
    /// Lets them in, or locks them out and ends their tokens.
    Active(bool),
    /// Replaces their address. Tokens live on.
    Email(Email),
    /// Notes when they logged in. Tokens live on.
    LoggedIn(Timestamp),
    /// Says whether they are to choose another password. Tokens live on.
    MustChange(bool),
    /// Replaces the password and ends their tokens.
    Password {
        /// The new one.
        hash: PasswordHash,
        /// Whether they are to choose another, because someone else knows this one.
        must_change: bool,
    },
    /// Replaces one hash of a password by another hash of the same password, unless it has been
    /// replaced already. Tokens live on.
    Rehash {
        /// The hash that was verified.
        from: PasswordHash,
        /// The better one.
        to: PasswordHash,
    },
    /// Makes them staff, or takes that from them. Either ends their tokens.
    Staff(bool),
}

impl UserChange {
    /// Whether the change ends all of the user's tokens.
    pub fn ends_tokens(&self) -> bool {
        match self {
            Self::Active(active) => !active,
            // Whoever had a token made for an ordinary user must not have one of staff by it.
            Self::Staff(_) | Self::Password { .. } => true,
            Self::Email(_) | Self::LoggedIn(_) | Self::MustChange(_) | Self::Rehash { .. } => false,
        }
    }

    /// Applies the change to a user, the epoch included.
    pub fn apply(&self, user: &mut User) {
        match self {
            Self::Active(active) => user.is_active = *active,
            Self::Staff(staff) => user.is_staff = *staff,
            Self::Email(email) => user.email = email.clone(),
            Self::LoggedIn(at) => user.last_login = Some(*at),
            Self::MustChange(must_change) => user.must_change = *must_change,
            Self::Password { hash, must_change } => {
                user.password = hash.clone();
                user.must_change = *must_change;
            }
            Self::Rehash { from, to } if user.password == *from => user.password = to.clone(),
            Self::Rehash { .. } => {}
        }
        if self.ends_tokens() {
            user.epoch += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(typed: &str) -> Vec<UsernameError> {
        Username::parse(typed).err().unwrap_or_default()
    }

    #[test]
    fn letters_and_numbers_of_any_script_are_fine() {
        for name in ["alice", "@.+-_", "josé", "Иван", "山田太郎", "u٣٤", "कखग", "𐐀𐐁", "straße"]
        {
            assert_eq!(Username::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_are_kept_in_normal_form() {
        for (typed, kept) in
            [("ⅷⅧ", "viiiVIII"), ("ﬁsh", "fish"), ("ｗｉｄｅ", "wide"), ("n①", "n1")]
        {
            assert_eq!(Username::parse(typed).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn marks_blanks_and_signs_are_refused() {
        for name in
            ["", "al ice", "e\u{301}ric", "วันนี้", "a\u{200d}b", "\u{feff}abc", "bob😀", "half½"]
        {
            assert_eq!(errors(name), [UsernameError::BadCharacter], "{name}");
        }
    }

    #[test]
    fn every_mistake_is_told_in_djangos_order() {
        use UsernameError::{BadCharacter, Null, TooLong};
        assert_eq!(errors("a\0b"), [BadCharacter, Null]);
        assert_eq!(errors(&"u".repeat(151)), [TooLong]);
        assert_eq!(errors(&" ".repeat(151)), [BadCharacter, TooLong]);
    }

    #[test]
    fn the_length_is_that_of_the_normal_form_too() {
        assert!(errors(&"\u{fdfa}".repeat(140)).contains(&UsernameError::TooLong));
    }

    #[test]
    fn a_name_that_no_user_can_have_is_known_for_what_it_is() {
        assert!(Username::stored("ada".to_owned()).is_sound());
        assert!(Username::stored("Ada Lovelace".to_owned()).is_sound());
        assert!(!Username::stored("ada\nX-Auth-Staff: true".to_owned()).is_sound());
    }

    #[test]
    fn a_full_name_is_what_there_is_of_both() {
        for (first, last, full) in
            [("Ada", "Lovelace", "Ada Lovelace"), ("Ada", "", "Ada"), ("", "", "")]
        {
            let (first_name, last_name) = (first.to_owned(), last.to_owned());
            let profile = Profile { first_name, last_name, ..Profile::default() };
            assert_eq!(profile.full_name(), full);
        }
    }

    #[test]
    fn an_existing_name_is_looked_up_as_typed() {
        for typed in ["fish", "ﬁsh", "John Smith", " a/b,<c> ", "e\u{301}", &"ü".repeat(150)] {
            let name = Username::existing(typed).unwrap();
            assert_eq!(name.as_str(), typed);
        }
        for typed in ["", "a\0b", "a\r\nb", "a\tb", "a\u{7f}", "a\u{85}b", &"u".repeat(151)] {
            assert!(Username::existing(typed).is_none(), "{typed:?}");
        }
    }
}
