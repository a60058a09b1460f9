//! How users and tokens are written down, and read back.

use crate::clock::Timestamp;
use crate::model::email::Email;
use crate::model::password::PasswordHash;
use crate::model::token::{KnoxKey, OldDigest, TokenKey, TokenRecord};
use crate::model::user::{Profile, User, UserId, Username};
use crate::store::StoreError;
use redis::{FromRedisValue, Value, from_redis_value};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::str::FromStr;

/// A user's hash as Redis returns it; empty if there is no such user.
pub(super) type Fields = HashMap<String, String>;

/// The field of a user who is being taken over and is nobody until that is done: which run does it.
pub(super) const LANDING: &str = "landing";

/// The field of a user who is being renamed: the name that they had, which may lead to them still.
pub(super) const FORMER: &str = "former_name";

/// Answers of so many commands each.
pub(super) fn in_parts<T: FromRedisValue>(
    answers: Vec<Value>,
    each: usize,
) -> Result<Vec<T>, StoreError> {
    let mut parts = Vec::with_capacity(answers.len() / each);
    let mut answers = answers.into_iter();
    loop {
        let part: Vec<_> = answers.by_ref().take(each).collect();
        if part.is_empty() {
            return Ok(parts);
        }
        let part = from_redis_value(Value::Array(part)).map_err(|_| StoreError::Corrupt {
            what: "record",
            problem: "the answer is not of the expected kind".to_owned(),
        })?;
        parts.push(part);
    }
}

/// Writes a user as the fields of a hash.
pub(super) fn user_fields(user: &User) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("username", user.username.to_string()),
        ("email", user.email.to_string()),
        ("password", user.password.expose().to_owned()),
        ("is_active", flag(user.is_active).to_owned()),
        ("is_staff", flag(user.is_staff).to_owned()),
        ("joined", user.joined.micros().to_string()),
        ("must_change", flag(user.must_change).to_owned()),
        ("epoch", user.epoch.to_string()),
    ];
    fields.extend(user.last_login.map(|moment| ("last_login", moment.micros().to_string())));
    fields.extend(profile_fields(&user.profile).into_iter().filter(|(_, value)| !value.is_empty()));
    fields
}

/// What is kept of a profile; a field that would be empty is not there.
fn profile_fields(profile: &Profile) -> [(&'static str, String); 4] {
    let groups = serde_json::Value::from(profile.groups.as_slice()).to_string();
    [
        ("first_name", profile.first_name.clone()),
        ("last_name", profile.last_name.clone()),
        ("groups", if profile.groups.is_empty() { String::new() } else { groups }),
        ("is_superuser", if profile.is_superuser { "1".to_owned() } else { String::new() }),
    ]
}

/// The fields of a profile that would be empty.
pub(super) fn blank_fields(profile: &Profile) -> impl Iterator<Item = &'static str> {
    let fields = profile_fields(profile).into_iter();
    fields.filter(|(_, value)| value.is_empty()).map(|(field, _)| field)
}

/// Writes what is true or not.
pub(super) fn flag(is_true: bool) -> &'static str {
    if is_true { "1" } else { "0" }
}

/// Reads a user from the fields of a hash; `None` if there is none, or not wholly yet.
pub(super) fn user(id: UserId, fields: &Fields) -> Result<Option<User>, StoreError> {
    if fields.is_empty() || fields.contains_key(LANDING) {
        return Ok(None);
    }
    Ok(Some(User {
        email: Email::stored(text(fields, "email")?.to_owned()),
        epoch: number(fields, "epoch")?,
        id,
        is_active: number::<u8>(fields, "is_active")? == 1,
        is_staff: number::<u8>(fields, "is_staff")? == 1,
        joined: Timestamp::from_micros(number(fields, "joined")?),
        last_login: optional_number(fields, "last_login")?.map(Timestamp::from_micros),
        // One that an older gateway has written says nothing of it.
        must_change: optional_number::<u8>(fields, "must_change")? == Some(1),
        password: PasswordHash::new(text(fields, "password")?.to_owned()),
        profile: profile(fields)?,
        username: Username::stored(text(fields, "username")?.to_owned()),
    }))
}

fn profile(fields: &Fields) -> Result<Profile, StoreError> {
    let kept = |field| fields.get(field).cloned().unwrap_or_default();
    // What became empty may have stayed as an empty field.
    let groups = fields.get("groups").filter(|text| !text.is_empty());
    let groups = groups.map(|text| serde_json::from_str(text)).transpose();
    Ok(Profile {
        first_name: kept("first_name"),
        groups: groups.map_err(|_| bad_field("groups"))?.unwrap_or_default(),
        is_superuser: kept("is_superuser") == flag(true),
        last_name: kept("last_name"),
    })
}

