//! One server.

use super::connection::{Connection, REPLY_WITHIN};
use super::fault::{Failure, Fault};
use super::request::{How, Request};
use futures_util::future::{Either, select};
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, FromRedisValue, ProtocolVersion,
    RedisResult, TlsCertificates,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long nothing may be heard before what is read is asked for on another connection.
const HEARD_WITHIN: Duration = Duration::from_millis(200);
/// How long what is read may take then.
const READ_WITHIN: Duration = Duration::from_millis(400);

/// How long replicas may take to have what was written.
const REPLICATED_WITHIN: Duration = Duration::from_millis(200);

/// How long a reply may take where others wait for replicas first.
const WAITED_WITHIN: Duration = Duration::from_millis(650);

/// On how many connections is waited for replicas. While one waits, the server does nothing that is
/// asked on it.
const WAITING: usize = 4;

/// A server, and the connections to it.
pub(super) struct Node {
    client: Client,
    usual: Connection,
    /// Those who wait for replicas have some of their own: nobody else is answered on them meanwhile.
    waiting: [Connection; WAITING],
    /// Which of them is next.
    turn: AtomicUsize,
}

impl Node {
    /// A server that is not connected yet.
    ///
    /// By TLS it is trusted if these authorities vouch for it, in PEM; else those of the public web.
    pub(super) fn new(info: ConnectionInfo, authorities: Option<&[u8]>) -> RedisResult<Self> {
        let client = match authorities {
            None => Client::open(info)?,
            Some(pem) => {
                let root_cert = Some(pem.to_vec());
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert })?
            }
        };
        let usual = Connection::new(REPLY_WITHIN);
        let waiting = std::array::from_fn(|_| Connection::new(WAITED_WITHIN));
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
        let begun = Instant::now();
        let first = self.attempt(request, how);
        tokio::pin!(first);
        if let Ok(answer) = timeout(HEARD_WITHIN, &mut first).await {
            return answer;
        }
        if !self.usual.doubt(begun) {
            return first.await;
        }
        let second = self.attempt(request, how);
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
        let connection = if how.replicas == 0 { &self.usual } else { self.next_waiting() };
        let mut live = connection.live(&self.client).await?;
        let answer = async {
            let answer = request.send(&mut live.connection, how.is_exception).await?;
            if how.replicas > 0 {
                replicated(&mut live.connection, how.replicas).await?;
            }
            Ok(answer)
        };
        let answer = answer.await;
        if answer.as_ref().is_err_and(Fault::ends_connection) {
            connection.forget(&live);
        } else {
            live.hears();
        }
        answer
    }
}

/// Waits until what was written on the connection has come to so many replicas.
async fn replicated(connection: &mut MultiplexedConnection, replicas: u16) -> Result<(), Fault> {
    let mut wait = redis::cmd("WAIT");
    wait.arg(replicas).arg(REPLICATED_WITHIN.as_millis().to_string());
    let have_it: u16 = wait.query_async(connection).await?;
    if have_it < replicas { Err(Fault::Unreplicated { have_it, replicas }) } else { Ok(()) }
}
