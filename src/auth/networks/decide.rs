//! What operators decide of networks, and what they must not do by accident.

use super::merge;
use super::ruling::Ruling;
use crate::auth::{Auth, Proved};
use crate::clock::Timestamp;
use crate::model::event::{Actor, EventName};
use crate::model::network::{Exceptions, Treatment};
use crate::store::{ItemKind, StoreError};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

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
#[derive(Clone)]
pub struct Decider {
    /// The operator.
    pub by: Actor,
    /// Whether they know that they shut themselves out.
    pub knows: bool,
    /// That it is them; wanted only where [`Auth::ruling_lets_in`] says so.
    pub proved: Option<Proved>,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The settings allow this very network, and what they say counts.
    #[error("limits.allow in the settings file names {0}: take it out there first")]
    AllowedByFile(IpNet),
    /// Whoever decides would be refused from then on.
    #[error("this would shut you out{}: you come from {from}", from_then_on(at.as_ref()))]
    LocksOut {
        /// From when on, if not at once.
        at: Option<Timestamp>,
        /// Where they come from.
        from: IpAddr,
    },
    /// The store could not tell.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It lets someone in, which nobody does by a session alone.
    #[error("prove first that it is you")]
    Unproved,
    /// There are as many as there may be.
    #[error("there are {} networks already, which is the most; forget some first", MOST)]
    TooMany,
}

fn from_then_on(at: Option<&Timestamp>) -> String {
    at.map_or_else(String::new, |at| format!(" from {at} on"))
}

/// The most networks that operators may name: each request is compared with all of them.
const MOST: usize = 1_000;

/// The most characters of a note.
const MOST_NOTE: usize = 120;

impl Auth {
    /// Has a network allowed or denied by all gateways, in place of what was decided of it before.
    pub async fn rule(&self, new: NewRuling, decider: Decider) -> Result<Ruling, NetworkError> {
        let (ruling, before) = self.plan(new, &decider).await?;
        let after = Some((ruling.is_denied, ruling.until));
        decider.prove(lets_in(before.as_ref(), after))?;
        self.store.put_item(&ruling.item()?).await?;
        self.learn_networks().await;
        let is_denied = ruling.is_denied;
        let name = if is_denied { EventName::NetworkDenied } else { EventName::NetworkAllowed };
        let was = before.map_or("as usual", |before| before.words());
        let detail = format!("{}: {was} → {}", ruling.network, ruling.told());
        self.events.record(self.event(name, decider.by).with(detail));
        Ok(ruling)
    }

    /// Fails as [`Auth::rule`] would but for the proof, and decides nothing. Says what takes one, as
    /// [`Auth::ruling_lets_in`] does.
    pub async fn look_at_ruling(
        &self,
        new: NewRuling,
        decider: &Decider,
    ) -> Result<Option<bool>, NetworkError> {
        let (ruling, before) = self.plan(new, decider).await?;
        Ok(lets_in(before.as_ref(), Some((ruling.is_denied, ruling.until))))
    }

    /// Whether it lets someone in that this is decided of a network, or forgotten, so that it takes a
    /// proof: each time, or one of a while ago.
    pub async fn ruling_lets_in(
        &self,
        network: IpNet,
        new: Option<&NewRuling>,
    ) -> Result<Option<bool>, StoreError> {
        let network = canonical(network);
        let known = self.rulings().await?;
        let before = known.iter().find(|known| known.network == network);
        let until = |new: &NewRuling| new.lasts.map(|span| self.clock.now().plus(span));
        Ok(lets_in(before, new.map(|new| (new.is_denied, until(new)))))
    }

    /// What would be decided, and what was before.
    async fn plan(
        &self,
        new: NewRuling,
        decider: &Decider,
    ) -> Result<(Ruling, Option<Ruling>), NetworkError> {
        let NewRuling { is_denied, lasts, network, note } = new;
        let network = canonical(network);
        let file = self.networks.file();
        if is_denied && file.allow.contains(&network) {
            return Err(NetworkError::AllowedByFile(network));
        }
        let present = self.rulings().await?;
        let mut rulings = present.clone();
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
        self.spare(&present, &rulings, decider)?;
        Ok((ruling, before))
    }

    /// Has a network treated as the settings say, and says whether operators had decided otherwise.
    pub async fn forget_network(
        &self,
        network: IpNet,
        decider: Decider,
    ) -> Result<bool, NetworkError> {
        let network = canonical(network);
        let present = self.rulings().await?;
        let mut rulings = present.clone();
        let Some(place) = rulings.iter().position(|known| known.network == network) else {
            return Ok(false);
        };
        let before = rulings.swap_remove(place);
        self.spare(&present, &rulings, &decider)?;
        decider.prove(lets_in(Some(&before), None))?;
        if !self.store.remove_item(ItemKind::Network, &network.to_string()).await? {
            return Ok(false);
        }
        self.learn_networks().await;
        let detail = format!("{network}: {} → as usual", before.words());
        self.events.record(self.event(EventName::NetworkForgotten, decider.by).with(detail));
        Ok(true)
    }

