//! Tokens: what a client holds and what the store holds.

mod former;
mod knox_key;
mod scheme;

pub use self::knox_key::KnoxKey;
pub use self::scheme::{DigestHash, DigestOver, DigestScheme, NotAScheme, OldDigest};

use super::user::UserId;
use crate::clock::Timestamp;
use sha2::{Digest, Sha512};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use zeroize::Zeroizing;

/// A token as its client holds it. It is never stored or printed.
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes in a token that a client sent, or the text of a fresh one.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The token's text, for the one answer that hands it to its client.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The token that spells the same digits without capitals, if it spells digits in hex and has some: knox 4
    /// took the one for the other.
    pub fn without_capitals(&self) -> Option<Self> {
        let has_capitals = self.0.bytes().any(|byte| byte.is_ascii_uppercase());
        let is_hex = self.0.bytes().all(|byte| byte.is_ascii_hexdigit());
        (has_capitals && is_hex).then(|| Self::new(self.0.to_ascii_lowercase()))
    }

    /// What the store knows this token by.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha512::digest(self.0.as_bytes()).into())
    }
}

/// The SHA-512 of a token's text: knox 5's digest, so that tokens issued by it still work. A token that
/// came with the digest of another scheme has that one, until it is first used: see [`OldDigest`].
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct TokenDigest([u8; 64]);

impl TokenDigest {
    /// Takes in a digest that a store kept.
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Takes in a digest that another program made, which may be shorter.
    pub fn padded(bytes: &[u8]) -> Self {
        let mut whole = [0; 64];
        for (place, byte) in whole.iter_mut().zip(bytes) {
            *place = *byte;
        }
        Self(whole)
    }

    /// The bytes, for a store's key.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// What a store or a memory files it under.
    pub fn key(&self) -> TokenKey {
        let (key, _) = self.halves();
        TokenKey(key)
    }

    /// Its key, and what the key does not say.
    pub fn halves(&self) -> ([u8; 32], [u8; 32]) {
        let mut halves = ([0; 32], [0; 32]);
        for (place, byte) in halves.0.iter_mut().chain(&mut halves.1).zip(self.0) {
            *place = byte;
        }
        halves
    }

    /// The head of its key.
    pub fn head(&self) -> u64 {
        self.key().head()
    }
}

/// Half of a token's digest: as hard to meet by chance as the whole, and half as much to keep.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct TokenKey([u8; 32]);

impl TokenKey {
    /// Takes in a key that a store kept.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight bytes as a number: enough to tell a user's tokens apart, too little to
    /// find one's text.
    pub fn head(&self) -> u64 {
        self.0.iter().take(8).fold(0, |head, byte| head << 8 | u64::from(*byte))
    }

    /// The digest of which it is one half and this the other.
    pub fn digest(&self, rest: [u8; 32]) -> TokenDigest {
        let mut whole = [0; 64];
        for (place, byte) in whole.iter_mut().zip(self.0.into_iter().chain(rest)) {
            *place = byte;
        }
        TokenDigest(whole)
    }
}

/// What a token is called where people see it: its user and the head of its digest, `42-9f86d081884c7d65`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TokenId {
    /// Whose token it is.
    pub user: UserId,
    /// The head of its digest.
    pub head: u64,
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.user, self.head)
    }
}

impl FromStr for TokenId {
    type Err = NotATokenId;

    fn from_str(text: &str) -> Result<Self, NotATokenId> {
        let (user, head) = text.split_once('-').ok_or(NotATokenId)?;
        if head.len() != 16 {
            return Err(NotATokenId);
        }
        Ok(Self {
            user: UserId(user.parse().map_err(|_| NotATokenId)?),
            head: u64::from_str_radix(head, 16).map_err(|_| NotATokenId)?,
        })
    }
}

/// The text is not a token's id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a token id such as 42-9f86d081884c7d65")]
pub struct NotATokenId;

/// What the store keeps of a token.
#[derive(Clone, Eq, PartialEq)]
pub struct TokenRecord {
    /// When it was issued.
    pub created: Timestamp,
    /// What the store knows it by.
    pub digest: TokenDigest,
    /// Its user's epoch when it was issued: the token is good only while the user's is the same.
    pub epoch: u64,
    /// Until when it holds; `None` is forever.
    pub expires: Option<Timestamp>,
    /// What it was found by before it got its digest here, of one that another program has issued. Kept
    /// for the way back to that program: it lets nobody in.
    pub former: Option<Box<OldDigest>>,
    /// By which knox would find it, if that is known.
    pub knox_key: Option<KnoxKey>,
    /// Whose it is.
    pub user: UserId,
}

/// What operators want to know of a token, beside what decides whether it is good.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TokenAbout {
    /// From where it was issued.
    pub address: Option<IpAddr>,
    /// The operator who issued it; `None` if it was its user by a login.
    pub issued_by: Option<String>,
    /// When it was last used, to the minute, and from where; `None` if it never was.
    pub last_used: Option<(Timestamp, IpAddr)>,
    /// What an operator calls it.
    pub name: Option<String>,
    /// With what program its user logged in: what that said of itself, cut to
    /// [`TokenAbout::LONGEST`] characters.
    pub user_agent: Option<String>,
}

impl TokenAbout {
    /// The most characters that are kept of a name or a user agent.
    pub const LONGEST: usize = 200;

    /// What is kept of a name or a user agent: so many characters of it, each control character
    /// replaced; `None` if it is blank.
    pub fn tidy(text: &str) -> Option<String> {
        let shown = |char: char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char };
        let text = text.trim();
        (!text.is_empty()).then(|| text.chars().take(Self::LONGEST).map(shown).collect())
    }
}

impl TokenRecord {
    /// Whether the token has run out by `now`.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    /// Whether a text stands for it that may have capitals where its own has none: it came with a digest of
    /// what its text spells. The beginning by which knox finds it is compared as it is.
    pub fn is_spelled_by(&self, token: &Token) -> bool {
        self.former.as_ref().is_some_and(|former| {
            former.scheme.over != DigestOver::Text
                && token.expose().starts_with(former.knox_key.as_str())
        })
    }

    /// What it is called where people see it.
    pub fn id(&self) -> TokenId {
        TokenId { user: self.user, head: self.digest.head() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_sha512_of_the_tokens_text() {
        let digest = Token::new("abc".to_owned()).digest();
        assert_eq!(&digest.as_bytes()[..4], &[0xdd, 0xaf, 0x35, 0xa1]);
        assert_eq!(digest.head(), 0xddaf_35a1_9361_7aba);
    }

    #[test]
    fn two_halves_are_the_digest() {
        let digest = Token::new("abc".to_owned()).digest();
        let (_, rest) = digest.halves();
        assert!(digest.key().digest(rest) == digest);
        assert_eq!(digest.key().as_bytes(), &digest.as_bytes()[..32]);
    }

    #[test]
    fn a_shorter_digest_is_padded_with_zeros() {
        let padded = TokenDigest::padded(&[7; 32]);
        assert_eq!(padded.as_bytes()[..32], [7; 32]);
        assert_eq!(padded.as_bytes()[32..], [0; 32]);
        assert!(TokenDigest::padded(&[9; 64]) == TokenDigest::new([9; 64]));
    }

    #[test]
    fn an_id_reads_back_as_it_is_written() {
        let id = TokenId { user: UserId(42), head: 0x00ff };
        assert_eq!(id.to_string(), "42-00000000000000ff");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "42", "42-ff", "x-00000000000000ff", "42-zz000000000000ff"] {
            assert_eq!(text.parse::<TokenId>(), Err(NotATokenId), "{text}");
        }
    }
}
