//! Why something of a source is not taken.

use std::fmt;

/// Why a user or a token of a source is not taken.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Refusal {
    /// The token's digest has not the length of its scheme, or no token can be found by its beginning.
    DigestUnsound,
    /// The token has run out.
    Expired,
    /// The name belongs to another user here.
    NameTaken,
    /// The name was that of another user of the source already.
    NameTwice,
    /// The name is one that nobody can have here.
    NameUnsound,
    /// Who had the number here was deleted.
    NumberGone,
    /// The number belongs to another user here.
    NumberTaken,
    /// The number was that of another user of the source already.
    NumberTwice,
    /// The number is one that nobody can have here.
    NumberUnsound,
    /// Number or name are those of an operator here who did not come from this source.
    Operator,
    /// The token's user is not in the source.
    OwnerMissing,
    /// The token's user is not taken.
    OwnerRefused,
    /// The same token belongs to another user here, or came before.
    TokenTaken,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::DigestUnsound,
        Self::Expired,
        Self::NameTaken,
        Self::NameTwice,
        Self::NameUnsound,
        Self::NumberGone,
        Self::NumberTaken,
        Self::NumberTwice,
        Self::NumberUnsound,
        Self::Operator,
        Self::OwnerMissing,
        Self::OwnerRefused,
        Self::TokenTaken,
    ];

    /// What it is called where programs read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DigestUnsound => "digest_unsound",
            Self::Expired => "expired",
            Self::NameTaken => "name_taken",
            Self::NameTwice => "name_twice",
            Self::NameUnsound => "name_unsound",
            Self::NumberGone => "number_gone",
            Self::NumberTaken => "number_taken",
            Self::NumberTwice => "number_twice",
            Self::NumberUnsound => "number_unsound",
            Self::Operator => "operator",
            Self::OwnerMissing => "owner_missing",
            Self::OwnerRefused => "owner_refused",
            Self::TokenTaken => "token_taken",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.name() == name)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DigestUnsound => "its digest cannot be one of its scheme",
            Self::Expired => "it has run out",
            Self::NameTaken => "the name belongs to another user here",
            Self::NameTwice => "the name is there twice in the source",
            Self::NameUnsound => "nobody can log in by such a name here",
            Self::NumberGone => {
                "who had the number was deleted here (--restore-deleted brings them back)"
            }
            Self::NumberTaken => "the number belongs to another user here",
            Self::NumberTwice => "the number is there twice in the source",
            Self::NumberUnsound => "nobody can have such a number here",
            Self::Operator => {
                "the number or the name is an operator's here, who is not known to be the same"
            }
            Self::OwnerMissing => "its user is not in the source, or cannot be read there",
            Self::OwnerRefused => "its user is not taken",
            Self::TokenTaken => {
                "the same token is there already, as another's or twice in the source"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reads_back_by_its_name() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::named(refusal.name()), Some(refusal));
        }
        assert_eq!(Refusal::named("unknown"), None);
    }
}
