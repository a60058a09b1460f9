//! Why a store could not tell.

use sha2::{Digest, Sha256};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why the store could not tell.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It holds something that this version cannot read.
    #[error("the stored {what} cannot be read: {problem}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// What is wrong with it; never a secret.
        problem: String,
    },
    /// It does not answer, or refuses to.
    #[error("the store does not answer")]
    Unavailable(#[source] Arc<Outage>),
    /// It answers, but it cannot serve as a store.
    #[error("{0}")]
    Unsuitable(String),
}

impl StoreError {
    /// A store that does not do what it was asked, and why.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::out(OutageKind::Refused, cause)
    }

    /// A store that cannot be used at present, in which way, and why.
    pub fn out(kind: OutageKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::new(Outage { cause: cause.into(), kind, lasts: false }))
    }

    /// The same of one that stays so until somebody does something about it.
    pub(super) fn lasting(
        kind: OutageKind,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable(Arc::new(Outage { cause: cause.into(), kind, lasts: true }))
    }

    /// The same, for whoever knows what it is that cannot be read, and by which key: of that a digest is
    /// told.
    pub(super) fn of(self, kind: &'static str, key: impl AsRef<[u8]>) -> Self {
        match self {
            // Of a database that is no database no record can be read.
            Self::Corrupt { what: "database", .. } | Self::Unavailable(_) | Self::Unsuitable(_) => {
                self
            }
            Self::Corrupt { problem, .. } => {
                let digest = hex::encode(Sha256::digest(key));
                let digest: String = digest.chars().take(16).collect();
                Self::Corrupt { what: kind, problem: format!("{problem} (key {digest})") }
            }
        }
    }

    /// An item that cannot be read, where it may not be passed over. Says where it is, but not the whole
    /// of what may be a secret.
    pub(super) fn unreadable_item(kind: super::ItemKind, key: &[u8]) -> Self {
        let shown: String = hex::encode(key).chars().take(16).collect();
        let kind = kind.as_str();
        Self::Corrupt {
            what: "item",
            problem: format!(
                "one of kind {kind} whose key begins with the bytes {shown} is not an end, an owner and \
                 a value; take it away, or put it right"
            ),
        }
    }

    /// Whether the store is away: nobody answers, or only that there is nothing yet to answer from.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Unavailable(outage) => match outage.kind {
                OutageKind::Gone | OutageKind::Silent => true,
                OutageKind::Refused | OutageKind::Unwritable(_) => false,
            },
            Self::Corrupt { .. } | Self::Unsuitable(_) => false,
        }
    }

    /// What kind of error it is, in a word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "corrupt",
            Self::Unavailable(outage) => outage.kind.as_str(),
            Self::Unsuitable(_) => "unsuitable",
        }
    }
}

/// In which way a store cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutageKind {
    /// Nobody is there, or the connection broke, or it has not read its data yet.
    Gone,
    /// It answers that it does not want to.
    Refused,
    /// No answer came in time.
    Silent,
    /// It takes no writes, and why in a word.
    Unwritable(&'static str),
}

impl OutageKind {
    /// In a word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "unavailable",
            Self::Refused => "refused",
            Self::Silent => "timeout",
            Self::Unwritable(_) => "write_refused",
        }
    }
}

/// A store that cannot be used at present.
#[derive(Debug)]
pub struct Outage {
    cause: Box<dyn Error + Send + Sync>,
    /// In which way.
    pub kind: OutageKind,
    /// Whether it is known not to pass by itself.
    pub(super) lasts: bool,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for Outage {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_answers_whatever_it_says_is_not_away() {
        let out = |kind| StoreError::out(kind, "down");
        let kinds = [OutageKind::Gone, OutageKind::Silent];
        assert_eq!(kinds.map(|kind| out(kind).is_away()), [true; 2]);
        let kinds = [OutageKind::Refused, OutageKind::Unwritable("disk")];
        assert_eq!(kinds.map(|kind| out(kind).is_away()), [false; 2]);
        let corrupt = StoreError::Corrupt { what: "user", problem: "it is junk".to_owned() };
        assert!(!corrupt.is_away() && !StoreError::Unsuitable("old".to_owned()).is_away());
    }

    #[test]
    fn of_a_record_that_cannot_be_read_its_kind_and_a_digest_of_its_key_are_told() {
        let corrupt = |what| StoreError::Corrupt { what, problem: "it is junk".to_owned() };
        assert_eq!(
            corrupt("record").of("user", "authgate:user:{7}").to_string(),
            "the stored user cannot be read: it is junk (key de52953521af4735)"
        );
        assert_eq!(
            corrupt("database").of("user", "7").to_string(),
            "the stored database cannot be read: it is junk"
        );
        let gone = StoreError::unavailable("down").of("user", "7");
        assert!(matches!(gone, StoreError::Unavailable(_)));
    }
}
