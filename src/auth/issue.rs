//! Making tokens.

use super::{Auth, AuthError, HashError};
use crate::model::password::Password;
use crate::model::token::{KnoxKey, Token, TokenAbout, TokenRecord};
use crate::model::user::User;
use crate::store::{Issue, NewToken, TokenLimit};
use rand::TryRng;
use rand::rngs::SysRng;
use std::time::Duration;

/// How tokens are made and how long they live.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenSettings {
    /// How long a token holds; `None` is forever.
    pub lifetime: Option<Duration>,
    /// How many tokens a user may have.
    pub limit: Option<TokenLimit>,
    /// What every token's text begins with; part of the secret.
    pub prefix: String,
    /// Whether, and how, use prolongs a token.
    pub refresh: Option<Refresh>,
}

/// How use prolongs a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refresh {
    /// A token is prolonged only if it gains more than this.
    pub min_interval: Duration,
    /// How long after its creation a token ends at the latest; `None` is never.
    pub max_lifetime: Option<Duration>,
}

/// A token that has just been issued.
pub struct Issued {
    /// What the store keeps of it.
    pub record: TokenRecord,
    /// The token itself: its client sees it once.
    pub token: Token,
    /// Whose it is.
    pub user: User,
}

/// How a token comes into being.
#[derive(Clone)]
pub(super) struct Terms {
    /// What operators may want to know of it.
    pub about: TokenAbout,
    /// Whether the user has just logged in.
    pub is_login: bool,
    /// How long it holds; `None` is forever.
    pub lifetime: Option<Duration>,
    /// How many tokens the user may have.
    pub limit: Option<TokenLimit>,
}

impl Auth {
    /// Issues a token to a user as they were read. `None` if they have changed since.
    pub(super) async fn issue(
        &self,
        user: User,
        terms: Terms,
    ) -> Result<Option<Issued>, AuthError> {
        self.settle(&user).await?;
        self.know_time().await?;
        let token = random_token(&self.settings.load().tokens.prefix)?;
        let created = self.clock.now();
        let record = TokenRecord {
            created,
            digest: token.digest(),
            epoch: user.epoch,
            expires: terms.lifetime.map(|lifetime| created.plus(lifetime)),
            former: None,
            knox_key: KnoxKey::of(&token, KnoxKey::OF_KNOX_5),
            user: user.id,
        };
        let Terms { about, is_login, limit, .. } = terms;
        let new = NewToken { about, is_login, limit, record: record.clone() };
        match self.store.issue_token(new).await? {
            Issue::Done => Ok(Some(Issued { record, token, user })),
            Issue::LimitReached => Err(AuthError::TokenLimit),
            Issue::UserChanged => Ok(None),
        }
    }
}

/// A token's text as knox makes it: the prefix and 32 random bytes in lower-case hex.
fn random_token(prefix: &str) -> Result<Token, HashError> {
    Ok(Token::new(format!("{prefix}{}", hex::encode(random_bytes::<32>()?))))
}

/// A password that nobody knows.
pub(super) fn random_password() -> Result<Password, HashError> {
    Ok(Password::new(hex::encode(random_bytes::<32>()?)))
}

/// Bytes from the system that nobody can foresee.
pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N], HashError> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| HashError(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_token_is_its_prefix_and_64_hex_digits() {
        let token = random_token("kx_").unwrap();
        let digits = token.expose().strip_prefix("kx_").unwrap();
        assert_eq!(digits.len(), 64);
        assert!(digits.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)));
    }

    #[test]
    fn no_two_tokens_are_the_same() {
        let (one, other) = (random_token("").unwrap(), random_token("").unwrap());
        assert_ne!(one.expose(), other.expose());
    }

    #[test]
    fn of_many_tokens_no_two_are_the_same_and_half_of_all_bits_are_set() {
        const MANY: usize = 100_000;
        let mut seen = HashSet::with_capacity(MANY);
        let mut ones = 0_u64;
        for _ in 0..MANY {
            let bytes = hex::decode(random_token("").unwrap().expose()).unwrap();
            ones += bytes.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
            assert!(seen.insert(bytes));
        }
        // Of so many bits half, with six standard deviations to either side.
        let half = MANY as u64 * 256 / 2;
        assert!(ones.abs_diff(half) < 6 * 2_530, "{ones} of {}", 2 * half);
    }
}
