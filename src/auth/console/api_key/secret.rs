//! A key as its program holds it.

use crate::auth::AuthError;
use crate::auth::issue::random_bytes;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A key as its program holds it. Never printed: it has no Debug.
pub struct KeySecret(Zeroizing<String>);

impl KeySecret {
    /// What every key's text begins with.
    const PREFIX: &str = "agk_";

    pub(super) fn random() -> Result<Self, AuthError> {
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
    pub(super) fn digest(&self) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
