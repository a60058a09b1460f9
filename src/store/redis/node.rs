//! One server.

use super::connecting::Terms;
use super::connection::{Connection, Live, REPLY_WITHIN};
use super::fault::{Failure, Fault};
use super::request::{How, Request};
use futures_util::future::{Either, select};
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, FromRedisValue, ProtocolVersion,
    RedisResult, TlsCertificates,
};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long nothing may be heard before what is read is asked for on another connection.
const HEARD_WITHIN: Duration = Duration::from_millis(200);
/// How long what is read may take then.
const READ_WITHIN: Duration = Duration::from_millis(400);

/// How long replicas may take to have what was written.
const REPLICATED_WITHIN: Duration = Duration::from_millis(200);

/// How long whoever gives up has waited before it is held against the connection.
const GIVEN_UP_AFTER: Duration = Duration::from_millis(50);

/// On how many connections one waits for replicas. They are made when they are needed.
const WAITING: usize = 16;

/// How long a reply may take where others wait for replicas first.
const WAITED_WITHIN: Duration = Duration::from_millis(650);

/// A server, and the connections to it.
pub(super) struct Node {
    client: Client,
    usual: Connection,
    /// Those who wait for replicas have some of their own: nobody else is answered on them meanwhile.
    /// Where no replica is heard of each waits for long, and whoever comes next on it does so, too.
    waiting: [Connection; WAITING],
    /// Which of those has its turn.
    turn: AtomicUsize,
}

impl Node {
    /// A server that is not connected yet.
    ///
    /// One of a cluster is refused unless it is meant to be. By TLS it is trusted if these authorities vouch for it, in PEM; else those of the public web.
    pub(super) fn new(
        info: ConnectionInfo,
        authorities: Option<&[u8]>,
        is_of_cluster: bool,
    ) -> RedisResult<Self> {
        // A connection that is let go of drops what it has not sent: it would come late. And what is
        // sent waits for no answer to what was sent before.
        let tcp = TcpSettings::default().set_linger_time(Duration::ZERO).set_nodelay(true);
        let info = info.set_tcp_settings(tcp);
        let client = match authorities {
            None => Client::open(info)?,
            Some(pem) => {
                let root_cert = Some(pem.to_vec());
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert })?
            }
        };
        let connection = |reply_within| Connection::new(Terms { is_of_cluster, reply_within });
        let usual = connection(REPLY_WITHIN);
        let waiting = std::array::from_fn(|_| connection(WAITED_WITHIN));
        Ok(Self { client, usual, waiting, turn: AtomicUsize::default() })
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

    /// Whether requests are refused unasked, because it is silent.
    pub(super) fn is_open_circuit(&self) -> bool {
        self.usual.is_open_circuit()
    }

    /// Asks once; what is only read, twice if the connection is silent.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        how: How,
    ) -> Result<T, Failure> {
        let answer = match how.replicas {
            0 if request.is_read() => self.read(request, how).await,
            _ => self.attempt(request, how).await,
        };
        answer.map_err(|fault| fault.in_place(&self.place()))
    }

    /// Asks what may safely happen twice, and asks once more if the connection turns out to be
    /// broken.
    pub(super) async fn ask_again<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        how: How,
    ) -> Result<T, Failure> {
        match self.ask(request, how).await {
            Err(Failure { fault: Fault::Lost(_), .. }) => self.ask(request, how).await,
            answer => answer,
        }
    }

    fn next_waiting(&self) -> &Connection {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.waiting.get(turn % WAITING).unwrap_or(&self.usual)
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

    /// Asks on another connection too, if nothing is heard for long on the first: packets are lost, or
    /// somebody in between has forgotten it. Never for a write, which might come late, after what undoes
    /// it.
    async fn read<T: FromRedisValue>(&self, request: &Request<'_>, how: How) -> Result<T, Fault> {
        let (begun, asked_on) = (Instant::now(), OnceLock::new());
        let first = self.attempt_on(&self.usual, request, how, &asked_on);
        tokio::pin!(first);
        if let Ok(answer) = timeout(HEARD_WITHIN, &mut first).await {
            return answer;
        }
        // Where there is none yet, it is connected to.
        if !asked_on.get().is_some_and(|asked_on| self.usual.doubt_this(asked_on, begun)) {
            return first.await;
        }
        let asked_again_on = OnceLock::new();
        let second = self.attempt_on(&self.usual, request, how, &asked_again_on);
        tokio::pin!(second);
        let both = async {
            match select(first, second).await {
                Either::Left((Ok(answer), _)) | Either::Right((Ok(answer), _)) => Ok(answer),
                Either::Left((Err(_), second)) => second.await,
                Either::Right((Err(_), first)) => first.await,
            }
        };
        timeout(READ_WITHIN.saturating_sub(begun.elapsed()), both)
            .await
            .unwrap_or(Err(Fault::Silent))
    }

    async fn attempt<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        how: How,
    ) -> Result<T, Fault> {
        if how.replicas == 0 {
            return self.attempt_on(&self.usual, request, how, &OnceLock::new()).await;
        }
        let (begun, connection) = (Instant::now(), self.next_waiting());
        let live = connection.live(&self.client).await.map_err(Fault::unsent)?;
        if live.has_ended().await {
            // Nothing was sent on it, and another is made. Nobody has looked at the others, either.
            self.waiting.iter().for_each(|connection| connection.doubt(begun));
        }
        let answer = self.attempt_on(connection, request, how, &OnceLock::new()).await;
        if answer.as_ref().is_err_and(Fault::ends_connection) {
            self.waiting.iter().for_each(|connection| connection.doubt(begun));
        }
        answer
    }

    /// Asks on that connection, and says on which one of those that it has been.
    async fn attempt_on<T: FromRedisValue>(
        &self,
        connection: &Connection,
        request: &Request<'_>,
        how: How,
        asked_on: &OnceLock<Live>,
    ) -> Result<T, Fault> {
        let live = connection.live(&self.client).await.map_err(Fault::unsent)?;
        let live = asked_on.get_or_init(|| live);
        let mut to = live.connection.clone();
        let given_up = GivenUp { begun: Instant::now(), connection, live };
        let answer = async {
            let answer = request.send(&mut to, how.is_exception).await?;
            if how.replicas > 0 {
                replicated(&mut to, how.replicas).await?;
            }
            Ok(answer)
        };
        let answer = answer.await;
        std::mem::forget(given_up);
        if answer.as_ref().is_err_and(Fault::ends_connection) {
            connection.forget(live);
        } else {
            live.hears();
        }
        answer
    }
}

/// Whoever waits for an answer. Dropped without one, it doubts the connection: its own time, after
/// which the connection would be forgotten, does not come any more.
struct GivenUp<'a> {
    begun: Instant,
    connection: &'a Connection,
    live: &'a Live,
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if self.begun.elapsed() > GIVEN_UP_AFTER {
            self.connection.doubt_this(self.live, self.begun);
        }
    }
}

/// Waits until what was written on the connection has come to so many replicas.
async fn replicated(connection: &mut MultiplexedConnection, replicas: u16) -> Result<(), Fault> {
    let mut wait = redis::cmd("WAIT");
    wait.arg(replicas).arg(REPLICATED_WITHIN.as_millis().to_string());
    let have_it: u16 = wait.query_async(connection).await?;
    if have_it < replicas { Err(Fault::Unreplicated { have_it, replicas }) } else { Ok(()) }
}
