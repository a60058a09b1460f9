//! One read for all who ask the same at the same time.

use super::cache::Count;
use super::facts::Facts;
use crate::model::token::TokenDigest;
use crate::store::StoreError;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a read of a token comes to.
pub(super) type Outcome = Result<Option<Facts>, StoreError>;

type Reading = BoxFuture<'static, Outcome>;

/// The reads that are under way.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<TokenDigest, Flight>>);

struct Flight {
    reading: WeakShared<Reading>,
    /// When it began, on the count of changes.
    started: Count,
}

impl Flights {
    /// Joins the read of that token, or begins it.
    ///
    /// A read that began before the last change is not joined: it may know nothing of the change,
    /// which was over before this caller asked.
    pub(super) async fn join(
        &self,
        digest: TokenDigest,
        count: Count,
        read: impl FnOnce() -> Reading,
    ) -> Outcome {
        let (reading, _landing) = self.board(digest, count, read);
        reading.await
    }

    fn board(
        &self,
        digest: TokenDigest,
        count: Count,
        read: impl FnOnce() -> Reading,
    ) -> (Shared<Reading>, Option<Landing<'_>>) {
        let mut flights = self.lock();
        let under_way = flights.get(&digest).filter(|flight| flight.started == count);
        if let Some(reading) = under_way.and_then(|flight| flight.reading.upgrade()) {
            return (reading, None);
        }
        let reading = read().shared();
        if let Some(weak) = reading.downgrade() {
            flights.insert(digest, Flight { reading: weak, started: count });
        }
        (reading, Some(Landing { digest, flights: self }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenDigest, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Strikes a read off the list once the caller who began it is gone. Should others still be waiting
/// for it, whoever comes now begins another: no harm, only one read more.
struct Landing<'a> {
    digest: TokenDigest,
    flights: &'a Flights,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::token::Token;
    use futures_util::future::join_all;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    async fn ask(flights: &Flights, count: u64, reads: &Arc<AtomicUsize>) -> Outcome {
        let digest = Token::new("a".to_owned()).digest();
        let reads = Arc::clone(reads);
        let read = || {
            let read = async move {
                tokio::task::yield_now().await;
                reads.fetch_add(1, Ordering::SeqCst);
                Err(StoreError::unavailable("away"))
            };
            read.boxed()
        };
        flights.join(digest, Count(count), read).await
    }

    #[tokio::test]
    async fn a_thousand_who_ask_at_once_cost_one_read_and_share_its_outcome() {
        let (flights, reads) = (Flights::default(), Arc::default());
        let outcomes = join_all((0..1000).map(|_| ask(&flights, 0, &reads))).await;
        assert_eq!(reads.load(Ordering::SeqCst), 1);
        assert!(outcomes.iter().all(Result::is_err));
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn whoever_asks_after_a_change_does_not_join_a_read_from_before_it() {
        let (flights, reads) = (Flights::default(), Arc::default());
        let _ = join_all([ask(&flights, 0, &reads), ask(&flights, 1, &reads)]).await;
        assert_eq!(reads.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_read_goes_on_when_the_caller_who_began_it_leaves() {
        let (flights, reads) = (Flights::default(), Arc::default());
        let mut first = Box::pin(ask(&flights, 0, &reads));
        let second = Box::pin(ask(&flights, 0, &reads));
        assert!(futures_util::poll!(&mut first).is_pending());
        let both = async {
            drop(first);
            second.await
        };
        assert!(both.await.is_err());
        assert_eq!(reads.load(Ordering::SeqCst), 1);
    }
}
