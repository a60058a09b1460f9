//! Following a store with a copy of it: what those who use the one change, the other gets.
//!
//! Beside the two there is a mirror: what the one had when it was looked at last. What differs from it was
//! changed since, and nothing but that is changed in the other: whatever gateways do there already stays.

mod delta;
mod news;
mod source;
mod target;

pub(super) use self::delta::Delta;

use self::source::Source;
use self::target::Target;
use super::sqlite::archive::Archive;
use super::{Item, Settings, StoreError, Temporary};
use crate::clock::Timestamp;

/// A store whose changes are noted.
pub struct Listening(Source);

/// A store, and its copy that follows it.
pub struct Follower {
    from: Source,
    items: Vec<Item>,
    mirror: Archive,
    to: Target,
    /// Where the mirror is.
    _way: Temporary,
}

/// What was carried over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Carried {
    /// Items that were changed or have gone.
    pub items: u64,
    /// Users who could not be: they cannot be read, or somebody else has their name there.
    pub left_out: u64,
    /// Tokens that were added or have ended.
    pub tokens: u64,
    /// Users who were added, changed or deleted, or whose tokens were.
    pub users: u64,
}

impl Carried {
    /// Whether there was nothing to carry over.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Listening {
    /// Begins to note what is changed in a store: before it is copied.
    pub async fn to(from: &Settings) -> Result<Self, StoreError> {
        Source::open(from).await.map(Self)
    }
}

impl Follower {
    /// How many numbers of users the other store leaves out: so many may be given in the one until those
    /// who use it use the other.
    const AHEAD: u64 = 1_000;

    /// Follows the store with a copy of what was saved to this file since it was listened to.
    pub fn new(listening: Listening, way: Temporary, to: &Settings) -> Result<Self, StoreError> {
        let mirror = Archive::open_mirror(way.path())?;
        let items = mirror.kept_items()?;
        let Listening(from) = listening;
        if let Source::Sqlite { path, .. } = &from {
            mirror.compare_with(path)?;
        }
        Ok(Self { from, items, mirror, to: Target::open(to)?, _way: way })
    }

    /// Returns once all that was changed by now is known.
    pub async fn settle(&self) {
        self.from.settle().await;
    }

    /// Carries over what has changed since it was copied, or since this was done last.
    pub async fn catch_up(&mut self, now: Timestamp) -> Result<Carried, StoreError> {
        let now = self.from.present(now).await;
        let mut carried = Carried::default();
        let changed = self.from.changed(&self.mirror).await?;
        // Numbers only grow, so whoever had a name before goes before the next who has it.
        for id in &changed {
            let (is, was) = (self.from.portion(*id, now).await, self.mirror.portion_of(*id));
            let outcome = match (is, was) {
                (Ok(is), Ok(was)) => self.carry(was.as_ref(), is.as_ref(), &mut carried).await,
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
            match outcome {
                Ok(()) => {}
                Err(StoreError::Corrupt { .. }) => carried.left_out += 1,
                Err(error) => {
                    self.from.look_again(&changed);
                    return Err(error);
                }
            }
        }
        self.carry_items(now, &mut carried).await?;
        Ok(carried)
    }

    /// Sees to it that the other store gives no number to a user that the one may give yet.
    pub async fn keep_ahead(&mut self) -> Result<(), StoreError> {
        let last = self.from.last_number().await?;
        self.to.give_no_number_to(last + Self::AHEAD).await
    }

    /// Does at the end what is done once.
    pub async fn finish(&mut self, now: Timestamp) -> Result<(), StoreError> {
        for some in self.from.deleted().await?.chunks(1_000) {
            self.to.note_deleted(some).await?;
        }
        self.to.tidy(now).await
    }

    async fn carry(
        &mut self,
        was: Option<&super::whole::Portion>,
        is: Option<&super::whole::Portion>,
        carried: &mut Carried,
    ) -> Result<(), StoreError> {
        match (was, is) {
            (None, None) => return Ok(()),
            (Some(was), None) => {
                self.to.delete(was.user.id).await?;
                self.mirror.forget(was.user.id)?;
                carried.users += 1;
            }
            (was, Some(is)) => {
                let delta = Delta::between(was, is);
                if !delta.is_nothing() {
                    let is_done = self.to.apply(&delta).await?;
                    carried.users += 1;
                    carried.tokens += delta.tokens();
                    carried.left_out += u64::from(!is_done);
                }
                self.mirror.add(std::slice::from_ref(is))?;
            }
        }
        Ok(())
    }

    async fn carry_items(
        &mut self,
        now: Timestamp,
        carried: &mut Carried,
    ) -> Result<(), StoreError> {
        let items = self.from.items(now).await?;
        let same = |one: &Item, other: &Item| one.kind == other.kind && one.key == other.key;
        for gone in self.items.iter().filter(|old| !items.iter().any(|item| same(item, old))) {
            self.to.remove_item(gone).await?;
            carried.items += 1;
        }
        for item in items.iter().filter(|item| !self.items.contains(item)) {
            self.to.put_item(item).await?;
            carried.items += 1;
        }
        self.items = items;
        Ok(())
    }
}
