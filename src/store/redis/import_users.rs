//! Writing many users with all that is theirs, while no gateway serves: so nothing is asked, and commands
//! go out in batches. The indexes are made by the sweep that follows.

use super::land_batch::COMMANDS;
use super::old_digests;
use super::record::{self, Entry};
use super::tokens::set;
use super::{RedisStore, keys};
use crate::store::StoreError;
use crate::store::whole::Portion;
use redis::{Pipeline, pipe};

impl RedisStore {
    /// Writes users, their names last, as with any new user. Says how many tokens were written.
    pub(super) async fn write_users(&self, portions: &[Portion]) -> Result<u64, StoreError> {
        let mut batch = pipe();
        for Portion { familiar, old_digests, tokens, user } in portions {
            batch.hset_multiple(keys::user(user.id), &record::user_fields(user)).ignore();
            batch.zadd(keys::USERS, user.id.0, user.id.0).ignore();
            for (token, about) in tokens {
                let (list, entry) = (keys::user_tokens(user.id), Entry::of(token).bytes());
                batch.zadd(list, entry, record::score(token.expires)).ignore();
                batch.add_command(set(token, false)?).ignore();
                super::notes::note(&mut batch, token, about);
                self.send_full(&mut batch).await?;
            }
            for old in old_digests {
                old_digests::write(&mut batch, old);
                self.send_full(&mut batch).await?;
            }
            super::limits::write_familiar(&mut batch, user.id, familiar);
            self.send_full(&mut batch).await?;
        }
        self.send(&batch).await?;
        let users: Vec<_> = portions.iter().map(|portion| &portion.user).collect();
        let own = self.take_names(&users).await?;
        if let Some((user, _)) = users.iter().zip(own).find(|(_, own)| !own) {
            let problem = format!("two users have the name of number {}", user.id);
            return Err(StoreError::Corrupt { what: "backup", problem });
        }
        Ok(portions.iter().map(|portion| portion.tokens.len() as u64).sum())
    }

    async fn send_full(&self, batch: &mut Pipeline) -> Result<(), StoreError> {
        if batch.len() < COMMANDS {
            return Ok(());
        }
        self.send(&std::mem::replace(batch, pipe())).await
    }
}
