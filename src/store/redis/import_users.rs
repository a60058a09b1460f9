//! Writing many users with all that is theirs, while no gateway serves: so nothing is asked, and commands
//! go out in batches. The indexes are made by the sweep that follows.

use super::old_digests;
use super::patience::patiently;
use super::record::{self, Entry};
use super::request::Request;
use super::tokens::set;
use super::{RedisStore, keys};
use crate::store::StoreError;
use crate::store::whole::Portion;
use redis::{Pipeline, pipe};

/// After how many commands a batch goes out.
const BATCH: usize = 1_000;

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
        self.name_users(portions).await?;
        Ok(portions.iter().map(|portion| portion.tokens.len() as u64).sum())
    }

    async fn send_full(&self, batch: &mut Pipeline) -> Result<(), StoreError> {
        if batch.len() < BATCH {
            return Ok(());
        }
        self.send(&std::mem::replace(batch, pipe())).await
    }

    async fn name_users(&self, portions: &[Portion]) -> Result<(), StoreError> {
        let mut take = pipe();
        for Portion { user, .. } in portions {
            take.set_nx(keys::name(&user.username), user.id.0);
        }
        if take.is_empty() {
            return Ok(());
        }
        let won: Vec<bool> = patiently(async || self.link.ask(Request::Batch(&take)).await).await?;
        for (Portion { user, .. }, _) in portions.iter().zip(won).filter(|(_, won)| !won) {
            // It may be theirs, by a batch of which the answer was lost.
            if !patiently(async || self.take_name(user).await).await? {
                let problem = format!("two users have the name of number {}", user.id);
                return Err(StoreError::Corrupt { what: "backup", problem });
            }
        }
        Ok(())
    }
}
