//! The numbers of users who were deleted here. They are in small sets of small numbers, of which each takes
//! two or three bytes as a rule: deletions may be many, and stay.

use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::UserId;
use crate::store::StoreError;
use redis::{Cmd, pipe};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How many numbers share a set: as many as Redis keeps closely packed unless it is told otherwise.
const IN_A_SET: u64 = 512;
/// How many numbers or sets are written or read at once.
const CHUNK: usize = 500;

/// The key of the set in which a number is.
pub(super) fn key(id: UserId) -> String {
    keys::deleted(id.0 / IN_A_SET)
}

/// What stands for a number in its set.
pub(super) fn member(id: UserId) -> u64 {
    id.0 % IN_A_SET
}

/// The numbers of which these are the key and the members of a set; `None` if they are none.
pub(super) fn numbers(key: &str, members: &[Vec<u8>]) -> Option<Vec<UserId>> {
    let first = keys::numbered(key)?.0.checked_mul(IN_A_SET)?;
    let number = |member: &Vec<u8>| {
        let member: u64 = std::str::from_utf8(member).ok()?.parse().ok()?;
        (member < IN_A_SET).then_some(UserId(first.checked_add(member)?))
    };
    members.iter().map(number).collect()
}

impl RedisStore {
    /// Those of the numbers that are of somebody who was deleted. Asked after it was looked whether they are
    /// there: each is noted before they are gone.
    pub(super) async fn deleted_of(
        &self,
        ids: impl Iterator<Item = UserId>,
    ) -> Result<HashSet<UserId>, StoreError> {
        let ids: BTreeSet<_> = ids.collect();
        let sets: BTreeSet<_> = ids.iter().map(|id| key(*id)).collect();
        let mut found = HashSet::new();
        for (_, members) in self.read_deleted(&sets.into_iter().collect::<Vec<_>>()).await? {
            found.extend(members.unwrap_or_default());
        }
        Ok(found.into_iter().filter(|id| ids.contains(id)).collect())
    }

    /// What is in each of the sets; `None` where that cannot be read.
    pub(super) async fn read_deleted(
        &self,
        sets: &[String],
    ) -> Result<Vec<(String, Option<Vec<UserId>>)>, StoreError> {
        let reads: Vec<_> = sets.iter().map(|key| Cmd::smembers(key.as_str())).collect();
        let found: Vec<Option<Vec<Vec<u8>>>> = self.each_readable(&reads).await?;
        let read = |(key, members): (&String, Option<Vec<Vec<u8>>>)| {
            (key.clone(), members.and_then(|members| numbers(key, &members)))
        };
        Ok(sets.iter().zip(found).map(read).collect())
    }

    /// All of them, in their order.
    pub(in crate::store) async fn all_deleted(&self) -> Result<Vec<UserId>, StoreError> {
        let mut found = BTreeSet::new();
        let mut pages = self.pages(&format!("{}*", keys::DELETED_PREFIX)).await?;
        while let Some(page) = pages.next().await? {
            for (key, numbers) in self.read_deleted(&page).await? {
                let Some(numbers) = numbers else {
                    tracing::warn!(key, "the numbers of deleted users cannot be read");
                    continue;
                };
                found.extend(numbers);
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Notes that users were deleted.
    pub(in crate::store) async fn note_deleted(&self, ids: &[UserId]) -> Result<(), StoreError> {
        for chunk in ids.chunks(CHUNK) {
            let mut note = pipe();
            for (key, members) in by_set(chunk) {
                note.sadd(key, members).ignore();
            }
            self.link.end::<()>(Request::Batch(&note), true).await?;
        }
        Ok(())
    }

    /// Has users be no deleted ones any more.
    pub(super) async fn forget_deleted(&self, ids: &[UserId]) -> Result<(), StoreError> {
        for chunk in ids.chunks(CHUNK) {
            let mut forget = pipe();
            for (key, members) in by_set(chunk) {
                forget.srem(key, members).ignore();
            }
            self.link.ask::<()>(Request::Batch(&forget)).await?;
        }
        Ok(())
    }
}

fn by_set(ids: &[UserId]) -> BTreeMap<String, Vec<u64>> {
    let mut sets = BTreeMap::<_, Vec<_>>::new();
    for id in ids {
        sets.entry(key(*id)).or_default().push(member(*id));
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reads_back_from_its_set() {
        for number in [1, 511, 512, 77_777, 1 << 52, u64::MAX] {
            let id = UserId(number);
            let members = [member(id).to_string().into_bytes()];
            assert_eq!(numbers(&key(id), &members), Some(vec![id]));
        }
        for (key, member) in [
            ("authgate:deleted:{0}", "512"),
            ("authgate:deleted:{0}", "x"),
            ("authgate:deleted:{x}", "1"),
            ("authgate:deleted:{18446744073709551615}", "1"),
        ] {
            assert_eq!(numbers(key, &[member.as_bytes().to_vec()]), None, "{key} {member}");
        }
    }
}
