//! Small things that are kept for the console: of each kind few, and each of a size that nobody
//! outside decides.

use crate::clock::Timestamp;
use crate::model::user::UserId;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Something small that is kept under a key of its kind.
#[derive(Clone, Eq, PartialEq)]
pub struct Item {
    /// From when on it is not there any more; `None` is never.
    pub expires: Option<Timestamp>,
    /// What it is found by. Whatever must stay secret is in it as a digest only.
    pub key: String,
    /// What it is.
    pub kind: ItemKind,
    /// Whose it is, if it goes with a user.
    pub owner: Option<UserId>,
    /// What it says: JSON, which only the part of `auth` understands that keeps it.
    pub value: String,
}

/// What is kept so.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ItemKind {
    /// What a program calls the console's API with.
    ApiKey,
    /// How many users were moved in with which password hashes.
    Imported,
    /// What tells this store from another.
    Mark,
    /// A network that operators allow or deny.
    Network,
    /// Someone who is signed in at the console.
    Session,
    /// The right to make the first operator.
    Setup,
    /// What an operator's authenticator app shares with us.
    Totp,
}

impl ItemKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ApiKey,
        Self::Imported,
        Self::Mark,
        Self::Network,
        Self::Session,
        Self::Setup,
        Self::Totp,
    ];

    /// What stores call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Imported => "imported",
            Self::Mark => "mark",
            Self::Network => "network",
            Self::Session => "session",
            Self::Setup => "setup",
            Self::Totp => "totp",
        }
    }
}

impl Item {
    /// Whether it is there at `now`.
    pub(super) fn lives(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| end > now)
    }
}

/// Tells of items that cannot be read and are passed over, so that they hide no others: of each once,
/// and nothing of what they say.
#[derive(Default)]
pub struct Unreadable(Mutex<HashSet<String>>);

impl Unreadable {
    /// How many are remembered. Should there be more, some of them may be told again.
    const MOST: usize = 1_000;

    /// Tells of one.
    pub fn tell(&self, kind: ItemKind, key: impl AsRef<[u8]>) {
        let kind = kind.as_str();
        let hash = Sha256::new().chain_update(kind).chain_update(" ").chain_update(key);
        let digest: String = hex::encode(hash.finalize()).chars().take(16).collect();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= Self::MOST {
            told.clear();
        }
        if told.insert(digest.clone()) {
            tracing::error!(kind, digest, "an item cannot be read and is passed over");
        }
    }

    /// Those that can be read. Of the others there is the key.
    pub(super) fn pass_over<K: AsRef<[u8]>>(
        &self,
        kind: ItemKind,
        found: impl IntoIterator<Item = Result<Item, K>>,
    ) -> Vec<Item> {
        let told = found.into_iter().map(|item| item.map_err(|key| self.tell(kind, key)));
        told.filter_map(Result::ok).collect()
    }
}
