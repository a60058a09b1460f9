//! All there is, user by user, for whoever takes it elsewhere.

use super::super::Auth;
use super::ManageError;
use crate::model::token::{OldDigest, TokenDigest};
use crate::model::user::{User, UserId};
use crate::store::ListedToken;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{HashMap, HashSet};

/// A user, and the tokens of theirs that are good, the oldest first.
pub struct Portion {
    /// The tokens; of those with a digest of another scheme, how it was made.
    pub tokens: Vec<(ListedToken, Option<OldDigest>)>,
    /// The user.
    pub user: User,
}

impl Auth {
    /// At most `limit` users with a number above `after`, in order of number, with their tokens.
    pub async fn portions_after(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Portion>, ManageError> {
        /// What is asked of a store at once: it is far away for some.
        const AT_ONCE: usize = 32;
        let users = self.users_after(after, limit).await?;
        let has_old = self.store.has_old_digests().await?;
        let portions = stream::iter(users).map(|user| self.portion_of(user, has_old));
        portions.buffered(AT_ONCE).try_collect().await
    }

    async fn portion_of(&self, user: User, has_old: bool) -> Result<Portion, ManageError> {
        /// Whoever reads them is not kept by a user whose tokens come and go.
        const TRIES: usize = 3;
        let mut tokens = self.tokens_of(&user).await?;
        let mut olds = HashMap::new();
        for _ in 0..TRIES {
            if !has_old {
                break;
            }
            for key in tokens.iter().filter_map(|token| token.record.knox_key.as_ref()) {
                let found = self.store.old_digests(key).await?;
                olds.extend(found.into_iter().map(|old| (old.digest, old)));
            }
            // One that got another digest meanwhile is in neither state above.
            let before = std::mem::replace(&mut tokens, self.tokens_of(&user).await?);
            let digests = digests(&tokens);
            // The only one may have been just there: of it nothing has been asked yet.
            let is_asked = tokens.is_empty() || !before.is_empty();
            if is_asked && before.iter().all(|token| digests.contains(&token.record.digest)) {
                break;
            }
        }
        let exchanged: HashSet<_> = tokens
            .iter()
            .filter_map(|token| token.record.former.as_ref())
            .map(|former| former.digest)
            .collect();
        // It is the same as the one that has it as its former digest.
        tokens.retain(|token| !exchanged.contains(&token.record.digest));
        let tokens = tokens.into_iter().map(|token| {
            let old = olds.remove(&token.record.digest);
            (token, old)
        });
        Ok(Portion { tokens: tokens.collect(), user })
    }
}

/// What tokens are or were found by.
fn digests(tokens: &[ListedToken]) -> HashSet<TokenDigest> {
    let formers = tokens.iter().filter_map(|token| token.record.former.as_ref());
    let digests = tokens.iter().map(|token| token.record.digest);
    digests.chain(formers.map(|former| former.digest)).collect()
}