fn text<'a>(fields: &'a Fields, field: &str) -> Result<&'a str, StoreError> {
    fields.get(field).map(String::as_str).ok_or_else(|| bad_field(field))
}

fn number<T: FromStr>(fields: &Fields, field: &str) -> Result<T, StoreError> {
    text(fields, field)?.parse().map_err(|_| bad_field(field))
}

fn optional_number<T: FromStr>(fields: &Fields, field: &str) -> Result<Option<T>, StoreError> {
    fields.contains_key(field).then(|| number(fields, field)).transpose()
}

fn bad_field(field: &str) -> StoreError {
    StoreError::Corrupt { what: "user", problem: format!("the field {field} is missing or wrong") }
}

/// A token as its key holds it: in as few bytes as there is to say, for there are many.
#[derive(Deserialize, Serialize)]
struct Written {
    user: u64,
    /// In microseconds.
    created: i64,
    /// How long it holds from then on, in microseconds; `None` is forever.
    lasts: Option<i64>,
    epoch: u64,
    /// What its key does not say of its digest.
    rest: [u8; 32],
}

/// What stands before 15 hexadecimal digits, so that the eight bytes of them are no text.
const MARK: u64 = 0xF << 60;

/// What is written behind a token of the beginning of its text: 15 hexadecimal digits in eight bytes,
/// anything else as it is.
fn tail(key: &KnoxKey) -> Vec<u8> {
    match digits(key.as_str()) {
        Some(number) => (MARK | number).to_be_bytes().to_vec(),
        None => key.as_str().as_bytes().to_vec(),
    }
}

/// The number that 15 hexadecimal digits spell, if a text is those.
fn digits(text: &str) -> Option<u64> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != KnoxKey::OF_KNOX_5 || !text.bytes().all(is_digit) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

/// Reads what stands behind a token; an error if it is not as it would be written.
fn knox_key(tail: &[u8]) -> Result<Option<KnoxKey>, ()> {
    if tail.is_empty() {
        return Ok(None);
    }
    let number = tail.try_into().map(u64::from_be_bytes).ok();
    let text = match number.filter(|number| number & MARK == MARK) {
        Some(number) => format!("{:015x}", number & !MARK),
        None => {
            str::from_utf8(tail).ok().filter(|text| digits(text).is_none()).ok_or(())?.to_owned()
        }
    };
    KnoxKey::parse(&text).map(Some).ok_or(())
}

/// Reads what stands behind a token: what it was found by before, if it was by something else, and the
/// beginning of its text. An error if it is not as it would be written.
fn behind(tail: &[u8]) -> Result<(Option<Box<OldDigest>>, Option<KnoxKey>), ()> {
    if !OldDigest::begins_former(tail) {
        return Ok((None, knox_key(tail)?));
    }
    let length = OldDigest::former_length(tail).ok_or(())?;
    let (former, tail) = tail.split_at_checked(length).ok_or(())?;
    let key = knox_key(tail)?;
    let former = OldDigest::read_former(former, key.as_ref()).ok_or(())?;
    Ok((Some(Box::new(former)), key))
}

/// The epoch of a token that is being given another digest: its user's list says whether it is there yet,
/// and of which epoch.
pub(super) const UNDECIDED: u64 = u64::MAX;

/// Writes a token, but what its key says.
pub(super) fn token_bytes(token: &TokenRecord) -> Result<Vec<u8>, StoreError> {
    let (_, rest) = token.digest.halves();
    let created = token.created.micros();
    let lasts = token.expires.map(|end| end.micros().wrapping_sub(created));
    let written = Written { user: token.user.0, created, lasts, epoch: token.epoch, rest };
    let mut bytes = postcard::to_allocvec(&written).map_err(StoreError::unavailable)?;
    let key = token.knox_key.as_ref();
    bytes.extend(token.former.iter().filter_map(|former| former.former_bytes(key)).flatten());
    bytes.extend(key.into_iter().flat_map(tail));
    Ok(bytes)
}

/// Reads the token of that key.
pub(super) fn token(key: &TokenKey, bytes: &[u8]) -> Result<TokenRecord, StoreError> {
    let written = postcard::take_from_bytes(bytes).ok();
    let written = written.and_then(|(token, tail)| Some((token, behind(tail).ok()?)));
    let Some((Written { user, created, lasts, epoch, rest }, (former, knox_key))) = written else {
        let problem = "it is not a user, two moments, an epoch and half a digest".to_owned();
        return Err(StoreError::Corrupt { what: "token", problem });
    };
    Ok(TokenRecord {
        created: Timestamp::from_micros(created),
        digest: key.digest(rest),
        epoch,
        expires: lasts.map(|lasts| Timestamp::from_micros(created.wrapping_add(lasts))),
        former,
        knox_key,
        user: UserId(user),
    })
}

