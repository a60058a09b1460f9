//! Failed logins. Each attempt is counted before its password is looked at, so that no number of
//! guesses at once gets past; one that turns out right is given back.

use super::{Book, Limits, Throttle};
use crate::model::limit::{AccountKey, Charge, Familiar, LimitKey, Rule};
use crate::model::network::Network;
use crate::store::StoreError;
use std::net::IpAddr;

/// The limits of one who wants to log in.
pub(in super::super) struct LoginLimits<'a> {
    account: AccountKey,
    familiar: Familiar,
    from: IpAddr,
    is_exempt: bool,
    limits: &'a Limits,
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
    book: Book,
    charges: Vec<Charge>,
    familiar: Familiar,
    familiarity: Familiarity,
    limits: &'a Limits,
}

impl Limits {
    /// The limits of someone who types this name.
    pub(in super::super) fn login(&self, name: &str, from: IpAddr) -> LoginLimits<'_> {
        LoginLimits {
            account: AccountKey::like(name),
            familiar: familiar(name, from),
            from,
            is_exempt: self.is_exempt(from),
            limits: self,
        }
    }
}

impl Limits {
    /// Remembers that an account has come into being from an address: its owner is there.
    pub(in super::super) async fn acquaint(&self, name: &str, from: IpAddr) {
        self.make_familiar(familiar(name, from)).await;
    }

    async fn make_familiar(&self, familiar: Familiar) {
        let familiar_for = self.settings.load().familiar_for;
        if familiar_for.is_zero() || !self.settings.load().enabled {
            return;
        }
        let until = self.clock.now().plus(familiar_for);
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
        let now = self.limits.clock.instant();
        match self.limits.refusals.still(&charges, now) {
            Some((by, wait)) => Err(self.limits.refused(&charges, by, wait)),
            None => Ok(()),
        }
    }

    /// Whether the account has logged in from this network lately: an attack from elsewhere then does
    /// not delay it.
    pub(in super::super) async fn familiarity(&self) -> Result<Familiarity, StoreError> {
        /// How much of its time may pass until it is noted again.
        const STALE: u32 = 10;
        if !self.limits.settings.load().enabled {
            return Ok(Familiarity::Stranger);
        }
        let now = self.limits.clock.now();
        let until = self.limits.store.familiar_until(self.familiar, now).await?;
        let whole = self.limits.settings.load().familiar_for;
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
    ) -> Result<Guess<'a>, Throttle> {
        let charges = self.charges(familiarity);
        let book = if charges.is_empty() {
            Book::Local
        } else {
            self.limits.take(&charges, Book::Store, self.from).await?.1
        };
        Ok(Guess { book, charges, familiar: self.familiar, familiarity, limits: self.limits })
    }

    fn charges(&self, familiarity: Familiarity) -> Vec<Charge> {
        if self.is_exempt {
            return Vec::new();
        }
        let settings = self.limits.settings.load();
        let (account, network) = (self.account, self.familiar.network);
        let of_from = settings.logins_of_from.map(|quota| Charge {
            key: LimitKey::LoginsOfFrom(account, network),
            rule: Rule::Quota(quota),
        });
        let from = settings
            .logins_from
            .map(|quota| Charge { key: LimitKey::LoginsFrom(network), rule: Rule::Quota(quota) });
        let delay = settings.logins_of.filter(|_| !familiarity.is_known());
        let of = delay
            .map(|delay| Charge { key: LimitKey::LoginsOf(account), rule: Rule::Delay(delay) });
        [of_from, from, of].into_iter().flatten().collect()
    }
}

fn familiar(name: &str, from: IpAddr) -> Familiar {
    Familiar { account: AccountKey::exactly(name), network: Network::of(from) }
}

impl Guess<'_> {
    /// It was right: it was no failure, and the account knows the network from now on.
    pub(in super::super) async fn was_right(self) {
        let familiar = async {
            if self.familiarity != Familiarity::Fresh {
                self.limits.make_familiar(self.familiar).await;
            }
        };
        tokio::join!(self.limits.give_back(&self.charges, self.book), familiar);
    }

    /// Nobody looked at it.
    pub(in super::super) async fn was_not_judged(self) {
        self.limits.give_back(&self.charges, self.book).await;
    }
}
