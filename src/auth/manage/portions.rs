//! All there is, user by user, for whoever takes it elsewhere.

use super::super::Auth;
use super::ManageError;
use crate::model::token::OldDigest;
use crate::model::user::{User, UserId};
use crate::store::ListedToken;
use futures_util::{StreamExt, TryStreamExt, stream};

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
        let mut tokens = Vec::new();
        for token in self.tokens_of(&user).await? {
            let key = token.record.knox_key.as_ref().filter(|_| has_old);
            let old = match key {
                Some(key) => self.store.old_digests(key).await?,
                None => Vec::new(),
            };
            let old = old.into_iter().find(|old| old.digest == token.record.digest);
            tokens.push((token, old));
        }
        let exchanged: Vec<_> = tokens
            .iter()
            .filter_map(|(token, _)| token.record.former.as_ref())
            .map(|former| former.digest)
            .collect();
        // It is the same as the one that has it as its former digest.
        tokens.retain(|(token, _)| !exchanged.contains(&token.record.digest));
        Ok(Portion { tokens, user })
    }
}
