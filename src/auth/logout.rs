//! Ending tokens by their owner's wish.

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
        let digest = token.digest();
        if self.end_token(digest).await? {
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
}
