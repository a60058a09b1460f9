//! What is done to tokens beside the requests that use them.

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use std::collections::HashSet;
use std::error::Error;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// What is to be done.
pub(super) struct Orders<T> {
    incoming: tokio::sync::Mutex<mpsc::Receiver<T>>,
    queue: mpsc::Sender<T>,
    /// Those in the queue or being carried out: each is there once, however often it is wanted.
    waiting: Mutex<HashSet<T>>,
}

impl<T: Clone + Eq + Hash> Orders<T> {
    /// How many may wait. One that finds no place is wanted again at the token's next use.
    const QUEUE: usize = 4096;
    /// How long what could not be done is left alone.
    const PAUSE: Duration = Duration::from_secs(1);

    pub(super) fn new() -> Self {
        let (queue, incoming) = mpsc::channel(Self::QUEUE);
        Self { incoming: incoming.into(), queue, waiting: Mutex::default() }
    }

    pub(super) fn add(&self, order: T) {
        let mut waiting = self.waiting();
        if !waiting.contains(&order) && self.queue.try_send(order.clone()).is_ok() {
            waiting.insert(order);
        }
    }

    /// Carries them out as they come, so many at a time. Runs until it is dropped.
    ///
    /// The first of several failures in a row is told in these words. What an order is about is as
    /// good as it was, and is tried again later.
    pub(super) async fn carry_out<E: Error + 'static, F: Future<Output = Result<(), E>>>(
        &self,
        at_once: usize,
        failure: &str,
        work: impl Fn(T) -> F,
    ) {
        let mut incoming = self.incoming.lock().await;
        let orders = poll_fn(|context| incoming.poll_recv(context));
        let (fails, work) = (&AtomicBool::new(false), &work);
        let carry_out = |order: T| async move {
            let outcome = work(order.clone()).await;
            let failed_before = fails.swap(outcome.is_err(), Ordering::Relaxed);
            if let Err(error) = outcome {
                if !failed_before {
                    tracing::warn!(error = &error as &dyn Error, "{failure}");
                }
                sleep(Self::PAUSE).await;
            }
            self.waiting().remove(&order);
        };
        orders.for_each_concurrent(at_once, carry_out).await;
    }

    fn waiting(&self) -> MutexGuard<'_, HashSet<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
