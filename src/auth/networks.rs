//! Networks that operators allow and deny while gateways run, beside those of the settings.

use super::Auth;
use crate::clock::Timestamp;
use crate::model::event::{Actor, EventName};
use crate::model::network::{Exceptions, Treatment};
use crate::store::{Item, ItemKind, StoreError};
use arc_swap::ArcSwap;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What operators have decided of a network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ruling {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Whether it is denied, and not allowed.
    pub is_denied: bool,
    /// The network.
    pub network: IpNet,
    /// Why, in the operator's words.
    pub note: String,
    /// Until when it holds; `None` is forever.
    pub until: Option<Timestamp>,
}

/// What an operator wants for a network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewRuling {
    /// Whether it is to be denied, and not allowed.
    pub is_denied: bool,
    /// For how long; `None` is forever.
    pub lasts: Option<Duration>,
    /// The network.
    pub network: IpNet,
    /// Why.
    pub note: String,
}

/// Who decides of networks, and what they must not do by accident.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decider {
    /// The operator.
    pub by: Actor,
    /// Whether they know that they shut themselves out.
    pub knows: bool,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The settings allow this very network, and what they say counts.
    #[error("limits.allow in the settings file names {0}: take it out there first")]
    AllowedByFile(IpNet),
    /// Whoever decides would be refused from then on.
    #[error("this would shut you out: you come from {0}")]
    LocksOut(IpAddr),
    /// The store could not tell.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are as many as there may be.
    #[error("there are {} networks already, which is the most; forget some first", MOST)]
    TooMany,
}

/// The most networks that operators may name: each request is compared with all of them.
const MOST: usize = 1_000;

/// The most characters of a note.
const MOST_NOTE: usize = 120;

/// A ruling as it is kept. The network is the key.
#[derive(Deserialize, Serialize)]
struct Kept {
    at: i64,
    by: String,
    note: String,
    treatment: Kind,
    until: Option<i64>,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Allow,
    Deny,
}

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

    /// Has a network allowed or denied by all gateways, in place of what was decided of it before.
    pub async fn rule(&self, new: NewRuling, decider: Decider) -> Result<Ruling, NetworkError> {
        let NewRuling { is_denied, lasts, network, note } = new;
        let network = canonical(network);
        let file = self.networks.file();
        if is_denied && file.allow.contains(&network) {
            return Err(NetworkError::AllowedByFile(network));
        }
        let mut rulings = self.rulings().await?;
        let before = rulings.iter().position(|known| known.network == network);
        let before = before.map(|place| rulings.swap_remove(place));
        if before.is_none() && rulings.len() >= MOST {
            return Err(NetworkError::TooMany);
        }
        let at = self.clock.now();
        let by =
            decider.by.operator().map_or_else(|| decider.by.kind().to_owned(), ToString::to_string);
        let note = note.trim().chars().filter(|char| !char.is_control()).take(MOST_NOTE).collect();
        let until = lasts.map(|span| at.plus(span));
        let ruling = Ruling { at, by, is_denied, network, note, until };
        rulings.push(ruling.clone());
        self.spare(&rulings, &decider)?;
        self.store.put_item(&ruling.item()?).await?;
        self.learn_networks().await;
        let name = if is_denied { EventName::NetworkDenied } else { EventName::NetworkAllowed };
        let was = before.map_or("as usual", |before| before.words());
        let detail = format!("{network}: {was} → {}", ruling.told());
        self.events.record(self.event(name, decider.by).with(detail));
        Ok(ruling)
    }

    /// Has a network treated as the settings say, and says whether operators had decided otherwise.
    pub async fn forget_network(
        &self,
        network: IpNet,
        decider: Decider,
    ) -> Result<bool, NetworkError> {
        let network = canonical(network);
        let mut rulings = self.rulings().await?;
        let Some(place) = rulings.iter().position(|known| known.network == network) else {
            return Ok(false);
        };
        let before = rulings.swap_remove(place);
        self.spare(&rulings, &decider)?;
        if !self.store.remove_item(ItemKind::Network, &network.to_string()).await? {
            return Ok(false);
        }
        self.learn_networks().await;
        let detail = format!("{network}: {} → as usual", before.words());
        self.events.record(self.event(EventName::NetworkForgotten, decider.by).with(detail));
        Ok(true)
    }

    /// Fails if an operator would be refused by what they decide and does not know it.
    fn spare(&self, rulings: &[Ruling], decider: &Decider) -> Result<(), NetworkError> {
        let Some(from) = decider.by.address().filter(|_| !decider.knows) else { return Ok(()) };
        let after = merge(&self.networks.file(), rulings, self.clock.now());
        match after.treatment(from) {
            Treatment::Denied => Err(NetworkError::LocksOut(from)),
            Treatment::Allowed | Treatment::Usual => Ok(()),
        }
    }
}

impl Ruling {
    /// What it makes of the network.
    pub fn words(&self) -> &'static str {
        if self.is_denied { "denied" } else { "allowed" }
    }

    fn told(&self) -> String {
        let until = self.until.map(|until| format!(" until {until}")).unwrap_or_default();
        let note = if self.note.is_empty() { String::new() } else { format!(" ({})", self.note) };
        format!("{}{until}{note}", self.words())
    }

    fn item(&self) -> Result<Item, StoreError> {
        let treatment = if self.is_denied { Kind::Deny } else { Kind::Allow };
        let Self { at, by, network, note, until, .. } = self.clone();
        let until = until.map(Timestamp::micros);
        let kept = Kept { at: at.micros(), by, note, treatment, until };
        Ok(Item {
            expires: self.until,
            key: network.to_string(),
            kind: ItemKind::Network,
            owner: None,
            value: serde_json::to_string(&kept).map_err(StoreError::unavailable)?,
        })
    }
}

fn read(item: &Item) -> Option<Ruling> {
    let Kept { at, by, note, treatment, until } = serde_json::from_str(&item.value).ok()?;
    Some(Ruling {
        at: Timestamp::from_micros(at),
        by,
        is_denied: treatment == Kind::Deny,
        network: item.key.parse().ok()?,
        note,
        until: until.map(Timestamp::from_micros),
    })
}

/// A network in the one way in which it is kept: an address of IPv4 that is written as one of IPv6 is
/// one of IPv4, as clients' addresses are.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network.trunc() };
    let address = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    let v4 = address.and_then(|(ip, length)| IpNet::new(ip.into(), length).ok());
    v4.unwrap_or(network).trunc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruling(network: &str, is_denied: bool, until: Option<i64>) -> Ruling {
        Ruling {
            at: Timestamp::from_micros(1),
            by: "ada".to_owned(),
            is_denied,
            network: network.parse().unwrap(),
            note: "why \"not\"".to_owned(),
            until: until.map(Timestamp::from_micros),
        }
    }

    #[test]
    fn a_ruling_reads_back() {
        for until in [None, Some(7)] {
            let ruling = ruling("203.0.113.0/24", true, until);
            assert_eq!(read(&ruling.item().unwrap()), Some(ruling));
        }
    }

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

    #[test]
    fn a_network_is_kept_in_one_way() {
        for (written, kept) in [
            ("203.0.113.9/24", "203.0.113.0/24"),
            ("::ffff:203.0.113.9/120", "203.0.113.0/24"),
            ("2001:db8::1/64", "2001:db8::/64"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(canonical(written.parse().unwrap()).to_string(), kept);
        }
    }
}
