//! A connection that is made when it is first needed, and made anew when it breaks or falls silent.

use super::connecting::{Attempt, News, Terms};
use super::fault::Fault;
use redis::Client;
use redis::aio::MultiplexedConnection;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long one reply may take.
pub(super) const REPLY_WITHIN: Duration = Duration::from_millis(300);

/// A connection to one server, shared by all who ask.
///
/// Connecting goes on beside those who ask for it, in one task for all of them: it is not given up
/// with whoever asked first. While the server is silent this is the breaker of its circuit: nobody
/// waits for long, and the attempts that go on close it as soon as one of them is answered.
///
/// Not the crate's `ConnectionManager`: that one keeps a connection on which requests time out, so
/// a server that vanished without a word (a failover, a firewall) would stay away for minutes.
pub(super) struct Connection {
    state: Arc<Mutex<State>>,
    terms: Terms,
}

/// What is known of a connection. Ends the task that connects when it is dropped.
#[derive(Default)]
pub(super) struct State {
    attempt: Option<Attempt>,
    live: Option<Live>,
    serial: u64,
    tasks: JoinSet<()>,
}

/// A connection that is made.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: MultiplexedConnection,
    /// When something came on it last, in milliseconds since it was made.
    heard: Arc<AtomicU64>,
    made: Instant,
    serial: u64,
}

impl Live {
    fn new(connection: MultiplexedConnection, serial: u64) -> Self {
        Self { connection, heard: Arc::default(), made: Instant::now(), serial }
    }

    /// Notes that the server has said something on it.
    pub(super) fn hears(&self) {
        let now = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.fetch_max(now, Ordering::Relaxed);
    }

    /// Whether it is known to have ended, so that nothing more is sent on it. Does not wait for the
    /// server.
    pub(super) async fn has_ended(mut self) -> bool {
        let mut ping = redis::cmd("PING");
        ping.set_no_response(true);
        ping.query_async::<()>(&mut self.connection).await.is_err()
    }

    fn is_silent_since(&self, moment: Instant) -> bool {
        self.made + Duration::from_millis(self.heard.load(Ordering::Relaxed)) < moment
    }
}

impl Connection {
    /// A connection that is not made yet.
    pub(super) fn new(terms: Terms) -> Self {
        Self { state: Arc::default(), terms }
    }

    /// Has the connection made anew for the next who ask: this one is of no more use.
    pub(super) fn forget(&self, live: &Live) {
        lock(&self.state).live.take_if(|current| current.serial == live.serial);
    }

    /// Has the connection made anew if nothing was heard on it since that moment. A server that answers
    /// others is merely busy.
    pub(super) fn doubt(&self, since: Instant) {
        lock(&self.state).live.take_if(|live| live.is_silent_since(since));
    }

    /// The same, for whoever has asked on this one; says whether another is worth a try.
    pub(super) fn doubt_this(&self, asked: &Live, since: Instant) -> bool {
        let mut state = lock(&self.state);
        let is_silent =
            |live: &mut Live| live.serial == asked.serial && live.is_silent_since(since);
        state.live.take_if(is_silent);
        state.live.as_ref().is_none_or(|live| live.serial != asked.serial)
    }

    /// Whether those who ask are refused, because the server is silent.
    pub(super) fn is_open_circuit(&self) -> bool {
        lock(&self.state).attempt.as_ref().is_some_and(Attempt::is_silent)
    }

    /// The connection. One task makes it while those who ask wait, and its failure is theirs too: if
    /// each tried for itself, the last of many would wait for a long time.
    pub(super) async fn live(&self, client: &Client) -> Result<Live, Fault> {
        // Once more where the runtime is gone on which it was tried.
        for _ in 0..2 {
            let attempt = {
                let mut state = lock(&self.state);
                if let Some(live) = &state.live {
                    return Ok(live.clone());
                }
                self.join(&mut state, client)
            };
            if let Some(outcome) = attempt.outcome().await {
                return outcome;
            }
        }
        Err(Fault::Lost("it was not tried to the end to connect".to_owned()))
    }

    /// Joins the attempt that is under way, or begins one.
    fn join(&self, state: &mut State, client: &Client) -> Attempt {
        let now = Instant::now();
        if let Some(attempt) = state.attempt.as_ref().filter(|attempt| attempt.goes_on()) {
            attempt.is_asked_for(now);
            return attempt.clone();
        }
        // What is over is let go of.
        while state.tasks.try_join_next().is_some() {}
        let (attempt, work) = Attempt::new(now);
        state.attempt = Some(attempt.clone());
        let (client, terms) = (client.clone(), self.terms);
        // The state owns the task, which must not own the state.
        let place = Arc::downgrade(&self.state);
        state.tasks.spawn(async move {
            let outcome = work.until_connected(&client, terms).await;
            let Some(place) = place.upgrade() else { return };
            let mut state = lock(&place);
            let outcome = outcome.map(|connection| state.found(connection));
            work.tell(News::Over(outcome));
            // Those who wait have it. Kept, it would keep a connection that is of no more use.
            state.attempt = None;
        });
        attempt
    }
}

impl State {
    fn found(&mut self, connection: MultiplexedConnection) -> Live {
        self.serial += 1;
        let live = Live::new(connection, self.serial);
        self.live = Some(live.clone());
        live
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
