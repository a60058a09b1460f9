//! What has changed of one user.

use crate::clock::Timestamp;
use crate::model::token::{OldDigest, TokenAbout, TokenDigest, TokenRecord};
use crate::model::user::User;
use crate::store::whole::Portion;
use std::collections::{HashMap, HashSet};

/// What has changed of one user.
pub(in crate::store) struct Delta<'a> {
    /// Tokens that are new or otherwise than before.
    pub added: Vec<&'a (TokenRecord, TokenAbout)>,
    /// Tokens that are not there any more.
    pub ended: Vec<TokenDigest>,
    /// From where they have logged in.
    pub familiar: &'a [(String, Timestamp)],
    /// Whether they go by another name, and are written as if they were somebody new.
    pub is_renamed: bool,
    /// Whether their own record is otherwise than before.
    pub is_changed: bool,
    /// How the digests of some of those were made that are added.
    pub old_digests: Vec<OldDigest>,
    pub user: &'a User,
}

impl<'a> Delta<'a> {
    /// What makes of a user that was the one that is.
    pub(super) fn between(was: Option<&Portion>, is: &'a Portion) -> Self {
        let is_renamed = was.is_some_and(|was| was.user.username != is.user.username);
        let before = was.filter(|_| !is_renamed).map_or(&[][..], |was| &was.tokens);
        let known: HashMap<_, _> = before.iter().map(|one| (one.0.digest, one)).collect();
        let is_same = |one: &(TokenRecord, TokenAbout)| {
            known.get(&one.0.digest).is_some_and(|old| one.0 == old.0 && one.1.name == old.1.name)
        };
        let there: HashSet<_> = is.tokens.iter().map(|(one, _)| one.digest).collect();
        let is_gone = |digest: &TokenDigest| !there.contains(digest);
        let added: Vec<_> = is.tokens.iter().filter(|one| !is_same(one)).collect();
        let is_added = |old: &&OldDigest| added.iter().any(|(one, _)| one.digest == old.digest);
        Self {
            old_digests: is.old_digests.iter().filter(is_added).cloned().collect(),
            added,
            ended: before.iter().map(|(old, _)| old.digest).filter(is_gone).collect(),
            familiar: &is.familiar,
            is_renamed,
            is_changed: was.is_none_or(|was| was.user != is.user),
            user: &is.user,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        !self.is_changed && self.tokens() == 0
    }

    /// How many tokens it is about.
    pub(super) fn tokens(&self) -> u64 {
        u64::try_from(self.added.len() + self.ended.len()).unwrap_or(u64::MAX)
    }
}
