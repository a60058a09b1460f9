//! The connection: made when it is first needed, made anew when it breaks or falls silent.

use super::fault::Fault;
use super::inspect::Info;
use crate::store::StoreError;
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, ProtocolVersion, RedisResult,
    ScriptInvocation,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// How long one reply may take.
const REPLY_WITHIN: Duration = Duration::from_millis(300);
/// How long a connection may take, its second attempt included.
const CONNECT_WITHIN: Duration = Duration::from_millis(400);
/// How long one request may take with all that it needs.
const ANSWER_WITHIN: Duration = Duration::from_millis(700);
/// How long to wait before the second attempt: a restarting server refuses for a moment.
const SECOND_ATTEMPT_AFTER: Duration = Duration::from_millis(50);
/// How many requests may wait to be written.
const QUEUE: usize = 1024;

/// Something to ask of the server in one go.
pub(super) enum Request<'a> {
    Batch(&'a Pipeline),
    Command(&'a Cmd),
    Script(&'a ScriptInvocation<'a>),
}

impl Request<'_> {
    async fn send<T: FromRedisValue>(&self, to: &mut MultiplexedConnection) -> RedisResult<T> {
        match self {
            Self::Batch(pipeline) => pipeline.query_async(to).await,
            Self::Command(command) => command.query_async(to).await,
            Self::Script(script) => script.invoke_async(to).await,
        }
    }
}

/// A connection to one server, shared by all who ask.
///
/// Not the crate's `ConnectionManager`: that one keeps a connection on which requests time out, so
/// a server that vanished without a word (a failover, a firewall) would stay away for minutes.
pub(super) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    failures: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_failure: Option<Fault>,
    live: Option<Live>,
    serial: u64,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    serial: u64,
}

impl Link {
    /// A link that is not connected yet.
    pub(super) fn new(client: Client) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(REPLY_WITHIN))
            .set_response_timeout(Some(REPLY_WITHIN))
            .set_pipeline_buffer_size(QUEUE);
        Self { client, config, failures: AtomicU64::new(0), state: Mutex::default() }
    }

    /// `HOST:PORT`, or the path of a socket.
    pub(super) fn place(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// The number of the database.
    pub(super) fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }

    /// Asks, and asks once more if the connection turns out to be broken: for what may safely
    /// happen twice.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        request: Request<'_>,
    ) -> Result<T, StoreError> {
        self.in_time(async {
            match self.attempt(&request).await {
                Err(Fault::Lost(_)) => self.attempt(&request).await,
                answer => answer,
            }
        })
        .await
    }

    /// Asks once: for what would give another answer the second time.
    pub(super) async fn ask_once<T: FromRedisValue>(
        &self,
        request: Request<'_>,
    ) -> Result<T, StoreError> {
        self.in_time(self.attempt(&request)).await
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

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        let answer = timeout(ANSWER_WITHIN, answer).await.unwrap_or(Err(Fault::Silent));
        answer.map_err(|fault| fault.at(&self.place()))
    }

    async fn attempt<T: FromRedisValue>(&self, request: &Request<'_>) -> Result<T, Fault> {
        let mut live = self.live().await?;
        let answer = request.send(&mut live.connection).await.map_err(Fault::from);
        if answer.as_ref().is_err_and(Fault::ends_connection) {
            self.forget(live.serial).await;
        }
        answer
    }

    /// The connection. One caller makes it while the others wait, and its failure is theirs too:
    /// if each tried for itself, the last of many would wait for a long time.
    async fn live(&self) -> Result<Live, Fault> {
        let failures_before = self.failures.load(Ordering::SeqCst);
        let mut state = self.state.lock().await;
        if let Some(live) = &state.live {
            return Ok(live.clone());
        }
        if self.failures.load(Ordering::SeqCst) != failures_before
            && let Some(failure) = &state.last_failure
        {
            return Err(failure.clone());
        }
        match self.connect().await {
            Ok(connection) => {
                state.serial += 1;
                let live = Live { connection, serial: state.serial };
                state.live = Some(live.clone());
                Ok(live)
            }
            Err(failure) => {
                state.last_failure = Some(failure.clone());
                self.failures.fetch_add(1, Ordering::SeqCst);
                Err(failure)
            }
        }
    }

    async fn forget(&self, serial: u64) {
        let mut state = self.state.lock().await;
        state.live.take_if(|live| live.serial == serial);
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
