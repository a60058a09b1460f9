//! Failed logins. Each attempt is counted before its password is looked at, so that no number of
//! guesses at once gets past; one that turns out right is given back.

use super::{Limits, Throttle};
use crate::auth::AuthError;
use crate::auth::login::Door;
use crate::model::limit::{AccountKey, Charge, Delay, Familiar, LimitKey, Quota, Rule};
use crate::model::network::Network;
use crate::model::user::{User, UserId};
use crate::store::StoreError;
use std::net::IpAddr;

/// The limits of one who wants to log in.
pub(in super::super) struct LoginLimits<'a> {
    account: AccountKey,
    door: Door,
    from: IpAddr,
    is_exempt: bool,
    limits: &'a Limits,
    network: Network,
}

/// Whether an account has logged in from a network lately.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Familiarity {
    /// It has, and need not be noted again soon.
    Fresh,
    /// It has.
    Known,
    /// It has not.
    Stranger,
}

impl Familiarity {
    /// Whether it has.
    pub(in super::super) fn is_known(self) -> bool {
        self != Self::Stranger
    }
}

/// A login that is counted as a failure until it is known better.
#[must_use = "a login that is right is to be given back"]
pub(in super::super) struct Guess<'a> {
    door: Door,
    /// What it was charged with that a right one is not.
    failures: Vec<Charge>,
    familiarity: Familiarity,
    limits: &'a Limits,
    network: Network,
}

impl Limits {
    /// The limits of someone who types this name.
    pub(in super::super) fn login(&self, name: &str, door: Door, from: IpAddr) -> LoginLimits<'_> {
        let (account, network) = (AccountKey::like(name), Network::of(from));
        // Whoever is in can have their own network allowed, and must not guess for it.
        let is_exempt = match door {
            Door::Inside => !self.settings.load().enabled,
            Door::Api | Door::Console => self.is_exempt(from),
        };
        LoginLimits { account, door, from, is_exempt, limits: self, network }
    }

    /// Remembers that a user's owner is at an address.
    pub(in super::super) async fn acquaint(&self, user: UserId, from: IpAddr) {
        self.make_familiar(Familiar { network: Network::of(from), user }).await;
    }

    /// Forgets from where a user has logged in, since it may have been someone else.
    pub(in super::super) async fn estrange(&self, user: UserId) {
        if let Err(error) = self.store.forget_familiar(user).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, %user, "the networks of a user with another password stay known");
        }
    }

    async fn make_familiar(&self, familiar: Familiar) {
        let settings = self.settings.load_full();
        if settings.familiar_for.is_zero() || !settings.enabled {
            return;
        }
        let until = self.clock.now().plus(settings.familiar_for);
        if let Err(error) = self.store.make_familiar(familiar, until).await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "a network from which someone logged in is not remembered");
        }
    }
}

impl<'a> LoginLimits<'a> {
    /// Whether it is known without asking that the login is refused, from wherever the account logs
    /// in.
    pub(in super::super) fn look(&self) -> Result<(), Throttle> {
        let charges = self.charges(Familiarity::Known);
        let still = self.limits.refusals.still(&charges, self.limits.clock.instant());
        still.map_or(Ok(()), |(charge, wait)| Err(self.limits.refused(charge, wait)))
    }

    /// Whether the account has logged in from this network lately: an attack from elsewhere then does
    /// not delay it. For a name that nobody has the store is asked too, which takes as long.
    pub(in super::super) async fn familiarity(
        &self,
        user: Option<&User>,
    ) -> Result<Familiarity, StoreError> {
        /// How much of its time may pass until it is noted again.
        const STALE: u32 = 10;
        let settings = self.limits.settings.load_full();
        let whole = settings.familiar_for;
        if !settings.enabled || whole.is_zero() {
            return Ok(Familiarity::Stranger);
        }
        let now = self.limits.clock.now();
        // There is no number 0.
        let user = user.map_or(UserId(0), |user| user.id);
        let familiar = Familiar { network: self.network, user };
        let until = self.limits.store.familiar_until(familiar, now).await?;
        Ok(match until {
            None => Familiarity::Stranger,
            Some(until) if until.since(now) > whole / STALE * (STALE - 1) => Familiarity::Fresh,
            Some(_) => Familiarity::Known,
        })
    }

    /// Counts the attempt.
    pub(in super::super) async fn count(
        self,
        familiarity: Familiarity,
    ) -> Result<Guess<'a>, AuthError> {
        let mut charges = self.charges(familiarity);
        if !charges.is_empty() {
            self.limits.take(&charges, self.from).await?;
        }
        charges.retain(|charge| !matches!(charge.key, LimitKey::AllLoginsOfFrom(..)));
        let Self { door, limits, network, .. } = self;
        Ok(Guess { door, failures: charges, familiarity, limits, network })
    }

    fn charges(&self, familiarity: Familiarity) -> Vec<Charge> {
        if self.is_exempt {
            return Vec::new();
        }
        let settings = self.limits.settings.load();
        let Self { account, network, .. } = *self;
        let quota = |key, most: Option<Quota>| Some(Charge { key, rule: Rule::Quota(most?) });
        let delay = |key, delay: Option<Delay>| {
            let delay = delay.filter(|_| !familiarity.is_known());
            Some(Charge { key, rule: Rule::Delay(delay?) })
        };
        let charges = match self.door {
            Door::Api => [
                quota(LimitKey::LoginsOfFrom(account, network), settings.logins_of_from),
                quota(LimitKey::LoginsFrom(network), settings.logins_from),
                delay(LimitKey::LoginsOf(account), settings.logins_of),
                quota(LimitKey::AllLoginsOfFrom(account, network), settings.all_logins_of_from),
            ],
            Door::Console | Door::Inside => [
                quota(LimitKey::SignInsOfFrom(account, network), settings.sign_ins_of_from),
                quota(LimitKey::SignInsFrom(network), settings.sign_ins_from),
                delay(LimitKey::SignInsOf(account), settings.sign_ins_of),
                None,
            ],
        };
        charges.into_iter().flatten().collect()
    }
}

impl Guess<'_> {
    /// It was right: it was no failure, and the user's owner is known there from now on. At the console
    /// only once they are let in: it may take a code.
    pub(in super::super) async fn was_right(self, user: Option<&User>) {
        let is_worth = self.door == Door::Api && self.familiarity != Familiarity::Fresh;
        let familiar = async {
            if let Some(user) = user.filter(|_| is_worth) {
                let familiar = Familiar { network: self.network, user: user.id };
                self.limits.make_familiar(familiar).await;
            }
        };
        tokio::join!(self.give_back(), familiar);
    }

    /// Nobody looked at it.
    pub(in super::super) async fn was_not_judged(self) {
        self.give_back().await;
    }

    async fn give_back(&self) {
        if self.failures.is_empty() {
            return;
        }
        if let Err(error) = self.limits.store.give_back(&self.failures).await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "a login that succeeded stays counted as a failure");
        }
    }
}
