//! What there was before a backup is brought back. It is written down before anything is taken away:
//! whoever is stopped in between, and begun again, still knows whose tokens had ended.

use super::patience::patiently;
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::UserId;
use crate::store::StoreError;
use redis::{Cmd, pipe};
use std::collections::HashMap;

/// How many users are read and written at once.
const CHUNK: usize = 200;

/// What there was of each user: their epoch, and whether they were let in.
pub(super) type Before = HashMap<UserId, (u64, bool)>;

/// How far bringing back a backup has come that has not come to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Restoring {
    /// All that was there is there.
    Begun,
    /// What there was of users is written down. The users themselves may be gone.
    Noted,
    /// Nobody knows.
    Unknown,
}

impl Restoring {
    const BEGUN: &str = "begun";
    const NOTED: &str = "noted";

    /// What the mark says.
    pub(super) fn read(mark: &[u8]) -> Self {
        match mark {
            mark if mark == Self::BEGUN.as_bytes() => Self::Begun,
            mark if mark == Self::NOTED.as_bytes() => Self::Noted,
            _ => Self::Unknown,
        }
    }

    /// Whether some of what was there may be gone.
    pub(super) fn may_have_cleared(self) -> bool {
        match self {
            Self::Begun => false,
            Self::Noted | Self::Unknown => true,
        }
    }
}

impl RedisStore {
    /// Says that a backup is being brought back.
    pub(super) async fn mark_begun(&self) -> Result<(), StoreError> {
        let mark = Cmd::set(keys::RESTORING, Restoring::BEGUN);
        self.link.ask(Request::Command(&mark)).await
    }

    /// Takes that back: nothing was done.
    pub(super) async fn unmark_begun(&self) -> Result<(), StoreError> {
        self.link.ask(Request::Command(&Cmd::del(keys::RESTORING))).await
    }

    /// What there was of users before, or before the first attempt if this is another.
    pub(super) async fn before(&self, earlier: Option<Restoring>) -> Result<Before, StoreError> {
        match earlier {
            Some(Restoring::Noted) => return self.noted_before().await,
            // What is left is not written down as if it were the whole.
            Some(Restoring::Unknown) => return self.epochs().await,
            Some(Restoring::Begun) | None => {}
        }
        let before = self.epochs().await?;
        let all: Vec<_> = before.iter().collect();
        let forget = Cmd::unlink(keys::RESTORING_USERS);
        patiently(async || self.link.ask::<()>(Request::Command(&forget)).await).await?;
        for chunk in all.chunks(CHUNK) {
            let line = |(id, (epoch, is_in)): &(&UserId, &(u64, bool))| {
                (id.0, format!("{epoch} {}", u8::from(*is_in)))
            };
            let lines: Vec<_> = chunk.iter().map(line).collect();
            let note = Cmd::hset_multiple(keys::RESTORING_USERS, &lines);
            patiently(async || self.link.ask::<()>(Request::Command(&note)).await).await?;
        }
        let mark = Cmd::set(keys::RESTORING, Restoring::NOTED);
        patiently(async || self.link.ask::<()>(Request::Command(&mark)).await).await?;
        Ok(before)
    }

    async fn noted_before(&self) -> Result<Before, StoreError> {
        let (mut before, mut cursor) = (Before::new(), 0_u64);
        loop {
            let mut scan = redis::cmd("HSCAN");
            scan.arg(keys::RESTORING_USERS).arg(cursor).arg("COUNT").arg(CHUNK);
            let lines: Vec<(u64, String)>;
            (cursor, lines) =
                patiently(async || self.link.ask(Request::Command(&scan)).await).await?;
            for (id, line) in lines {
                let known = line.split_once(' ').and_then(|(epoch, is_in)| {
                    Some((epoch.parse().ok()?, is_in.parse::<u8>().ok()? == 1))
                });
                let known = known.ok_or_else(|| StoreError::Corrupt {
                    what: "note of what was there before",
                    problem: format!("that of user {id} is not an epoch and a flag"),
                })?;
                before.insert(UserId(id), known);
            }
            if cursor == 0 {
                return Ok(before);
            }
        }
    }

    async fn epochs(&self) -> Result<Before, StoreError> {
        let mut found = Before::new();
        let ids: Vec<_> = self.all_users().await?.into_iter().collect();
        for chunk in ids.chunks(CHUNK) {
            let (users, unreadable) = patiently(async || self.read_users(chunk).await).await?;
            found.extend(users.into_iter().map(|user| (user.id, (user.epoch, user.is_active))));
            // Of others the epoch may be readable, and that is what decides.
            let epochs =
                patiently(async || self.epochs_of(unreadable.iter().copied()).await).await?;
            found.extend(epochs.into_iter().filter_map(|(id, epoch)| Some((id, (epoch?, true)))));
        }
        Ok(found)
    }

    /// Says that what is there is whole. The mark goes before what was noted, which nobody reads then.
    pub(super) async fn mark_whole(&self) -> Result<(), StoreError> {
        let mut mark = pipe();
        mark.set(keys::LAYOUT, super::layout::LAYOUT).ignore();
        mark.del(keys::RESTORING).ignore();
        mark.unlink(keys::RESTORING_USERS).ignore();
        self.link.ask(Request::Batch(&mark)).await
    }
}
