//! What an `Authorization` header says, as knox reads it.

use super::Problem;
use crate::model::token::Token;

/// What a request says of who sends it.
pub enum Credentials {
    /// Something of a scheme that is not ours.
    Foreign,
    /// Nothing.
    None,
    /// A token.
    Token(Token),
}

impl Credentials {
    /// Whether a value names a scheme anywhere, as in a list of credentials.
    pub fn mention(value: &[u8], scheme: &str) -> bool {
        let is_border = |byte: &u8| matches!(byte, b',' | b' ' | b'\t') || !byte.is_ascii();
        value.split(is_border).any(|word| word.eq_ignore_ascii_case(scheme.as_bytes()))
    }

    /// Reads the value of an `Authorization` header (RFC 9110, section 11.6.2).
    pub fn parse(value: Option<&[u8]>, scheme: &str) -> Result<Self, Problem> {
        let mut parts = value
            .unwrap_or_default()
            .split(u8::is_ascii_whitespace)
            .filter(|part| !part.is_empty());
        let Some(first) = parts.next() else { return Ok(Self::None) };
        if !first.eq_ignore_ascii_case(scheme.as_bytes()) {
            return Ok(Self::Foreign);
        }
        let token = parts.next();
        let token =
            token.ok_or(Problem::InvalidToken("Invalid token header. No credentials provided."))?;
        if parts.next().is_some() {
            return Err(Problem::InvalidToken(
                "Invalid token header. Token string should not contain spaces.",
            ));
        }
        let text = str::from_utf8(token).map_err(|_| Problem::InvalidToken("Invalid token."))?;
        Ok(Self::Token(Token::new(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(value: &str) -> Option<String> {
        match Credentials::parse(Some(value.as_bytes()), "Token") {
            Ok(Credentials::Token(token)) => Some(token.expose().to_owned()),
            Ok(Credentials::Foreign | Credentials::None) | Err(_) => None,
        }
    }

    fn refusal(value: &[u8]) -> Option<&'static str> {
        match Credentials::parse(Some(value), "Token") {
            Err(Problem::InvalidToken(words)) => Some(words),
            _ => None,
        }
    }

    #[test]
    fn a_token_follows_the_scheme_in_any_case_and_after_any_blanks() {
        for value in ["Token abc", "token abc", "TOKEN abc", "Token    abc", "Token\tabc  "] {
            assert_eq!(token(value).as_deref(), Some("abc"), "{value}");
        }
    }

    #[test]
    fn another_scheme_is_foreign_and_blanks_are_nothing() {
        for value in ["Bearer abc", "Basic abc", "Token: abc", "Tokens abc", "abc"] {
            let read = Credentials::parse(Some(value.as_bytes()), "Token");
            assert!(matches!(read, Ok(Credentials::Foreign)), "{value}");
        }
        for value in [None, Some(&b""[..]), Some(b"  ")] {
            assert!(matches!(Credentials::parse(value, "Token"), Ok(Credentials::None)));
        }
    }

    #[test]
    fn a_scheme_is_found_within_a_list() {
        assert!(Credentials::mention(b"Basic YTpi, token abc", "Token"));
        assert!(Credentials::mention(b"Token\xa0abc", "Token"));
        assert!(!Credentials::mention(b"Bearer Tokens", "Token"));
    }

    #[test]
    fn a_header_without_one_token_is_refused_in_knoxs_words() {
        let none = "Invalid token header. No credentials provided.";
        let spaces = "Invalid token header. Token string should not contain spaces.";
        assert_eq!(refusal(b"Token"), Some(none));
        assert_eq!(refusal(b"Token "), Some(none));
        assert_eq!(refusal(b"Token a b"), Some(spaces));
        assert_eq!(refusal(b"Token caf\xe9"), Some("Invalid token."));
    }
}