    /// Fails if an operator would be refused by what they decide, now or once a ruling ends, and does
    /// not know it.
    fn spare(
        &self,
        before: &[Ruling],
        after: &[Ruling],
        decider: &Decider,
    ) -> Result<(), NetworkError> {
        let Some(from) = decider.by.address().filter(|_| !decider.knows) else { return Ok(()) };
        let (file, now) = (self.networks.file(), self.clock.now());
        locked_out(&file, [before, after], from, now)
            .map_or(Ok(()), |at| Err(NetworkError::LocksOut { at: (at > now).then_some(at), from }))
    }
}

impl Decider {
    fn prove(&self, lets_in: Option<bool>) -> Result<(), NetworkError> {
        let Some(each_time) = lets_in else { return Ok(()) };
        let proved = self.proved.clone().ok_or(NetworkError::Unproved)?;
        proved.lets_in(each_time).map(drop).map_err(|_| NetworkError::Unproved)
    }
}

/// Whether a ruling in place of another lets someone in: each time where it allows, and where a denial
/// ends with it or sooner.
fn lets_in(before: Option<&Ruling>, after: Option<(bool, Option<Timestamp>)>) -> Option<bool> {
    let forever = |until: Option<Timestamp>| until.map_or(i64::MAX, Timestamp::micros);
    let denied_before = before.filter(|before| before.is_denied);
    match (denied_before, after) {
        (_, Some((false, _))) => Some(true),
        (Some(_), None) => Some(false),
        (Some(before), Some((true, until))) => {
            (forever(until) < forever(before.until)).then_some(false)
        }
        (None, _) => None,
    }
}

/// When a client at this address is refused that would not be without a change of rulings, if ever:
/// they change by themselves where one ends.
fn locked_out(
    file: &Exceptions,
    [before, after]: [&[Ruling]; 2],
    from: IpAddr,
    now: Timestamp,
) -> Option<Timestamp> {
    let is_denied = |rulings: &[Ruling], at: Timestamp| {
        merge(file, rulings, at).treatment(from) == Treatment::Denied
    };
    let ends = before.iter().chain(after).filter_map(|ruling| ruling.until);
    let mut moments: Vec<_> = ends.filter(|end| *end > now).chain([now]).collect();
    moments.sort_unstable();
    moments.into_iter().find(|at| is_denied(after, *at) && !is_denied(before, *at))
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
    use super::super::ruling::tests::ruling;
    use super::*;

    #[test]
    fn who_would_be_denied_once_an_allowance_ends_is_told_when() {
        let file = Exceptions { allow: Vec::new(), deny: vec!["203.0.113.0/24".parse().unwrap()] };
        let locked = |before: &[Ruling], after: &[Ruling]| {
            let (from, now) = ("203.0.113.7".parse().unwrap(), Timestamp::from_micros(5));
            locked_out(&file, [before, after], from, now).map(Timestamp::micros)
        };
        let forever = [ruling("203.0.113.7/32", false, None)];
        let timed = [ruling("203.0.113.7/32", false, Some(10))];
        assert_eq!(locked(&forever, &timed), Some(10));
        assert_eq!(locked(&forever, &[]), Some(5));
        assert_eq!(locked(&timed, &forever), None);
        // What would come anyway is not what the change does.
        let other = ruling("192.0.2.0/24", true, Some(20));
        assert_eq!(locked(&timed, &[timed[0].clone(), other]), None);
        let longer = [ruling("203.0.113.7/32", false, Some(30))];
        assert_eq!(locked(&timed, &longer), None);
        assert_eq!(locked(&longer, &timed), Some(10));
    }

    #[test]
    fn what_allows_or_ends_a_denial_lets_someone_in_and_what_denies_does_not() {
        let at = |micros| Some(Timestamp::from_micros(micros));
        let [allowed, denied] =
            [false, true].map(|is_denied| ruling("192.0.2.0/24", is_denied, Some(10)));
        for (before, after, takes) in [
            (None, Some((false, at(5))), Some(true)),
            (Some(&denied), Some((false, at(5))), Some(true)),
            (Some(&allowed), Some((false, at(5))), Some(true)),
            (Some(&denied), None, Some(false)),
            (Some(&denied), Some((true, at(9))), Some(false)),
            (Some(&denied), Some((true, at(10))), None),
            (Some(&denied), Some((true, None)), None),
            (Some(&allowed), Some((true, at(5))), None),
            (Some(&allowed), None, None),
            (None, Some((true, at(5))), None),
        ] {
            assert_eq!(lets_in(before, after), takes, "{before:?} {after:?}");
        }
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
