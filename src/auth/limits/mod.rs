//! How much anyone may try: failed logins, registrations, unknown tokens, and requests of a class.

mod local;
mod login;
mod refusals;
mod view;

pub use self::view::LimitView;

use self::local::Local;
use self::refusals::Refusals;
use super::events::Events;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::event::{Actor, Event, EventName};
use crate::model::limit::{Charge, Delay, LimitKey, Quota, Rule, Standing, Subject};
use crate::model::network::{Exceptions, Network, Treatment};
use crate::store::{Counted, Store, StoreError};
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
    /// Failed logins of one account, from wherever it has not logged in lately.
    pub logins_of: Option<Delay>,
    /// Failed logins of one account from one network.
    pub logins_of_from: Option<Quota>,
    /// Failed logins from one network.
    pub logins_from: Option<Quota>,
    /// Registrations from one network.
    pub registrations_from: Option<Quota>,
    /// Unknown tokens from one network.
    pub unknown_tokens_from: Option<Quota>,
}

impl LimitSettings {
    /// No limits.
    pub fn off() -> Self {
        Self {
            enabled: false,
            exceptions: Arc::default(),
            familiar_for: Duration::ZERO,
            gateways: NonZeroU32::MIN,
            logins_of: None,
            logins_of_from: None,
            logins_from: None,
            registrations_from: None,
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

/// Counts what anyone tries.
pub(super) struct Limits {
    clock: Arc<dyn Clock>,
    events: Arc<Events>,
    has_hinted: AtomicBool,
    is_degraded: AtomicBool,
    local: Local,
    metrics: Arc<Metrics>,
    refusals: Refusals,
    settings: ArcSwap<LimitSettings>,
    store: Arc<dyn Store>,
}

/// Where something was counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Book {
    /// Here, where no other gateway knows of it.
    Local,
    /// In the store.
    Store,
}

impl Limits {
    pub(super) fn new(
        settings: LimitSettings,
        clock: Arc<dyn Clock>,
        events: Arc<Events>,
        metrics: Arc<Metrics>,
        store: Arc<dyn Store>,
    ) -> Self {
        Self {
            has_hinted: AtomicBool::new(false),
            is_degraded: AtomicBool::new(false),
            local: Local::new(Arc::clone(&clock)),
            refusals: Refusals::default(),
            settings: ArcSwap::from_pointee(settings),
            clock,
            events,
            metrics,
            store,
        }
    }

    pub(super) fn apply(&self, settings: LimitSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// Counts a registration.
    pub(super) async fn registration(&self, from: IpAddr) -> Result<(), Throttle> {
        let key = LimitKey::RegistrationsFrom(Network::of(from));
        self.count_one(key, |settings| settings.registrations_from, Book::Store, from).await
    }

    /// Counts a token that nobody has.
    pub(super) async fn unknown_token(&self, from: IpAddr) -> Result<(), Throttle> {
        let key = LimitKey::UnknownTokensFrom(Network::of(from));
        let book = self.book_of_many();
        self.count_one(key, |settings| settings.unknown_tokens_from, book, from).await
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
        let charge = Charge { key, rule: Rule::Quota(quota) };
        let (standing, _) = self.take(slice::from_ref(&charge), self.book_of_many(), from).await?;
        Ok(Some(standing))
    }

    async fn count_one(
        &self,
        key: LimitKey,
        quota: impl FnOnce(&LimitSettings) -> Option<Quota>,
        book: Book,
        from: IpAddr,
    ) -> Result<(), Throttle> {
        let quota = quota(&self.settings.load()).filter(|_| !self.is_exempt(from));
        let Some(quota) = quota else { return Ok(()) };
        let charge = Charge { key, rule: Rule::Quota(quota) };
        self.take(slice::from_ref(&charge), book, from).await.map(drop)
    }

    fn is_exempt(&self, from: IpAddr) -> bool {
        let settings = self.settings.load();
        !settings.enabled || settings.exceptions.treatment(from) == Treatment::Allowed
    }

    /// Where what comes with many requests is counted: a file of one's own is no place for it.
    fn book_of_many(&self) -> Book {
        if self.store.is_shared() { Book::Store } else { Book::Local }
    }

    /// Takes one of each, or none of any, and says how the last of them stands.
    async fn take(
        &self,
        charges: &[Charge],
        book: Book,
        from: IpAddr,
    ) -> Result<(Standing, Book), Throttle> {
        if let Some((by, wait)) = self.refusals.still(charges, self.clock.instant()) {
            return Err(self.refused(charges, by, wait));
        }
        let (outcome, book) = match book {
            Book::Local => (self.local.take(charges), Book::Local),
            Book::Store => match self.store.take(charges, self.clock.now()).await {
                Ok(counted) => {
                    if self.is_degraded.swap(false, Ordering::Relaxed) {
                        tracing::info!("limits are counted in the store again");
                    }
                    (counted, Book::Store)
                }
                Err(error) => {
                    self.metrics.limiter_degraded();
                    self.tell_of_degraded(&error);
                    (self.local.take(&self.parts(charges)), Book::Local)
                }
            },
        };
        match outcome {
            Counted::Done(standing) => Ok((standing, book)),
            Counted::Refused { by, wait } => {
                if let Some(charge) = charges.get(by)
                    && self.refusals.note(&charge.key, wait, self.clock.instant())
                {
                    self.tell_of_reached(&charge.key, from);
                }
                Err(self.refused(charges, by, wait))
            }
        }
    }

    /// What this gateway alone allows while it cannot count together with the others.
    fn parts(&self, charges: &[Charge]) -> Vec<Charge> {
        let gateways = self.settings.load().gateways;
        let part = |count: u32| count.div_ceil(gateways.get());
        let parts = charges.iter().map(|charge| {
            let rule = match charge.rule {
                Rule::Quota(quota) => {
                    let count = NonZeroU32::new(part(quota.count.get())).unwrap_or(quota.count);
                    Rule::Quota(Quota { count, ..quota })
                }
                Rule::Delay(delay) => Rule::Delay(Delay { free: part(delay.free), ..delay }),
            };
            Charge { key: charge.key.clone(), rule }
        });
        parts.collect()
    }

    fn refused(&self, charges: &[Charge], by: usize, wait: Duration) -> Throttle {
        let charge = charges.get(by).or(charges.first());
        let (limit, rule) = match charge {
            Some(charge) => (charge.key.limit().to_owned(), charge.rule),
            None => (String::new(), Rule::Quota(Quota { count: NonZeroU32::MIN, period: wait })),
        };
        self.metrics.throttled(&limit);
        Throttle { limit, rule, wait }
    }

    async fn give_back(&self, charges: &[Charge], book: Book) {
        match book {
            Book::Local => self.local.give_back(&self.parts(charges)),
            Book::Store => {
                if let Err(error) = self.store.give_back(charges).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, "a login that succeeded stays counted as a failure");
                }
            }
        }
    }

    fn tell_of_degraded(&self, error: &StoreError) {
        if !self.is_degraded.swap(true, Ordering::Relaxed) {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, "limiter degraded: this gateway counts alone");
        }
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