/// A token in its user's list. All of it stays as it is for the token's life, and the moment of
/// creation comes first, so that the order of entries is that of creation.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) created: Timestamp,
    pub(super) epoch: u64,
    pub(super) key: TokenKey,
}

impl Entry {
    /// The entry of a token.
    pub(super) fn of(token: &TokenRecord) -> Self {
        Self { created: token.created, epoch: token.epoch, key: token.digest.key() }
    }

    /// Writes the entry: the moment in eight bytes, the epoch in digits, the key. That is short enough
    /// for the compact form in which Redis keeps short lists.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let created = self.created.micros().cast_unsigned().to_be_bytes();
        [&created, self.epoch.to_string().as_bytes(), self.key.as_bytes()].concat()
    }

    /// Reads an entry.
    pub(super) fn read(written: &[u8]) -> Result<Self, StoreError> {
        Self::parse(written).ok_or_else(|| StoreError::Corrupt {
            what: "list of a user's tokens",
            problem: "an entry is not a moment, an epoch and half a digest".to_owned(),
        })
    }

    fn parse(written: &[u8]) -> Option<Self> {
        let (created, rest) = written.split_first_chunk()?;
        let (epoch, key) = rest.split_last_chunk()?;
        let created = u64::from_be_bytes(*created).cast_signed();
        Some(Self {
            created: Timestamp::from_micros(created),
            epoch: str::from_utf8(epoch).ok()?.parse().ok()?,
            key: TokenKey::new(*key),
        })
    }
}

/// The score of a token in its user's list. Exact, for a double holds microseconds until 2255.
pub(super) fn score(expires: Option<Timestamp>) -> String {
    expires.map_or_else(|| "+inf".to_owned(), |end| end.micros().to_string())
}

