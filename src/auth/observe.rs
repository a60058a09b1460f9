//! Token → identity without a trace: for a gateway that guards nothing yet, and only tells what it
//! would do.

use super::authenticate::Flaw;
use super::cache::Recall;
use super::facts::Facts;
use super::{Auth, AuthError};
use crate::model::identity::Identity;
use crate::model::token::Token;
use crate::model::user::UserId;

/// What was seen of a token.
pub struct Observed {
    /// Who it belongs to, or why it is refused.
    pub identity: Result<Identity, AuthError>,
    /// The user whom it is of, good or not; `None` if it is of nobody.
    pub user: Option<UserId>,
    /// What is wrong with it, more exactly than clients are told.
    pub flaw: Option<&'static str>,
}

impl Auth {
    /// Tells what [`Auth::authenticate`] would say of a token at this moment, and changes nothing:
    /// it is no use of the token, nobody is nearer to a limit by it, and that nobody has it is not
    /// kept in mind. Fails if the store cannot tell.
    pub async fn observe(&self, token: &Token) -> Result<Observed, AuthError> {
        let Some(facts) = self.facts_unused(token).await? else {
            let flaw = Some("the token is unknown");
            return Ok(Observed { identity: Err(AuthError::InvalidToken), user: None, flaw });
        };
        let user = Some(facts.token.user);
        Ok(match self.good(facts) {
            Ok((facts, now)) => Observed { identity: Ok(facts.identity(now)), user, flaw: None },
            Err(flaw) => Observed { identity: Err(flaw.into()), user, flaw: Some(flaw.words()) },
        })
    }

    /// A token that came along is found by its old digest, and keeps that.
    async fn facts_unused(&self, token: &Token) -> Result<Option<Facts>, AuthError> {
        let digest = token.digest();
        match self.cache.recall(&digest) {
            Recall::Known(facts) => return Ok(Some(facts)),
            Recall::Nobodys => return Ok(None),
            Recall::Nothing => {}
        }
        let count = self.cache.count();
        let found = self.stored_token(token).await?;
        let facts = found.as_ref().and_then(|found| self.facts_unless_ended(found));
        self.know_time().await?;
        match found {
            Some(found) if facts.is_some() && found.0.digest == digest => {
                Ok(self.cache.put(&digest, Some(found), count))
            }
            _ => Ok(facts),
        }
    }
}

impl Flaw {
    fn words(self) -> &'static str {
        match self {
            Self::Ended => "the token has ended",
            Self::Expired => "the token has expired",
            Self::InactiveUser => "the user is inactive",
        }
    }
}
