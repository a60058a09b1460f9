//! What operators do with tokens.

use super::super::issue::Terms;
use super::super::old_digests::are_one;
use super::super::{Auth, AuthError, Issued, Proved};
use super::ManageError;
use super::words::keys_ended;
use crate::model::event::{Actor, EventName};
use crate::model::token::{Token, TokenAbout, TokenId};
use crate::model::user::{User, Username};
use crate::store::ListedToken;
use std::time::Duration;

impl Auth {
    /// The live tokens of a user, the oldest first.
    pub async fn tokens_of(&self, user: &User) -> Result<Vec<ListedToken>, ManageError> {
        Ok(self.store.tokens_of(user.id, self.clock.now()).await?)
    }

    /// A live token, and whose it is.
    pub async fn find_token(&self, name: &TokenName) -> Result<ListedToken, ManageError> {
        let (id, owner) = match name {
            TokenName::Token(token) => {
                let found = self.stored_token(token).await?;
                let (record, user) = found.ok_or(ManageError::NoSuchToken)?;
                (record.id(), Some(user))
            }
            TokenName::Id(id) => (*id, self.store.user(id.user).await?),
        };
        let owner = owner.ok_or(ManageError::NoSuchToken)?;
        let tokens = self.tokens_of(&owner).await?;
        tokens.into_iter().find(|token| token.record.id() == id).ok_or(ManageError::NoSuchToken)
    }

    /// Issues a token to a user.
    pub async fn create_token(
        &self,
        user: User,
        terms: NewTokenTerms,
        by: Proved,
    ) -> Result<Issued, ManageError> {
        let by = by.lets_in(user.is_staff)?;
        if !user.is_active {
            return Err(ManageError::Auth(AuthError::InactiveUser));
        }
        let username = user.username.to_string();
        let lifetime = match terms.lifetime {
            Lifetime::Forever => None,
            Lifetime::Of(span) => Some(span),
            Lifetime::Usual => self.usual_lifetime(),
        };
        let issued_by = by.operator().map_or("command line", Username::as_str).to_owned();
        let about = TokenAbout {
            address: by.address(),
            issued_by: Some(issued_by),
            name: terms.name.as_deref().and_then(TokenAbout::tidy),
            ..TokenAbout::default()
        };
        let terms = Terms { about, is_login: false, lifetime, limit: None };
        let issued = self.issue(user, terms).await?;
        let issued = issued.ok_or(ManageError::Changed(username))?;
        let event = self.event(EventName::TokenCreated, by).of(&issued.user);
        self.events.record(event.with(issued.record.id()));
        Ok(issued)
    }

    /// How long a token holds for which nothing else is said; `None` is forever.
    pub fn usual_lifetime(&self) -> Option<Duration> {
        self.settings.load().tokens.lifetime
    }

    /// Ends one token.
    pub async fn revoke_token(&self, name: &TokenName, by: Actor) -> Result<(), ManageError> {
        // Whose it was only the event wants: what cannot be read can be ended all the same.
        let (found, ended) = match name {
            TokenName::Token(token) => {
                let found = self.stored_token(token).await;
                (found, self.end_token_of_text(token).await.map(|ended| ended.is_some()))
            }
            TokenName::Id(id) => {
                let tokens = self.store.tokens_of(id.user, self.clock.now()).await?;
                let records: Vec<_> = tokens.iter().map(|token| &token.record).collect();
                let record = records.iter().find(|record| record.id() == *id);
                let record = record.ok_or(ManageError::NoSuchToken)?;
                let found = self.store.token(record.digest).await;
                (found, self.end_listed(record, &records).await)
            }
        };
        if !ended? {
            return Err(ManageError::NoSuchToken);
        }
        let event = self.event(EventName::TokenRevoked, by);
        self.events.record(match found {
            Ok(Some((token, user))) => event.of(&user).with(token.id()),
            Ok(None) | Err(_) => event,
        });
        Ok(())
    }

    /// Ends all tokens, sessions and API keys of a user.
    pub async fn revoke_tokens(&self, user: &User, by: Actor) -> Result<(), ManageError> {
        // A thief with a key must not keep its owner out, again and again, while it stays good.
        if matches!(&by, Actor::ApiKey(owner, _) if *owner == user.username) {
            return Err(ManageError::OwnSessions);
        }
        let before = self.end_keys(user, by.clone()).await?;
        if !self.end_tokens_of(user.id, user.epoch).await? {
            return Err(ManageError::NoSuchUser(user.username.to_string()));
        }
        let after = self.end_later_keys(user, &by).await;
        let event = self.event(EventName::TokensRevoked, by).of(user);
        self.events.record(match keys_ended(before, &after) {
            Some(detail) => event.with(detail),
            None => event,
        });
        after.map(drop)
    }

    /// Ends all tokens of a user but one, and says how many. One that is being issued at this moment
    /// may live on.
    pub async fn revoke_other_tokens(
        &self,
        user: &User,
        keep: TokenId,
        by: Actor,
    ) -> Result<usize, ManageError> {
        let tokens = self.store.tokens_of(user.id, self.clock.now()).await?;
        let records = || tokens.iter().map(|token| &token.record);
        let kept = records().find(|record| record.id() == keep);
        let kept = kept.ok_or(ManageError::NoSuchToken)?;
        let mut ended = 0;
        for record in records().filter(|record| record.id() != keep && !are_one(kept, record)) {
            // All that were listed have their turn.
            ended += usize::from(self.end_listed(record, &[]).await?);
        }
        let event = self.event(EventName::TokensRevoked, by).of(user);
        self.events.record(event.with(format_args!("all but {keep}")));
        Ok(ended)
    }
}

/// What an operator decides of a new token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewTokenTerms {
    /// How long it holds.
    pub lifetime: Lifetime,
    /// What it is called, if anything.
    pub name: Option<String>,
}

/// How long an operator's token holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lifetime {
    /// It has no end.
    Forever,
    /// So long.
    Of(Duration),
    /// As long as every token.
    Usual,
}

impl Lifetime {
    /// The most seconds, ten years: who wants longer wants for ever.
    pub const LONGEST: u64 = 10 * 365 * 86_400;
}

/// How an operator says which token they mean.
pub enum TokenName {
    /// By its id.
    Id(TokenId),
    /// By the token itself.
    Token(Token),
}

impl TokenName {
    /// Reads an id, or else a token.
    pub fn parse(text: String) -> Self {
        text.parse().map_or_else(|_| Self::Token(Token::new(text)), Self::Id)
    }
}
