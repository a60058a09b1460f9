//! Token → identity without a trace: for a gateway that guards nothing yet, and only tells what it
//! would do.

use super::cache::Recall;
use super::facts::{Facts, TokenFacts, UserFacts};
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
        let facts = self.facts_unused(token).await?;
        let user = facts.as_ref().map(|facts| facts.token.user);
        let Some(facts) = facts else {
            let flaw = Some("the token is unknown");
            return Ok(Observed { identity: Err(AuthError::InvalidToken), user, flaw });
        };
        let flaw = self.flaw(&facts);
        let identity = self.good(facts).map(|(facts, now)| facts.identity(now));
        Ok(Observed { identity, user, flaw })
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
        let outages = self.cache.outages();
        let found = found.filter(|(token, _)| !self.tombstones.cover(token, outages));
        self.know_time().await?;
        Ok(found.and_then(|(record, user)| {
            if record.digest == digest {
                return self.cache.put(&digest, Some((record, user)), count);
            }
            Some(Facts { token: TokenFacts::of(&record, &user), user: UserFacts::of(&user) })
        }))
    }

    fn flaw(&self, facts: &Facts) -> Option<&'static str> {
        if facts.token.has_expired(self.clock.now()) {
            Some("the token has expired")
        } else if !facts.user.is_active {
            Some("the user is inactive")
        } else if facts.token.standing.has_ended() {
            Some("the token has ended")
        } else {
            None
        }
    }
}
