//! Networks that operators allow and deny while gateways run, beside those of the settings.

mod decide;
mod ruling;

pub use self::decide::{Decider, NetworkError, NewRuling};
pub use self::ruling::Ruling;

use self::ruling::read;
use super::Auth;
use crate::clock::Timestamp;
use crate::model::network::{Exceptions, Treatment};
use crate::store::{ItemKind, StoreError};
use arc_swap::ArcSwap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Which networks are treated in a way of their own, by the settings and by operators.
pub(super) struct Networks {
    both: ArcSwap<Exceptions>,
    knowledge: Knowledge,
    parts: Mutex<Parts>,
}

/// Whether what operators have decided is known, so that it is told when that changes.
#[derive(Default)]
struct Knowledge {
    is_any: AtomicBool,
    is_failing: AtomicBool,
}

impl Knowledge {
    fn tell<T>(&self, known: &Result<T, StoreError>) {
        let was_failing = self.is_failing.swap(known.is_err(), Ordering::Relaxed);
        match known {
            Ok(_) => {
                self.is_any.store(true, Ordering::Relaxed);
                if was_failing {
                    tracing::warn!("it is known again which networks operators allow and deny");
                }
            }
            Err(_) if was_failing => {}
            Err(error) if self.is_any.load(Ordering::Relaxed) => {
                let error = error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "new rulings of networks cannot be learnt; the known ones hold"
                );
            }
            Err(error) => {
                let error = error as &dyn std::error::Error;
                tracing::error!(
                    error,
                    "it is not known which networks operators allow and deny: until it is, only those \
                     of the settings are"
                );
            }
        }
    }
}

/// What it is made of.
struct Parts {
    file: Arc<Exceptions>,
    rulings: Vec<Ruling>,
}

impl Networks {
    pub(super) fn new(file: Arc<Exceptions>) -> Self {
        let both = ArcSwap::new(Arc::clone(&file));
        let parts = Mutex::new(Parts { file, rulings: Vec::new() });
        Self { both, knowledge: Knowledge::default(), parts }
    }

    /// How a client at this address is treated.
    pub(super) fn treatment(&self, address: IpAddr) -> Treatment {
        self.both.load().treatment(address)
    }

    /// Has the settings say something else.
    pub(super) fn apply(&self, file: Arc<Exceptions>, now: Timestamp) {
        self.change(|parts| parts.file = file, now);
    }

    fn file(&self) -> Arc<Exceptions> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&parts.file)
    }

    fn change(&self, change: impl FnOnce(&mut Parts), now: Timestamp) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut parts);
        // While the store is away those that it told of stay, until their end.
        let merged = merge(&parts.file, &parts.rulings, now);
        if **self.both.load() != merged {
            self.both.store(Arc::new(merged));
        }
    }
}

/// What the settings say and what operators have decided, together.
fn merge(file: &Exceptions, rulings: &[Ruling], now: Timestamp) -> Exceptions {
    let mut both = file.clone();
    for ruling in rulings.iter().filter(|ruling| ruling.until.is_none_or(|until| until > now)) {
        let list = if ruling.is_denied { &mut both.deny } else { &mut both.allow };
        list.push(ruling.network);
    }
    both
}

impl Auth {
    /// How a client at this address is treated, by the settings and by operators.
    pub fn treatment(&self, address: IpAddr) -> Treatment {
        self.networks.treatment(address)
    }

    /// Learns from the store which networks operators have decided of, about once a second. Runs until
    /// it is dropped.
    pub async fn keep_networks(&self) -> Infallible {
        const PAUSE: Duration = Duration::from_millis(500);
        loop {
            tokio::time::sleep(PAUSE).await;
            self.learn_networks().await;
        }
    }

    /// Learns from the store which networks operators have decided of. If it does not answer, those
    /// that are known stay.
    pub async fn learn_networks(&self) {
        let known = self.rulings().await;
        self.networks.knowledge.tell(&known);
        self.networks.change(
            |parts| {
                if let Ok(rulings) = known {
                    parts.rulings = rulings;
                }
            },
            self.clock.now(),
        );
    }

    /// The networks that operators have decided of.
    pub async fn rulings(&self) -> Result<Vec<Ruling>, StoreError> {
        let items = self.store.items(ItemKind::Network, self.clock.now()).await?;
        // One that a newer version wrote must not hide all others.
        let mut rulings = Vec::new();
        for item in &items {
            match read(item) {
                Some(ruling) => rulings.push(ruling),
                None => self.unreadable.tell(item.kind, &item.key),
            }
        }
        rulings.sort_by_key(|ruling| ruling.network);
        Ok(rulings)
    }

    /// The networks that the settings name.
    pub fn networks_of_file(&self) -> Arc<Exceptions> {
        self.networks.file()
    }
}

#[cfg(test)]
mod tests {
    use super::ruling::tests::ruling;
    use super::*;

    #[test]
    fn what_operators_decide_holds_beside_the_settings_until_its_end() {
        let file = Exceptions { allow: vec!["203.0.113.7/32".parse().unwrap()], deny: Vec::new() };
        let rulings = [ruling("203.0.113.0/24", true, Some(10)), ruling("10.0.0.0/8", false, None)];
        let treated = |address: &str, now| {
            let both = merge(&file, &rulings, Timestamp::from_micros(now));
            both.treatment(address.parse().unwrap())
        };
        assert_eq!(treated("203.0.113.8", 9), Treatment::Denied);
        assert_eq!(treated("203.0.113.7", 9), Treatment::Allowed);
        assert_eq!(treated("203.0.113.8", 10), Treatment::Usual);
        assert_eq!(treated("10.1.1.1", 10), Treatment::Allowed);
    }
}
