//! Ending tokens by their owner's wish.

use super::facts::Facts;
use super::{Auth, AuthError};
use crate::model::event::{Actor, Event, EventName};
use crate::model::identity::Identity;
use crate::model::token::{Token, TokenId};
use std::net::IpAddr;

impl Auth {
    /// Ends one token. A token that is gone already is not an error.
    pub async fn logout(
        &self,
        token: &Token,
        caller: &Identity,
        from: IpAddr,
    ) -> Result<(), AuthError> {
        if let Some(digest) = self.end_token_of_text(token).await? {
            let id = TokenId { user: caller.user, head: digest.head() };
            let event = Event::new(EventName::LoggedOut, Actor::Client(from), self.clock.now());
            self.events.record(event.of_caller(caller).with(id));
        }
        Ok(())
    }

    /// Ends all tokens of a user.
    pub async fn logout_all(&self, caller: &Identity, from: IpAddr) -> Result<(), AuthError> {
        if self.end_tokens_of(caller.user, caller.epoch).await? {
            let name = EventName::LoggedOutEverywhere;
            let event = Event::new(name, Actor::Client(from), self.clock.now());
            self.events.record(event.of_caller(caller));
        }
        Ok(())
    }

    /// Ends a token although the store cannot tell whose it is, if memory knew it as good: it is
    /// refused here from now on, and its end is written once that is possible.
    pub fn logout_later(&self, token: &Token) {
        if self.was_good(token).is_some() {
            self.end_token_later(token.digest());
        }
    }

    /// The same for all tokens of its user.
    pub fn logout_all_later(&self, token: &Token) {
        if let Some(Facts { token, user }) = self.was_good(token) {
            self.end_tokens_later(token.user, user.epoch);
        }
    }

    /// What memory knew of a token. It may have ended since: enough to end what is left, and for
    /// nothing else.
    fn was_good(&self, token: &Token) -> Option<Facts> {
        let known = self.cache.last_known(&token.digest())?;
        self.good(known).ok().map(|(facts, _)| facts)
    }
}
