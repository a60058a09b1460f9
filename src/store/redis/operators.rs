//! Whether there is someone who may sign in at the console. That nobody is there is believed of the
//! users' records alone.

use super::indexes::number;
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::UserId;
use crate::store::StoreError;
use redis::{Cmd, pipe};

/// How many users are looked at in one go.
const CHUNK: usize = 500;

/// Whether they are staff, and whether they may log in, as it is written.
type Flags = (Option<String>, Option<String>);

/// What a record says of a user.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Rank {
    Operator,
    Other,
    /// It may be an operator's.
    Unreadable,
}

impl RedisStore {
    /// The index tells of one quickly, as a rule. If it does not, all users are gone through.
    pub(super) async fn find_operator(&self, beside: Option<UserId>) -> Result<bool, StoreError> {
        let most = isize::try_from(CHUNK).unwrap_or(isize::MAX);
        let first: Vec<String> =
            self.link.ask(Request::Command(&Cmd::zrange(keys::STAFF, 0, most))).await?;
        let mut ids: Vec<_> = first.iter().map(|member| number(member)).collect();
        let (mut after, mut is_told) = (None, true);
        loop {
            ids.retain(|id| Some(*id) != beside);
            match self.best(&ids).await? {
                Rank::Operator => return Ok(true),
                Rank::Other => {}
                Rank::Unreadable => is_told = false,
            }
            ids = self.indexed_after(after, CHUNK).await?;
            match ids.last().copied() {
                Some(last) if after.is_none_or(|after| last > after) => after = Some(last),
                _ if is_told => return Ok(false),
                _ => {
                    let problem = "nobody can tell whether it is an operator's".to_owned();
                    return Err(StoreError::Corrupt { what: "user", problem });
                }
            }
        }
    }

    /// Whether there is an operator among some users, or else one who may be.
    async fn best(&self, ids: &[UserId]) -> Result<Rank, StoreError> {
        let mut best = Rank::Other;
        for (id, rank) in ids.iter().zip(self.ranks(ids).await?) {
            let rank = if rank == Rank::Operator { self.looked_into(*id).await? } else { rank };
            match rank {
                Rank::Operator => return Ok(rank),
                Rank::Other => {}
                Rank::Unreadable => best = rank,
            }
        }
        Ok(best)
    }

    async fn ranks(&self, ids: &[UserId]) -> Result<Vec<Rank>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut read = pipe();
        for id in ids {
            read.hmget(keys::user(*id), &["is_staff", "is_active"]);
        }
        match self.link.ask::<Vec<Flags>>(Request::Batch(&read)).await {
            Ok(flags) => return Ok(flags.into_iter().map(rank).collect()),
            // One of them is nonsense, and must not hide the others.
            Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut ranks = Vec::with_capacity(ids.len());
        for id in ids {
            let mut read = redis::cmd("HMGET");
            read.arg(keys::user(*id)).arg("is_staff").arg("is_active");
            ranks.push(match self.link.ask(Request::Command(&read)).await {
                Err(StoreError::Corrupt { .. }) => Rank::Unreadable,
                flags => rank(flags?),
            });
        }
        Ok(ranks)
    }

    /// Who does not own their name is nobody: an insertion stopped half-way.
    async fn looked_into(&self, id: UserId) -> Result<Rank, StoreError> {
        match self.named_users(&[id]).await {
            Ok(users) => Ok(match users.first() {
                Some(user) if !user.username.is_sound() => Rank::Unreadable,
                Some(user) if user.is_active && user.is_staff => Rank::Operator,
                _ => Rank::Other,
            }),
            Err(StoreError::Corrupt { .. }) => Ok(Rank::Unreadable),
            Err(error) => Err(error),
        }
    }
}

fn rank((is_staff, is_active): Flags) -> Rank {
    match (is_staff.as_deref(), is_active.as_deref()) {
        // Nobody at all has neither.
        (None, None) | (Some("0"), _) | (_, Some("0")) => Rank::Other,
        (Some("1"), Some("1")) => Rank::Operator,
        _ => Rank::Unreadable,
    }
}
