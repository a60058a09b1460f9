//! Connections that outlive a request's usual time: they end with the token that opened them.

mod ends;
mod stays;

use std::net::TcpStream;
use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::WebSocket;

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::{Script, Upstream};
use crate::harness::websocket::{is_open, open_websocket};

/// A connection is cut within a second of its token's end. The other second is for a machine that is
/// busy with other tests.
const SOON: Duration = Duration::from_secs(2);

/// Runs a test on a gateway before each of the stores and before an app that repeats what it hears.
fn on_each_store(more: &str, test: impl Fn(&Gateway)) {
    let (upstream, redis) = (Upstream::answering(Script::WebSocket), RedisServer::start());
    for store in ["[store]\n".to_owned(), redis.settings()] {
        test(&Gateway::metered(&(upstream.settings() + ROUTES + &store + more)));
    }
}

/// A gateway before that Redis and an app that repeats what it hears.
fn on_redis(upstream: &Upstream, redis: &RedisServer) -> Gateway {
    Gateway::metered(&(upstream.settings() + ROUTES + &redis.settings()))
}

/// Opens a WebSocket over which the app has answered once.
///
/// On a busy machine Pingora now and then closes one as soon as it is open, whatever its token: see
/// <https://github.com/cloudflare/pingora/issues/946>. That is not what is tested here.
fn open(gateway: &Gateway, path: &str, token: Option<&str>) -> WebSocket<TcpStream> {
    eventually("a WebSocket", || {
        let mut socket = open_websocket(gateway, path, token).expect("a WebSocket");
        is_open(&mut socket).then_some(socket)
    })
}
