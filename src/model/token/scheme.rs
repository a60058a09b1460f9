//! How programs before this one made a digest of a token: schemes of knox, by its version and settings.

use super::{Token, TokenDigest};
use blake2::{Blake2b512, Blake2s256};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// How a token's digest is made of its text.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DigestScheme {
    /// With which hash.
    pub hash: DigestHash,
    /// Of what.
    pub over: DigestOver,
}

impl DigestScheme {
    /// The one of knox 5 and of this program.
    pub const NATIVE: Self = Self { hash: DigestHash::Sha512, over: DigestOver::Text };

    /// Whether tokens of it are found like those that were issued here.
    pub fn is_native(self) -> bool {
        self == Self::NATIVE
    }

    /// The digest of a text; `None` if it is not hex where it must be.
    pub fn digest(self, text: &str, salt: &[u8]) -> Option<Vec<u8>> {
        match self.over {
            DigestOver::Text => Some(self.hash.of(&[text.as_bytes()])),
            DigestOver::Bytes => Some(self.hash.of(&[&*spelled(text)?])),
            DigestOver::BytesAndSalt => Some(self.hash.of(&[&*spelled(text)?, salt])),
        }
    }
}

/// The bytes that a text spells in hex.
fn spelled(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    hex::decode(text).ok().map(Zeroizing::new)
}

impl fmt::Display for DigestScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.hash.name(), self.over.name())
    }
}

impl FromStr for DigestScheme {
    type Err = NotAScheme;

    fn from_str(text: &str) -> Result<Self, NotAScheme> {
        let (hash, over) = text.split_once(':').ok_or(NotAScheme)?;
        let over = DigestOver::ALL.into_iter().find(|one| one.name() == over).ok_or(NotAScheme)?;
        Ok(Self { hash: hash.parse()?, over })
    }
}

/// What a token's digest is made of.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DigestOver {
    /// The token's text: knox 5.
    #[default]
    Text,
    /// The bytes that the text spells in hex: knox 4.2.
    Bytes,
    /// Those bytes, and a salt of the token's own behind them: knox 4.1 and older.
    BytesAndSalt,
}

impl DigestOver {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Text, Self::Bytes, Self::BytesAndSalt];

    /// What it is called where it is kept and told.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::BytesAndSalt => "bytes+salt",
        }
    }
}

/// What may be set as knox's `SECURE_HASH_ALGORITHM`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DigestHash {
    /// `BLAKE2b` of 64 bytes.
    Blake2b,
    /// `BLAKE2s` of 32 bytes.
    Blake2s,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA3-224.
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
    /// SHA-384.
    Sha384,
    /// SHA-512: knox's own choice.
    #[default]
    Sha512,
}

impl DigestHash {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Blake2b,
        Self::Blake2s,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha3_224,
        Self::Sha3_256,
        Self::Sha3_384,
        Self::Sha3_512,
        Self::Sha512,
    ];

    /// What it is called where it is kept, told and chosen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blake2b => "blake2b",
            Self::Blake2s => "blake2s",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha3_224 => "sha3-224",
            Self::Sha3_256 => "sha3-256",
            Self::Sha3_384 => "sha3-384",
            Self::Sha3_512 => "sha3-512",
            Self::Sha512 => "sha512",
        }
    }

    /// How many bytes a digest has.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha224 | Self::Sha3_224 => 28,
            Self::Blake2s | Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Blake2b | Self::Sha3_512 | Self::Sha512 => 64,
        }
    }

    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Blake2b => hash::<Blake2b512>(parts),
            Self::Blake2s => hash::<Blake2s256>(parts),
            Self::Sha224 => hash::<Sha224>(parts),
            Self::Sha256 => hash::<Sha256>(parts),
            Self::Sha384 => hash::<Sha384>(parts),
            Self::Sha3_224 => hash::<Sha3_224>(parts),
            Self::Sha3_256 => hash::<Sha3_256>(parts),
            Self::Sha3_384 => hash::<Sha3_384>(parts),
            Self::Sha3_512 => hash::<Sha3_512>(parts),
            Self::Sha512 => hash::<Sha512>(parts),
        }
    }
}

impl FromStr for DigestHash {
    type Err = NotAScheme;

    fn from_str(text: &str) -> Result<Self, NotAScheme> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or(NotAScheme)
    }
}

fn hash<Hash: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let hash = parts.iter().fold(Hash::new(), Hash::chain_update);
    hash.finalize().to_vec()
}

/// The text names no way to make a token's digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a way to make a token's digest")]
pub struct NotAScheme;

