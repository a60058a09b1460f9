//! Token → identity: runs for every request that is not public.

use super::{Auth, AuthError, TokenSettings};
use crate::clock::Timestamp;
use crate::model::identity::Identity;
use crate::model::token::{Token, TokenRecord};

impl Auth {
    /// Tells who a token belongs to, and prolongs it where the settings say so.
    pub async fn authenticate(&self, token: &Token) -> Result<Identity, AuthError> {
        let found = self.store.token(token.digest()).await?;
        let (record, user) = found.ok_or(AuthError::InvalidToken)?;
        let now = self.clock.now();
        if record.has_expired(now) {
            return Err(AuthError::InvalidToken);
        }
        if !user.is_active {
            return Err(AuthError::InactiveUser);
        }
        if record.epoch != user.epoch {
            return Err(AuthError::InvalidToken);
        }
        self.refresh(&record, now).await;
        Ok(Identity {
            email: user.email,
            expires: record.expires,
            is_staff: user.is_staff,
            token: record.id(),
            user: user.id,
            username: user.username,
        })
    }

    /// A token that cannot be prolonged now is still good now, so a failure refuses nobody.
    async fn refresh(&self, record: &TokenRecord, now: Timestamp) {
        let settings = &self.settings;
        let Some(expires) = refreshed(&settings.tokens, record, now) else { return };
        if let Err(error) = self.store.extend_token(record.digest, expires).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "token not prolonged");
        }
    }
}

/// The new end of a token, if it is to be prolonged: knox's rule.
fn refreshed(settings: &TokenSettings, record: &TokenRecord, now: Timestamp) -> Option<Timestamp> {
    let (refresh, lifetime, expires) = (settings.refresh?, settings.lifetime?, record.expires?);
    let wanted = now.plus(lifetime);
    let cap = refresh.max_lifetime.map(|most| record.created.plus(most));
    let end = cap.map_or(wanted, |cap| cap.min(wanted));
    (end > expires && end.since(expires) > refresh.min_interval).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::super::Refresh;
    use super::*;
    use crate::model::user::UserId;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_hours(1);

    fn settings(min_interval: Duration, max_lifetime: Option<Duration>) -> TokenSettings {
        TokenSettings {
            lifetime: Some(HOUR),
            limit: None,
            prefix: String::new(),
            refresh: Some(Refresh { min_interval, max_lifetime }),
        }
    }

    fn record(expires: Option<Timestamp>) -> TokenRecord {
        let digest = Token::new(String::new()).digest();
        TokenRecord { created: at(0), digest, epoch: 0, expires, user: UserId(1) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn use_prolongs_a_token_by_its_lifetime() {
        let end = refreshed(&settings(Duration::ZERO, None), &record(Some(at(3600))), at(600));
        assert_eq!(end, Some(at(4200)));
    }

    #[test]
    fn a_gain_up_to_the_least_interval_is_not_worth_a_write() {
        let settings = settings(Duration::from_mins(1), None);
        assert_eq!(refreshed(&settings, &record(Some(at(3600))), at(60)), None);
        assert_eq!(refreshed(&settings, &record(Some(at(3600))), at(61)), Some(at(3661)));
    }

    #[test]
    fn no_use_prolongs_a_token_beyond_its_longest_life() {
        let settings = settings(Duration::ZERO, Some(Duration::from_secs(4000)));
        assert_eq!(refreshed(&settings, &record(Some(at(3600))), at(3000)), Some(at(4000)));
        assert_eq!(refreshed(&settings, &record(Some(at(4000))), at(3900)), None);
    }

    #[test]
    fn a_token_without_an_end_gets_none() {
        assert_eq!(refreshed(&settings(Duration::ZERO, None), &record(None), at(5)), None);
    }
}
