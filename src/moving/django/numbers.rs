//! Whether the users of a source have numbers, by which apps go.

use crate::store::staging::{OwnerRef, StagedToken, StagedUser};

/// What users have in place of a number.
#[derive(Clone, Copy, Default)]
pub(super) struct Numbers {
    /// Whether there is a token that names its user by a number.
    are_owners: bool,
    /// Whether there is a user who has something else, such as a UUID.
    are_keys: bool,
    /// Whether there is a user who has nothing.
    are_missing: bool,
}

impl Numbers {
    pub(super) fn note_user(&mut self, user: &StagedUser) {
        self.are_keys |= user.key.is_some();
        self.are_missing |= user.key.is_none() && user.id.is_none();
    }

    pub(super) fn note_token(&mut self, token: &StagedToken) {
        self.are_owners |= matches!(token.owner, OwnerRef::Number(_));
    }

    /// What whoever moves should know of that.
    pub(super) fn warnings(self) -> impl Iterator<Item = &'static str> {
        let keys = "Users of the source have something else than a number, such as a UUID: they get numbers \
                    here (X-Auth-User-Id), and an app that keeps the other finds them by name (X-Auth-User).";
        let missing = "Users of the source have no numbers, as `dumpdata --natural-primary` leaves them out: \
                       they get numbers of here (X-Auth-User-Id), which in Django may be those of others. A \
                       dump without --natural-primary keeps them.";
        let owners = "Tokens name users by numbers that their users do not have, and are not taken: a dump \
                      without --natural-primary has both, and one with --natural-foreign, too, has names.";
        let told = [
            (self.are_keys, keys),
            (self.are_missing, missing),
            (self.are_missing && self.are_owners, owners),
        ];
        told.into_iter().filter_map(|(is_so, words)| is_so.then_some(words))
    }
}
