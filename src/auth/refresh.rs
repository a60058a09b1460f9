//! Prolonging tokens that are in use, off the way of the requests that use them.

use super::facts::TokenFacts;
use super::{Auth, TokenSettings};
use crate::clock::Timestamp;
use crate::model::token::TokenDigest;
use crate::store::StoreError;

/// How many tokens are prolonged at a time.
const AT_ONCE: usize = 32;

impl Auth {
    /// Has a token prolonged that was used, if it is worth it.
    pub(super) fn refresh(&self, digest: TokenDigest, token: &TokenFacts, now: Timestamp) {
        let (created, expires) = (token.created, token.expires());
        if refreshed(&self.settings.load().tokens, created, expires, now).is_some() {
            self.refreshes.add(digest);
        }
    }

    /// Prolongs tokens as they are used. Runs until it is dropped.
    pub async fn refresh_tokens(&self) {
        let prolong = |digest| self.prolong(digest);
        self.refreshes.carry_out(AT_ONCE, "tokens not prolonged", prolong).await;
    }

    /// Prolongs a token as it is now: it may have ended since it was used, or been prolonged for
    /// another use, here or by another gateway.
    async fn prolong(&self, digest: TokenDigest) -> Result<(), StoreError> {
        let Some((record, _)) = self.store.token(digest).await? else { return Ok(()) };
        let now = self.clock.now();
        if record.has_expired(now) {
            return Ok(());
        }
        let (created, expires) = (record.created, record.expires);
        let end = refreshed(&self.settings.load().tokens, created, expires, now);
        if let Some(end) = end {
            self.store.extend_token(digest, end).await?;
        }
        Ok(())
    }
}

/// The new end of a token, if it is to be prolonged: knox's rule.
fn refreshed(
    settings: &TokenSettings,
    created: Timestamp,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    let (refresh, lifetime, expires) = (settings.refresh?, settings.lifetime?, expires?);
    let wanted = now.plus(lifetime);
    let cap = refresh.max_lifetime.map(|most| created.plus(most));
    let end = cap.map_or(wanted, |cap| cap.min(wanted));
    (end > expires && end.since(expires) > refresh.min_interval).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::super::Refresh;
    use super::*;
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

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn use_prolongs_a_token_by_its_lifetime() {
        let end = refreshed(&settings(Duration::ZERO, None), at(0), Some(at(3600)), at(600));
        assert_eq!(end, Some(at(4200)));
    }

    #[test]
    fn a_gain_up_to_the_least_interval_is_not_worth_a_write() {
        let settings = settings(Duration::from_mins(1), None);
        assert_eq!(refreshed(&settings, at(0), Some(at(3600)), at(60)), None);
        assert_eq!(refreshed(&settings, at(0), Some(at(3600)), at(61)), Some(at(3661)));
    }

    #[test]
    fn no_use_prolongs_a_token_beyond_its_longest_life() {
        let settings = settings(Duration::ZERO, Some(Duration::from_secs(4000)));
        assert_eq!(refreshed(&settings, at(0), Some(at(3600)), at(3000)), Some(at(4000)));
        assert_eq!(refreshed(&settings, at(0), Some(at(4000)), at(3900)), None);
    }

    #[test]
    fn a_token_without_an_end_gets_none() {
        assert_eq!(refreshed(&settings(Duration::ZERO, None), at(0), None, at(5)), None);
    }
}
