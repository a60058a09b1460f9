//! How much anyone may try: failed logins, registrations, unknown tokens, and requests of a class.

mod local;
mod login;
mod outage;
mod refusals;
mod view;

pub use self::view::{LimitView, LimitsShown, RefusalView};

use self::local::Local;
use self::outage::Outage;
use self::refusals::Refusals;
use super::events::Events;
use super::networks::Networks;
use super::{AuthError, Share};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::event::{Actor, Event, EventName};
use crate::model::limit::{Charge, Delay, LimitKey, Quota, Rule, Standing, Subject};
use crate::model::network::{Exceptions, Network, Treatment};
use crate::model::user::UserId;
use crate::store::{Counted, Store};
use arc_swap::ArcSwap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What an operator may set of limits. One that is `None` does not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LimitSettings {
    /// Whether any holds.
    pub enabled: bool,
    /// Whom they do not hold for.
    pub exceptions: Arc<Exceptions>,
    /// For how long an account remembers a network from which it has logged in.
    pub familiar_for: Duration,
    /// How many gateways share the store: each allows its part while the store is away.
    pub gateways: NonZeroU32,
    /// Logins of one account from one network, those that succeed too.
    pub all_logins_of_from: Option<Quota>,
    /// Wrong codes of one user's authenticator app. Nobody is excepted from this one.
    pub codes_of: Option<Quota>,
    /// Failed logins of one account, from wherever it has not logged in lately.
    pub logins_of: Option<Delay>,
    /// Failed logins of one account from one network.
    pub logins_of_from: Option<Quota>,
    /// Failed logins from one network.
    pub logins_from: Option<Quota>,
    /// Registrations from one network.
    pub registrations_from: Option<Quota>,
    /// Failed attempts of one account, from wherever it has not signed in lately, to sign in at the
    /// console.
    pub sign_ins_of: Option<Delay>,
    /// Failed attempts of one account, from one network, to sign in at the console.
    pub sign_ins_of_from: Option<Quota>,
    /// Failed attempts, from one network, to sign in at the console.
    pub sign_ins_from: Option<Quota>,
    /// Unknown tokens from one network.
    pub unknown_tokens_from: Option<Quota>,
}

impl LimitSettings {
    /// No limits.
    pub fn off() -> Self {
        Self {
            all_logins_of_from: None,
            codes_of: None,
            enabled: false,
            exceptions: Arc::default(),
            familiar_for: Duration::ZERO,
            gateways: NonZeroU32::MIN,
            logins_of: None,
            logins_of_from: None,
            logins_from: None,
            registrations_from: None,
            sign_ins_of: None,
            sign_ins_of_from: None,
            sign_ins_from: None,
            unknown_tokens_from: None,
        }
    }
}

/// Someone has to wait.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the limit {limit} is reached")]
pub struct Throttle {
    /// Of which limit, by its name in the settings.
    pub limit: String,
    /// What it allows.
    pub rule: Rule,
    /// For how long.
    pub wait: Duration,
}

/// A code that is counted as wrong until it is known better.
pub(super) struct Code(Charge);

/// Counts what anyone tries.
pub(super) struct Limits {
    clock: Arc<dyn Clock>,
    events: Arc<Events>,
    has_hinted: AtomicBool,
    local: Local,
    metrics: Arc<Metrics>,
    networks: Arc<Networks>,
    outage: Outage,
    refusals: Refusals,
    settings: ArcSwap<LimitSettings>,
    store: Arc<dyn Store>,
}

/// What it is made of.
pub(super) struct Parts {
    pub clock: Arc<dyn Clock>,
    pub events: Arc<Events>,
    pub metrics: Arc<Metrics>,
    pub networks: Arc<Networks>,
    pub store: Arc<dyn Store>,
}

impl Limits {
    pub(super) fn new(settings: LimitSettings, parts: Parts) -> Self {
        let Parts { clock, events, metrics, networks, store } = parts;
        Self {
            has_hinted: AtomicBool::new(false),
            local: Local::new(Arc::clone(&clock)),
            outage: Outage::default(),
            refusals: Refusals::default(),
            settings: ArcSwap::from_pointee(settings),
            clock,
            events,
            metrics,
            networks,
            store,
        }
    }

