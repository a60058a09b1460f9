//! By which knox finds a token.

use super::Token;

/// The first characters of a token's text, knox's `token_key`: kept so that tokens can go back to
/// Django. Part of the secret, though too little to find the rest of it.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KnoxKey(String);

impl KnoxKey {
    /// How many characters knox 4 took.
    pub const OF_KNOX_4: usize = 8;
    /// How many characters knox 5 takes, and this program of the tokens that it issues.
    pub const OF_KNOX_5: usize = 15;
    /// The most that there are, of a token with a prefix.
    pub const MOST: usize = 25;

    /// Takes in what knox kept; `None` if no token that a client can send begins like this.
    pub fn parse(text: &str) -> Option<Self> {
        let is_sound = (1..=Self::MOST).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_sound.then(|| Self(text.to_owned()))
    }

    /// So many characters of a token; `None` if it has fewer.
    pub fn of(token: &Token, length: usize) -> Option<Self> {
        token.expose().get(..length).and_then(Self::parse)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_beginning_of_a_token() {
        let token = Token::new("0123456789abcdef".repeat(4));
        let key = |length| KnoxKey::of(&token, length).map(|key| key.as_str().to_owned());
        assert_eq!(key(KnoxKey::OF_KNOX_5).as_deref(), Some("0123456789abcde"));
        assert_eq!(key(KnoxKey::OF_KNOX_4).as_deref(), Some("01234567"));
    }

    #[test]
    fn a_token_that_is_too_short_or_cannot_be_cut_has_none() {
        for text in ["", "short", "héééééééé"] {
            let token = Token::new(text.to_owned());
            assert!(KnoxKey::of(&token, KnoxKey::OF_KNOX_4).is_none(), "{text}");
        }
    }

    #[test]
    fn only_what_a_client_can_send_is_a_key() {
        for text in ["a", "0123456789abcde", "kx_0123456789abcde", &"k".repeat(25)] {
            assert!(KnoxKey::parse(text).is_some(), "{text}");
        }
        for text in ["", "a b", "a\0", "ключ", "\u{7f}", &"k".repeat(26)] {
            assert!(KnoxKey::parse(text).is_none(), "{text}");
        }
    }
}
