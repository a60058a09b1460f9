//! Putting all that a store keeps into another one, while gateways use the first, and carrying over what
//! they change until they use the second.

use super::{RestoreTerms, WholeStore};
use crate::clock::{Clock, SystemClock};
use crate::store::follow::{Carried, Follower, Listening};
use crate::store::whole::{Progress, Restored, Saved, Stop, Turn};
use crate::store::{Doing, Settings, StoreError};

/// A copy that follows its store.
pub struct Copying {
    clock: SystemClock,
    follower: Follower,
    from: WholeStore,
    to: WholeStore,
    /// Nobody else takes something over into that one meanwhile.
    turn: Turn,
}

/// How much the one and the other have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Copied {
    /// Good tokens.
    pub tokens: [u64; 2],
    /// Users.
    pub users: [u64; 2],
}

impl Copied {
    /// Whether they have as much.
    pub fn is_same(&self) -> bool {
        let [[tokens, others_tokens], [users, others_users]] = [self.tokens, self.users];
        tokens == others_tokens && users == others_users
    }
}

impl Copying {
    /// Copies all that is kept, tokens too. What is changed meanwhile is noted, and carried over by
    /// [`Copying::catch_up`].
    pub async fn begin(
        [from, to]: [&Settings; 2],
        replaces: bool,
        stop: Stop,
        progress: Progress<'_>,
    ) -> Result<(Self, Saved, Restored), StoreError> {
        let (one, other) = (WholeStore::of(from)?, WholeStore::of(to)?);
        if one.is_same(&other).await? {
            return Err(StoreError::Unsuitable("a store cannot be copied to itself".to_owned()));
        }
        let turn = other.take_turn(Doing::Copy).await?;
        let way = one.way_to(&other)?;
        let listening = Listening::to(from).await?;
        let saved = one.save(way.path().to_owned(), true, stop, progress).await?;
        let terms = RestoreTerms { keeps_tokens: true, replaces };
        let restoring = other.restore_in_turn(way.path().to_owned(), terms, progress);
        let restored = turn.doing(Box::pin(restoring)).await?;
        let follower = Follower::new(listening, way, to)?;
        Ok((Self { clock: SystemClock, follower, from: one, to: other, turn }, saved, restored))
    }

    /// Returns once all that was changed by now is known, and will be carried over.
    pub async fn settle(&self) {
        self.follower.settle().await;
    }

    /// Carries over what has changed since it was copied, or since this was done last.
    pub async fn catch_up(&mut self) -> Result<Carried, StoreError> {
        self.turn.doing(Box::pin(self.follower.catch_up(self.clock.now()))).await
    }

    /// Sees to it that the other store gives no number to a user that the one may give yet.
    pub async fn keep_ahead(&mut self) -> Result<(), StoreError> {
        self.follower.keep_ahead().await
    }

    /// Carries over what is left, and compares how much the two have.
    pub async fn finish(&mut self) -> Result<Copied, StoreError> {
        self.turn.doing(Box::pin(self.follower.finish(self.clock.now()))).await?;
        let (one, other) = (self.from.stats().await?, self.to.stats().await?);
        let tokens = [one.good_tokens, other.good_tokens];
        Ok(Copied { tokens, users: [one.users, other.users] })
    }
}
