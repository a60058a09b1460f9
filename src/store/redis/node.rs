//! One server: a connection that is made when it is first needed, and made anew when it breaks or
//! falls silent.

use super::fault::{Failure, Fault};
use super::inspect::Info;
use super::request::Request;
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, FromRedisValue, ProtocolVersion,
    RedisResult,
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as Turn;
use tokio::time::{sleep, timeout};

/// How long one reply may take.
const REPLY_WITHIN: Duration = Duration::from_millis(300);
/// How long a connection may take, its second attempt included.
const CONNECT_WITHIN: Duration = Duration::from_millis(400);
/// How long to wait before the second attempt: a restarting server refuses for a moment.
const SECOND_ATTEMPT_AFTER: Duration = Duration::from_millis(50);
/// How long a server that did not answer is left alone; then one request tries again.
const LEFT_ALONE_FOR: Duration = Duration::from_millis(200);
/// How many requests may wait to be written.
const QUEUE: usize = 1024;

/// A connection to one server, shared by all who ask.
///
/// Not the crate's `ConnectionManager`: that one keeps a connection on which requests time out, so
/// a server that vanished without a word (a failover, a firewall) would stay away for minutes.
pub(super) struct Node {
    client: Client,
    config: AsyncConnectionConfig,
    /// Who connects; the others wait for the outcome.
    connecting: Turn<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often it was tried to connect.
    attempts: u64,
    /// Why the last attempt failed, if it did.
    failure: Option<Fault>,
    live: Option<Live>,
    /// Until when a server is left alone that did not answer.
    silent: Option<Instant>,
}

impl State {
    /// Why an attempt failed that somebody else has made meanwhile.
    fn failure_since(&self, attempts: u64) -> Option<Fault> {
        (self.attempts != attempts).then(|| self.failure.clone()).flatten()
    }
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    serial: u64,
}

impl Node {
    /// A server that is not connected yet.
    pub(super) fn new(info: ConnectionInfo) -> RedisResult<Self> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(REPLY_WITHIN))
            .set_response_timeout(Some(REPLY_WITHIN))
            .set_pipeline_buffer_size(QUEUE);
        let (connecting, state) = (Turn::default(), Mutex::default());
        Ok(Self { client: Client::open(info)?, config, connecting, state })
    }

    /// `HOST:PORT`, or the path of a socket.
    pub(super) fn place(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// The number of the database.
    pub(super) fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }

    /// Its host; empty for a socket.
    pub(super) fn host(&self) -> String {
        match self.client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
            _ => String::new(),
        }
    }

    /// Asks once.
    pub(super) async fn ask<T: FromRedisValue>(&self, request: &Request<'_>) -> Result<T, Failure> {
        self.attempt(request, false).await.map_err(|fault| fault.in_place(&self.place()))
    }

    /// Asks, and asks once more if the connection turns out to be broken: for what may safely
    /// happen twice.
    pub(super) async fn ask_again<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, Failure> {
        match self.ask(request).await {
            Err(Failure { fault: Fault::Lost(_), .. }) => self.ask(request).await,
            answer => answer,
        }
    }

    /// Asks once for what is in a slot that is on its way to this server.
    pub(super) async fn ask_as_exception<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, Failure> {
        self.attempt(request, true).await.map_err(|fault| fault.in_place(&self.place()))
    }

    /// A connection for one caller alone, who hears what the server says unasked.
    pub(super) async fn connect_apart(
        &self,
        hear: impl AsyncPushSender,
    ) -> Result<MultiplexedConnection, Fault> {
        let info = self.client.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(REPLY_WITHIN))
            .set_response_timeout(None)
            .set_push_sender(hear);
        Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    async fn attempt<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        is_asking: bool,
    ) -> Result<T, Fault> {
        let mut live = self.live().await?;
        let answer = request.send(&mut live.connection, is_asking).await.map_err(Fault::from);
        if answer.as_ref().is_err_and(Fault::ends_connection) {
            self.state().live.take_if(|current| current.serial == live.serial);
        }
        answer
    }

    /// The connection. One caller makes it while the others wait, and its failure is theirs too:
    /// if each tried for itself, the last of many would wait for a long time. Nobody else waits for
    /// a server that fell silent.
    async fn live(&self) -> Result<Live, Fault> {
        let attempts = self.state().attempts;
        let _turn = match self.known(Instant::now()) {
            Known::Live(live) => return Ok(live),
            Known::Nothing => self.connecting.lock().await,
            Known::Silent => return Err(Fault::Silent),
            Known::WasSilent => self.connecting.try_lock().map_err(|_| Fault::Silent)?,
        };
        if let Known::Live(live) = self.known(Instant::now()) {
            return Ok(live);
        }
        if let Some(failure) = self.state().failure_since(attempts) {
            return Err(failure);
        }
        let outcome = self.connect().await;
        let mut state = self.state();
        state.attempts += 1;
        state.silent =
            matches!(outcome, Err(Fault::Silent)).then(|| Instant::now() + LEFT_ALONE_FOR);
        state.failure = outcome.as_ref().err().cloned();
        let live = Live { connection: outcome?, serial: state.attempts };
        state.live = Some(live.clone());
        Ok(live)
    }

    fn known(&self, now: Instant) -> Known {
        let state = self.state();
        match (&state.live, state.silent) {
            (Some(live), _) => Known::Live(live.clone()),
            (None, Some(until)) if now < until => Known::Silent,
            (None, Some(_)) => Known::WasSilent,
            (None, None) => Known::Nothing,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Fault> {
        let connection = timeout(CONNECT_WITHIN, async {
            match self.connect_once().await {
                Err(Fault::Lost(_)) => {
                    sleep(SECOND_ATTEMPT_AFTER).await;
                    self.connect_once().await
                }
                result => result,
            }
        });
        connection.await.unwrap_or(Err(Fault::Silent))
    }

    /// Connects, and refuses a server that is too old before it is asked anything else.
    async fn connect_once(&self) -> Result<MultiplexedConnection, Fault> {
        let mut connection =
            self.client.get_multiplexed_async_connection_with_config(&self.config).await?;
        let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
        Info::parse(&info).refuse_old()?;
        Ok(connection)
    }
}

/// What is known of a connection before anything is tried.
enum Known {
    Live(Live),
    Nothing,
    /// It fell silent a moment ago.
    Silent,
    /// It fell silent some time ago.
    WasSilent,
}
