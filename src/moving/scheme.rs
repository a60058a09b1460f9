//! By which of knox's schemes a row was made.

use crate::model::token::{DigestHash, DigestOver, DigestScheme, KnoxKey};

/// What is known of the knox that a row comes from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Knox {
    /// Its `SECURE_HASH_ALGORITHM`.
    pub hash: DigestHash,
    /// Of what it makes digests; `None` where each row tells.
    pub over: Option<DigestOver>,
}

impl Knox {
    /// The scheme of a row: by its salt, or else by how much of a token it is found by.
    pub(super) fn scheme_of(self, key: &str, salt: &[u8]) -> DigestScheme {
        let told = || match key.chars().count() {
            _ if !salt.is_empty() => DigestOver::BytesAndSalt,
            KnoxKey::OF_KNOX_4 => DigestOver::Bytes,
            _ => DigestOver::Text,
        };
        DigestScheme { hash: self.hash, over: self.over.unwrap_or_else(told) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_its_scheme_by_its_salt_and_its_key() {
        let over = |key, salt: &[u8]| Knox::default().scheme_of(key, salt).over;
        assert_eq!(over("a1137b08", b"salt"), DigestOver::BytesAndSalt);
        assert_eq!(over("a1137b08", b""), DigestOver::Bytes);
        for key in ["e3eec4026130845", "kx_e3eec4026130845", "tiny", ""] {
            assert_eq!(over(key, b""), DigestOver::Text, "{key}");
        }
    }

    #[test]
    fn what_is_said_of_knox_beats_what_a_row_tells() {
        let knox = Knox { hash: DigestHash::Sha256, over: Some(DigestOver::Text) };
        let scheme = knox.scheme_of("a1137b08", b"salt");
        assert_eq!((scheme.hash, scheme.over), (DigestHash::Sha256, DigestOver::Text));
    }
}