/// When Redis is to forget a token. Positive, for Redis refuses other moments.
pub(super) fn forget_at(expires: Timestamp) -> i64 {
    expires.millis_up().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::token::{DigestHash, DigestOver, DigestScheme, Token, TokenDigest};

    fn a_token(expires: Option<Timestamp>) -> TokenRecord {
        TokenRecord {
            created: Timestamp::from_micros(1_795_503_694_000_121),
            digest: Token::new("abc".to_owned()).digest(),
            epoch: 3,
            expires,
            former: None,
            knox_key: KnoxKey::parse("0123456789abcde"),
            user: UserId(42),
        }
    }

    fn a_user() -> User {
        User {
            email: Email::stored("a@example.com".to_owned()),
            epoch: 7,
            id: UserId(42),
            is_active: true,
            is_staff: false,
            joined: Timestamp::from_micros(1_795_503_694_000_121),
            last_login: None,
            must_change: true,
            password: PasswordHash::new("$argon2id$x".to_owned()),
            profile: Profile::default(),
            username: Username::parse("josé").unwrap(),
        }
    }

    fn fields_of(user: &User) -> Fields {
        user_fields(user).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn a_user_reads_back_as_written() {
        let mut written = a_user();
        for last_login in [None, Some(Timestamp::from_micros(1))] {
            written.last_login = last_login;
            assert!(user(UserId(42), &fields_of(&written)).unwrap() == Some(written.clone()));
        }
    }

    #[test]
    fn a_profile_reads_back_and_takes_no_room_where_it_is_empty() {
        let (plain, mut written) = (fields_of(&a_user()), a_user());
        written.profile = Profile {
            first_name: "Ada".to_owned(),
            groups: vec!["a, b".to_owned(), "\"c\"".to_owned()],
            is_superuser: true,
            last_name: "Lovelace".to_owned(),
        };
        assert!(user(UserId(42), &fields_of(&written)).unwrap() == Some(written.clone()));
        assert_eq!(fields_of(&written).len(), plain.len() + 4);
        let mut broken = fields_of(&written);
        broken.insert("groups".to_owned(), "staff".to_owned());
        assert!(matches!(user(UserId(42), &broken), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn a_user_without_fields_is_none() {
        assert!(user(UserId(42), &Fields::new()).unwrap().is_none());
    }

    #[test]
    fn a_user_who_is_being_taken_over_is_nobody() {
        let mut fields = fields_of(&a_user());
        fields.insert(LANDING.to_owned(), "0123456789abcdef".to_owned());
        assert!(user(UserId(42), &fields).unwrap().is_none());
    }

    #[test]
    fn a_user_lacking_a_field_is_corrupt() {
        for field in ["username", "email", "password", "is_active", "is_staff", "joined", "epoch"] {
            let mut fields = fields_of(&a_user());
            fields.remove(field);
            assert!(
                matches!(user(UserId(42), &fields), Err(StoreError::Corrupt { .. })),
                "{field}"
            );
        }
    }

    #[test]
    fn a_token_reads_back_as_written() {
        for expires in [None, Some(1_795_503_694_000_122), Some(i64::MIN), Some(i64::MAX)] {
            let written = a_token(expires.map(Timestamp::from_micros));
            let bytes = token_bytes(&written).unwrap();
            assert!(token(&written.digest.key(), &bytes).unwrap() == written);
        }
    }

    #[test]
    fn a_token_of_ten_hours_takes_60_bytes_and_its_entry_41() {
        let mut written = a_token(Some(Timestamp::from_micros(1_795_539_694_000_121)));
        written.user = UserId(100_000_000);
        assert_eq!(token_bytes(&written).unwrap().len(), 60);
        assert_eq!(Entry::of(&written).bytes().len(), 41);
    }

    #[test]
    fn the_beginning_of_a_tokens_text_reads_back_as_written() {
        let mut written = a_token(None);
        let without = token_bytes(&TokenRecord { knox_key: None, ..written.clone() }).unwrap();
        for (text, bytes) in [
            ("0123456789abcde", 8),
            ("fffffffffffffff", 8),
            ("0123456789ABCDE", 15),
            ("01234567", 8),
            ("kx_0123456789abcde", 18),
            ("0123456789abcdef", 16),
        ] {
            written.knox_key = KnoxKey::parse(text);
            let all = token_bytes(&written).unwrap();
            assert_eq!(all.len() - without.len(), bytes, "{text}");
            assert!(token(&written.digest.key(), &all).unwrap() == written, "{text}");
        }
        let key = written.digest.key();
        assert!(token(&key, &without).unwrap().knox_key.is_none());
    }

    #[test]
    fn what_a_token_was_found_by_before_reads_back_and_takes_67_bytes() {
        let scheme = DigestScheme { hash: DigestHash::Sha512, over: DigestOver::Bytes };
        let digest = TokenDigest::new([0xff; 64]);
        let mut written = a_token(None);
        for key in ["0123456789abcde", "01234567", "kx_0123456789abcde"] {
            written.knox_key = KnoxKey::parse(key);
            written.former = None;
            let without = token_bytes(&written).unwrap();
            let knox_key = KnoxKey::parse(&key[..8]).unwrap();
            let former = OldDigest { digest, knox_key, salt: Vec::new(), scheme };
            written.former = Some(Box::new(former));
            let all = token_bytes(&written).unwrap();
            assert_eq!(all.len() - without.len(), 67, "{key}");
            assert!(token(&written.digest.key(), &all).unwrap() == written, "{key}");
            let cut = &all[..without.len()];
            assert!(token(&written.digest.key(), cut).is_err(), "{key}");
        }
    }

    #[test]
    fn other_bytes_are_no_tokens() {
        let key = a_token(None).digest.key();
        let whole = token_bytes(&TokenRecord { knox_key: None, ..a_token(None) }).unwrap();
        let longer = [whole.as_slice(), &[0]].concat();
        // One that would be written otherwise could not be told from the one that was read.
        let digits = [whole.as_slice(), b"0123456789abcde"].concat();
        let others: [&[u8]; 5] = [b"", b"42 1 - 0", &whole[..whole.len() - 1], &longer, &digits];
        for bytes in others {
            assert!(matches!(token(&key, bytes), Err(StoreError::Corrupt { .. })), "{bytes:?}");
        }
    }

    #[test]
    fn entries_sort_by_creation() {
        let mut early = Entry::of(&a_token(None));
        let late = Entry::of(&a_token(None));
        early.created = Timestamp::from_micros(9);
        assert!(early.bytes() < late.bytes());
        assert_eq!(Entry::read(&late.bytes()).unwrap().bytes(), late.bytes());
    }

    #[test]
    fn other_bytes_are_no_entries() {
        let entry = Entry::of(&a_token(None)).bytes();
        let without_epoch = [&entry[..8], &entry[9..]].concat();
        let others: [&[u8]; 3] = [b"", &entry[1..], &without_epoch];
        for bytes in others {
            assert!(matches!(Entry::read(bytes), Err(StoreError::Corrupt { .. })), "{bytes:?}");
        }
    }
}