/// What the store keeps beside a token whose digest another program made, until it is used here; and with
/// it from then on, see [`super::TokenRecord::former`].
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct OldDigest {
    /// The digest, as the token's record has it.
    pub digest: TokenDigest,
    /// The first characters of the token's text.
    pub knox_key: super::KnoxKey,
    /// What was hashed with the text.
    pub salt: Vec<u8>,
    /// How the digest was made.
    pub scheme: DigestScheme,
}

impl OldDigest {
    /// The digest that this token would have, were it the one of this entry.
    pub fn of(&self, token: &Token) -> Option<TokenDigest> {
        self.scheme.digest(token.expose(), &self.salt).map(|digest| TokenDigest::padded(&digest))
    }

    /// The digest of ours that the token of this entry gets: of its text without capitals, where they are all
    /// one.
    pub fn digest_of_ours(&self, token: &Token) -> TokenDigest {
        let plain = token.without_capitals().filter(|_| self.scheme.over != DigestOver::Text);
        plain.as_ref().unwrap_or(token).digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hash: DigestHash, over: DigestOver, text: &str, salt: &[u8]) -> Option<String> {
        DigestScheme { hash, over }.digest(text, salt).map(hex::encode)
    }

    #[test]
    fn the_native_scheme_is_the_digest_of_every_token_issued_here() {
        let token = Token::new("616263".to_owned());
        let digest = DigestScheme::NATIVE.digest("616263", b"salt").unwrap();
        assert_eq!(digest, token.digest().as_bytes());
        assert_eq!(DigestScheme::default(), DigestScheme::NATIVE);
    }

    #[test]
    fn every_hash_is_the_one_of_its_name() {
        for (hash, begins) in [
            (DigestHash::Blake2b, "ba80a53f981c4d0d"),
            (DigestHash::Blake2s, "508c5e8c327c14e2"),
            (DigestHash::Sha224, "23097d223405d822"),
            (DigestHash::Sha256, "ba7816bf8f01cfea"),
            (DigestHash::Sha384, "cb00753f45a35e8b"),
            (DigestHash::Sha3_224, "e642824c3f8cf24a"),
            (DigestHash::Sha3_256, "3a985da74fe225b2"),
            (DigestHash::Sha3_384, "ec01498288516fc9"),
            (DigestHash::Sha3_512, "b751850b1a57168a"),
            (DigestHash::Sha512, "ddaf35a193617aba"),
        ] {
            let digest = of(hash, DigestOver::Text, "abc", b"").unwrap();
            assert!(digest.starts_with(begins), "{}: {digest}", hash.name());
            assert_eq!(digest.len(), 2 * hash.length(), "{}", hash.name());
        }
    }

    #[test]
    fn knox_4_hashes_what_the_text_spells_and_before_it_a_salt_too() {
        let abc = of(DigestHash::Sha512, DigestOver::Text, "abc", b"");
        assert_eq!(of(DigestHash::Sha512, DigestOver::Bytes, "616263", b"not used"), abc);
        assert_eq!(of(DigestHash::Sha512, DigestOver::BytesAndSalt, "6162", b"c"), abc);
    }

    #[test]
    fn what_spells_nothing_has_no_digest_of_bytes() {
        for text in ["abc", "zz", "kx_61", "6\u{b9}"] {
            assert!(of(DigestHash::Sha512, DigestOver::Bytes, text, b"").is_none(), "{text}");
            assert!(of(DigestHash::Sha512, DigestOver::BytesAndSalt, text, b"").is_none());
        }
    }

    #[test]
    fn a_scheme_reads_back_as_it_is_written() {
        for hash in DigestHash::ALL {
            for over in DigestOver::ALL {
                let scheme = DigestScheme { hash, over };
                assert_eq!(scheme.to_string().parse(), Ok(scheme));
            }
        }
        for text in ["", "sha512", "md5:text", "sha512:words", "SHA512:text"] {
            assert_eq!(text.parse::<DigestScheme>(), Err(NotAScheme), "{text}");
        }
    }

    #[test]
    fn an_entry_knows_its_token_by_the_padded_digest() {
        let scheme = DigestScheme { hash: DigestHash::Sha256, over: DigestOver::Bytes };
        let digest = TokenDigest::padded(&scheme.digest("616263", b"").unwrap());
        let knox_key = super::super::KnoxKey::parse("616263").unwrap();
        let entry = OldDigest { digest, knox_key, salt: Vec::new(), scheme };
        assert!(entry.of(&Token::new("616263".to_owned())) == Some(digest));
        assert!(entry.of(&Token::new("616264".to_owned())) != Some(digest));
        assert!(entry.of(&Token::new("a word".to_owned())).is_none());
    }
}
