//! A connection that is made when it is first needed, and made anew when it breaks or falls silent.

use super::fault::Fault;
use super::inspect::Info;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as Turn;
use tokio::time::{sleep, timeout};

/// How long one reply may take.
pub(super) const REPLY_WITHIN: Duration = Duration::from_millis(300);
/// How long a connection may take, its second attempt included.
const CONNECT_WITHIN: Duration = Duration::from_millis(400);
/// How long to wait before the second attempt: a restarting server refuses for a moment.
const SECOND_ATTEMPT_AFTER: Duration = Duration::from_millis(50);
/// How many requests may wait to be written.
const QUEUE: usize = 1024;

/// A connection to one server, shared by all who ask.
///
/// Not the crate's `ConnectionManager`: that one keeps a connection on which requests time out, so
/// a server that vanished without a word (a failover, a firewall) would stay away for minutes.
pub(super) struct Connection {
    /// Who connects; the others wait for the outcome.
    connecting: Turn<()>,
    /// How long a reply may take.
    reply_within: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often it was tried to connect.
    attempts: u64,
    /// Why the last attempt failed, if it did.
    failure: Option<Fault>,
    live: Option<Live>,
}

impl State {
    /// Why an attempt failed that somebody else has made meanwhile.
    fn failure_since(&self, attempts: u64) -> Option<Fault> {
        (self.attempts != attempts).then(|| self.failure.clone()).flatten()
    }
}

#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: MultiplexedConnection,
    serial: u64,
}

impl Connection {
    /// A connection that is not made yet.
    pub(super) fn new(reply_within: Duration) -> Self {
        Self { connecting: Turn::default(), reply_within, state: Mutex::default() }
    }

    /// Has the connection made anew for the next who ask: this one is of no more use.
    pub(super) fn forget(&self, live: &Live) {
        self.state().live.take_if(|current| current.serial == live.serial);
    }

    /// The connection. One caller makes it while the others wait, and its failure is theirs too:
    /// if each tried for itself, the last of many would wait for a long time.
    pub(super) async fn live(&self, client: &Client) -> Result<Live, Fault> {
        let attempts = self.state().attempts;
        if let Some(live) = self.known() {
            return Ok(live);
        }
        let _turn = self.connecting.lock().await;
        if let Some(live) = self.known() {
            return Ok(live);
        }
        if let Some(failure) = self.state().failure_since(attempts) {
            return Err(failure);
        }
        let outcome = connect(client, self.reply_within).await;
        let mut state = self.state();
        state.attempts += 1;
        state.failure = outcome.as_ref().err().cloned();
        let live = Live { connection: outcome?, serial: state.attempts };
        state.live = Some(live.clone());
        Ok(live)
    }

    fn known(&self) -> Option<Live> {
        self.state().live.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(client: &Client, reply_within: Duration) -> Result<MultiplexedConnection, Fault> {
    let connection = timeout(CONNECT_WITHIN, async {
        match connect_once(client, reply_within).await {
            Err(Fault::Lost(_)) => {
                sleep(SECOND_ATTEMPT_AFTER).await;
                connect_once(client, reply_within).await
            }
            result => result,
        }
    });
    connection.await.unwrap_or(Err(Fault::Silent))
}

/// Connects, and refuses a server that is too old before it is asked anything else.
async fn connect_once(
    client: &Client,
    reply_within: Duration,
) -> Result<MultiplexedConnection, Fault> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(REPLY_WITHIN))
        .set_response_timeout(Some(reply_within))
        .set_pipeline_buffer_size(QUEUE);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    Info::parse(&info).refuse_old()?;
    Ok(connection)
}
