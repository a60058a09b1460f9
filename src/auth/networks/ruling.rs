//! What operators have decided of a network, as it is kept.

use crate::clock::Timestamp;
use crate::store::{Item, ItemKind, StoreError};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

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

impl Ruling {
    /// What it makes of the network.
    pub fn words(&self) -> &'static str {
        if self.is_denied { "denied" } else { "allowed" }
    }

    pub(super) fn told(&self) -> String {
        let until = self.until.map(|until| format!(" until {until}")).unwrap_or_default();
        let note = if self.note.is_empty() { String::new() } else { format!(" ({})", self.note) };
        format!("{}{until}{note}", self.words())
    }

    pub(super) fn item(&self) -> Result<Item, StoreError> {
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

pub(super) fn read(item: &Item) -> Option<Ruling> {
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn ruling(network: &str, is_denied: bool, until: Option<i64>) -> Ruling {
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
}
