//! Whether a server has memory for a source, looked at before anything of it is written.

use super::inspect::Info;
use super::patience::patiently;
use super::request::{How, Request};
use super::{RedisStore, keys};
use crate::model::user::{UserId, Username};
use crate::store::StoreError;
use crate::store::staging::{Landing, OnConflict, Staging};
use redis::Cmd;

/// The bytes of a user who comes from elsewhere, with name, number and places in the indexes, and of a token:
/// as docs/scaling.md has them, without notes of a use.
const USER: u64 = 1_080;
const TOKEN: u64 = 580;
/// How many users and tokens are looked for, to know how many are there already.
const LOOKS: u64 = 500;

/// What a server has of memory.
struct Memory {
    free: u64,
    most: u64,
    place: String,
}

impl RedisStore {
    /// Refuses a source for which there is no memory, where memory has a bound.
    pub(super) async fn refuse_without_room(
        &self,
        staging: &Staging,
        order: &Landing,
    ) -> Result<(), StoreError> {
        let servers = patiently(async || self.link.primaries().await).await?.nodes.len();
        let bounded = patiently(async || self.memory().await).await?;
        if bounded.is_empty() {
            return Ok(());
        }
        let (users, tokens) = self.newcomers_of(staging, order).await?;
        let wanted = users * USER + tokens * TOKEN;
        let share = wanted / u64::try_from(servers).unwrap_or(1).max(1);
        let Some(Memory { free, most, place }) = bounded.iter().min_by_key(|memory| memory.free)
        else {
            return Ok(());
        };
        if *free >= share {
            return Ok(());
        }
        Err(StoreError::Unsuitable(format!(
            "there is no memory for it: about {users} new users and {tokens} tokens take some {}, and Redis \
             at {place} has {} left of its maxmemory ({}). Give it more; nothing was written",
            mebibytes(share),
            mebibytes(*free),
            mebibytes(*most),
        )))
    }

    /// What there is on servers whose memory has a bound. Who does not tell has none.
    async fn memory(&self) -> Result<Vec<Memory>, StoreError> {
        let mut found = Vec::new();
        for node in self.link.primaries().await?.nodes {
            let mut ask = redis::cmd("INFO");
            ask.arg("memory");
            let text: String = node.ask_again(&Request::Command(&ask), How::default()).await?;
            let info = Info::parse(&text);
            let number = |name| info.get(name).and_then(|text| text.parse::<u64>().ok());
            let Some(most) = number("maxmemory").filter(|most| *most > 0) else { continue };
            // Buffers for replicas and the log do not count against the bound.
            let uncounted = number("mem_not_counted_for_evict").unwrap_or(0);
            let used = number("used_memory").unwrap_or(0).saturating_sub(uncounted);
            found.push(Memory { free: most.saturating_sub(used), most, place: node.place() });
        }
        Ok(found)
    }

    /// About how many users and tokens of a source are not here, by a look at some of them.
    async fn newcomers_of(
        &self,
        staging: &Staging,
        order: &Landing,
    ) -> Result<(u64, u64), StoreError> {
        let some = staging.some_users(LOOKS)?;
        let users = some.iter().map(|(id, username)| match id {
            Some(id) => keys::user(UserId(*id)),
            None => keys::name(&Username::stored(username.clone())),
        });
        let users = self.absent(users).await?;
        let tokens = if order.on_conflict == OnConflict::Update {
            let some = staging.some_tokens(LOOKS)?;
            self.absent(some.iter().map(|digest| keys::token(&digest.key()))).await?
        } else {
            // Whoever is here gets none.
            users
        };
        let (all_users, all_tokens) = staging.arriving()?;
        Ok((users.of(all_users), tokens.of(all_tokens)))
    }

    async fn absent(&self, keys: impl Iterator<Item = String>) -> Result<Share, StoreError> {
        let looks: Vec<_> = keys.map(Cmd::exists).collect();
        let found: Vec<Option<bool>> = patiently(async || self.each_readable(&looks).await).await?;
        let absent = found.iter().filter(|exists| **exists == Some(false)).count();
        let count = |number: usize| u64::try_from(number).unwrap_or(0);
        Ok(Share { part: count(absent), whole: count(found.len()) })
    }
}

/// So many of so many.
#[derive(Clone, Copy)]
struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    fn of(self, all: u64) -> u64 {
        (all * self.part).checked_div(self.whole).unwrap_or(0)
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