    pub(super) fn apply(&self, settings: LimitSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// Counts a registration.
    pub(super) async fn registration(&self, from: IpAddr) -> Result<(), AuthError> {
        let quota = self.settings.load().registrations_from.filter(|_| !self.is_exempt(from));
        let Some(quota) = quota else { return Ok(()) };
        let key = LimitKey::RegistrationsFrom(Network::of(from));
        let charge = Charge { key, rule: Rule::Quota(quota) };
        self.take(slice::from_ref(&charge), from).await
    }

    /// Counts a code of a user's authenticator app, before it is looked at. That holds wherever they
    /// are: there are few codes, and whoever types one knows the password.
    pub(super) async fn code(&self, user: UserId, from: IpAddr) -> Result<Option<Code>, AuthError> {
        let Some(quota) = self.settings.load().codes_of else { return Ok(None) };
        let charge = Charge { key: LimitKey::CodesOf(user), rule: Rule::Quota(quota) };
        self.take(slice::from_ref(&charge), from).await?;
        Ok(Some(Code(charge)))
    }

    /// Gives a code back that was right.
    pub(super) async fn code_was_right(&self, code: Option<Code>) {
        let Some(Code(charge)) = code else { return };
        if let Err(error) = self.store.give_back(slice::from_ref(&charge)).await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "a code that was right stays counted as a failure");
        }
    }

    /// Counts a token that nobody has.
    pub(super) async fn unknown_token(&self, from: IpAddr) -> Result<(), Throttle> {
        let quota = self.settings.load().unknown_tokens_from.filter(|_| !self.is_exempt(from));
        let Some(quota) = quota else { return Ok(()) };
        let key = LimitKey::UnknownTokensFrom(Network::of(from));
        self.take_often(key, quota, from).await.map(drop)
    }

    /// Whether a client has sent as many tokens that nobody has as it may, as far as that is known
    /// without counting.
    pub(super) fn is_over_unknown_tokens(&self, from: IpAddr) -> bool {
        let key = LimitKey::UnknownTokensFrom(Network::of(from));
        !self.is_exempt(from) && self.refusals.knows(&key, self.clock.instant())
    }

    /// Counts a request of a class. `None` if the class does not hold for the client.
    pub(super) async fn request(
        &self,
        class: &Arc<str>,
        quota: Quota,
        subject: Subject,
        from: IpAddr,
    ) -> Result<Option<Standing>, Throttle> {
        if self.is_exempt(from) {
            return Ok(None);
        }
        let key = LimitKey::Requests(Arc::clone(class), subject);
        self.take_often(key, quota, from).await.map(Some)
    }

    fn is_exempt(&self, from: IpAddr) -> bool {
        !self.settings.load().enabled || self.networks.treatment(from) == Treatment::Allowed
    }

    /// Of whose part of the places for hashing a client may take; `None` for any number.
    pub(super) fn share_of(&self, from: IpAddr) -> Option<Share> {
        (!self.is_exempt(from)).then(|| Share { account: None, network: Some(Network::of(from)) })
    }

    /// Takes one of each, or none of any: of what changes the store anyway. If the store cannot count,
    /// it could not do that either.
    async fn take(&self, charges: &[Charge], from: IpAddr) -> Result<(), AuthError> {
        if let Some((charge, wait)) = self.refusals.still(charges, self.clock.instant()) {
            return Err(self.refused(charge, wait).into());
        }
        match self.store.take(charges, self.clock.now()).await? {
            Counted::Done(_) => Ok(()),
            Counted::Refused { charge, wait } => Err(self.refuse(&charge, wait, from).into()),
        }
    }

    /// Takes one of what comes with many requests, and says how it stands: together with the other
    /// gateways, if there are any, else by oneself.
    async fn take_often(
        &self,
        key: LimitKey,
        quota: Quota,
        from: IpAddr,
    ) -> Result<Standing, Throttle> {
        let charge = Charge { key, rule: Rule::Quota(quota) };
        let charges = slice::from_ref(&charge);
        if let Some((charge, wait)) = self.refusals.still(charges, self.clock.instant()) {
            return Err(self.refused(charge, wait));
        }
        let taken = match self.take_together(charges).await {
            Some(Counted::Done(standing)) => Ok(standing),
            Some(Counted::Refused { wait, .. }) => Err(wait),
            None if self.store.is_shared() => {
                self.metrics.limiter_degraded();
                self.local.take(&charge.key, self.part(quota))
            }
            None => self.local.take(&charge.key, quota),
        };
        taken.map_err(|wait| self.refuse(&charge, wait, from))
    }

    /// What the store says that all gateways share; `None` if this one counts by itself.
    async fn take_together(&self, charges: &[Charge]) -> Option<Counted> {
        if !self.store.is_shared() || self.outage.is_on(self.clock.instant()) {
            return None;
        }
        match self.store.take(charges, self.clock.now()).await {
            Ok(counted) => {
                if self.outage.ends() {
                    tracing::info!("limits are counted together again");
                }
                Some(counted)
            }
            Err(error) => {
                if self.outage.begins(self.clock.instant()) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "limiter degraded: this gateway counts by itself");
                }
                None
            }
        }
    }

    /// What this gateway alone allows while it cannot count together with the others.
    fn part(&self, quota: Quota) -> Quota {
        let part = quota.count.get().div_ceil(self.settings.load().gateways.get());
        Quota { count: NonZeroU32::new(part).unwrap_or(quota.count), ..quota }
    }

    fn refuse(&self, charge: &Charge, wait: Duration, from: IpAddr) -> Throttle {
        if self.refusals.note(&charge.key, wait, self.clock.instant()) {
            self.tell_of_reached(&charge.key, from);
        }
        self.refused(charge, wait)
    }

    fn refused(&self, charge: &Charge, wait: Duration) -> Throttle {
        let limit = charge.key.limit().to_owned();
        self.metrics.throttled(&limit);
        Throttle { limit, rule: charge.rule, wait }
    }

    fn tell_of_reached(&self, key: &LimitKey, from: IpAddr) {
        let event = Event::new(EventName::LimitReached, Actor::Client(from), self.clock.now());
        self.events.record(event.with(key.told()));
        if is_private(from) && !self.has_hinted.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                address = %from,
                "a client at a private address has reached a limit; if this is a proxy, name it in \
                 server.trusted_proxies, so that its clients are counted and not the proxy"
            );
        }
    }

    /// Forgets what is over, and tells of limits that are not reached any more. To be done about
    /// once a second.
    pub(super) fn settle(&self) {
        self.local.clean();
        for left in self.refusals.settle(self.clock.instant()) {
            let event = Event::new(EventName::LimitLeft, Actor::Gateway, self.clock.now());
            let times = if left.count == 1 { "time" } else { "times" };
            self.events.record(event.with(format!(
                "{} refused {} {times}",
                left.key.told(),
                left.count
            )));
        }
    }
}

/// Whether an address is one that clients have only within a site, proxies too.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }
}
