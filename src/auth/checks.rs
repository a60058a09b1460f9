//! What a new password must not be: Django's four validators.

use crate::model::email::Email;
use crate::model::password::Password;
use crate::model::user::Username;
use std::collections::HashMap;

/// Which passwords are refused.
#[expect(clippy::struct_excessive_bools, reason = "each is a check of its own, on or off")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PasswordChecks {
    /// Those that many people have.
    pub common: bool,
    /// Those shorter than `min_length`.
    pub length: bool,
    /// The least number of characters.
    pub min_length: usize,
    /// Those of digits alone.
    pub numeric: bool,
    /// Those that look like the user's name or address.
    pub similarity: bool,
}

/// What is wrong with a password, in Django's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Weakness {
    /// Many people have it.
    #[error("This password is too common.")]
    Common,
    /// It is of digits alone.
    #[error("This password is entirely numeric.")]
    Numeric,
    /// It looks like something of the user's own.
    #[error("The password is too similar to the {0}.")]
    Similar(&'static str),
    /// It is too short.
    #[error("This password is too short. It must contain at least {0} character{s}.", s = if *.0 == 1 { "" } else { "s" })]
    TooShort(usize),
}

/// All that is wrong with a password, in Django's order. Blanks round it count for nothing.
pub(super) fn weaknesses(
    checks: &PasswordChecks,
    password: &Password,
    username: &Username,
    email: &Email,
) -> Vec<Weakness> {
    let password = password.expose().trim();
    let mut found = Vec::new();
    if checks.similarity {
        let attributes = [("username", username.as_str()), ("email address", email.as_str())];
        let similar = attributes.into_iter().find(|(_, value)| is_similar(password, value));
        found.extend(similar.map(|(name, _)| Weakness::Similar(name)));
    }
    if checks.length && password.chars().count() < checks.min_length {
        found.push(Weakness::TooShort(checks.min_length));
    }
    if checks.common && is_common(password) {
        found.push(Weakness::Common);
    }
    if checks.numeric && !password.is_empty() && password.chars().all(char::is_numeric) {
        found.push(Weakness::Numeric);
    }
    found
}

/// All that is wrong, in a line.
pub(super) fn in_words(weaknesses: &[Weakness]) -> String {
    weaknesses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// 19,640 passwords that leaked most often, lower case, sorted by their bytes: the public list by
/// which Django judges.
const COMMON: &str = include_str!("common_passwords.txt");

fn is_common(password: &str) -> bool {
    let wanted = password.to_lowercase();
    let mut rest = COMMON;
    // A binary search on the text itself: no index to build, and nothing to keep in memory.
    while !rest.is_empty() {
        let middle = floor_char_boundary(rest, rest.len() / 2);
        let (before, after) = rest.split_at(middle);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after.find('\n').map_or(rest.len(), |newline| middle + newline);
        let line = rest.get(start..end).unwrap_or_default();
        rest = match wanted.as_str().cmp(line) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => rest.get(..start).unwrap_or_default(),
            std::cmp::Ordering::Greater => rest.get(end + 1..).unwrap_or_default(),
        };
    }
    false
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    (0..=index).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

/// Django's `UserAttributeSimilarityValidator` at its default of 0.7: the whole value and its parts.
fn is_similar(password: &str, value: &str) -> bool {
    let (password, value) = (password.to_lowercase(), value.to_lowercase());
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let parts = value.split(|char| !is_word(char)).filter(|part| !part.is_empty());
    parts.chain([value.as_str()]).any(|part| {
        !value.is_empty() && !is_far_longer(&password, part) && ratio(&password, part) >= 0.7
    })
}

/// A part much shorter than the password says nothing about it.
fn is_far_longer(password: &str, part: &str) -> bool {
    let (password, part) = (password.chars().count(), part.chars().count());
    password >= 10 * part && lossy(part) < 0.7 / 2.0 * lossy(password)
}

/// How many characters two texts share, whatever their order, of all that they have: the
/// `quick_ratio` of Python's `SequenceMatcher`.
fn ratio(one: &str, other: &str) -> f64 {
    let mut left: HashMap<char, usize> = HashMap::new();
    for char in other.chars() {
        *left.entry(char).or_default() += 1;
    }
    let take = |char: char| match left.get_mut(&char) {
        Some(count) if *count > 0 => {
            *count -= 1;
            1
        }
        _ => 0,
    };
    let shared: usize = one.chars().map(take).sum();
    let all = one.chars().count() + other.chars().count();
    if all == 0 { 1.0 } else { 2.0 * lossy(shared) / lossy(all) }
}

/// A count as a number to divide; far below where precision ends.
fn lossy(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(password: &str, username: &str) -> Vec<Weakness> {
        let checks = PasswordChecks {
            common: true,
            length: true,
            min_length: 8,
            numeric: true,
            similarity: true,
        };
        let email = Email::parse("kate.bush@wonderland.org").unwrap();
        let password = Password::new(password.to_owned());
        weaknesses(&checks, &password, &Username::parse(username).unwrap(), &email)
    }

    #[test]
    fn every_weakness_is_told_in_djangos_order() {
        assert_eq!(
            found("1234", "ada"),
            [Weakness::TooShort(8), Weakness::Common, Weakness::Numeric]
        );
    }

    #[test]
    fn a_good_password_has_none() {
        assert_eq!(found("tr0ub4dor&3x", "ada"), []);
        assert_eq!(found("xkcdqzvw", "ada"), []);
    }

    #[test]
    fn length_is_counted_in_characters_without_the_blanks_around() {
        assert_eq!(found("  xkcdqzv  ", "ada"), [Weakness::TooShort(8)]);
        assert_eq!(found("😀😁😂🤣", "ada"), [Weakness::TooShort(8)]);
    }

    #[test]
    fn a_password_like_the_name_or_the_address_is_refused() {
        assert_eq!(found("robertson", "robertson"), [Weakness::Similar("username")]);
        assert_eq!(found("robertsonx", "robertsen"), [Weakness::Similar("username")]);
        assert_eq!(found("wonderland1", "ada"), [Weakness::Similar("email address")]);
    }

    #[test]
    fn the_whole_list_of_common_passwords_is_found() {
        let missed: Vec<_> = COMMON.lines().filter(|line| !is_common(line)).collect();
        assert_eq!(missed, [""; 0]);
        assert!(COMMON.lines().count() > 10_000);
        assert!(is_common("PassWord1"));
        for rare in ["", "zzzzzzzzzq", "correct horse"] {
            assert!(!is_common(rare), "{rare}");
        }
    }

    #[test]
    fn the_message_counts_in_good_english() {
        assert!(Weakness::TooShort(1).to_string().ends_with("at least 1 character."));
    }
}
