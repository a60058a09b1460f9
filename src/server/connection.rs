//! One connection, from the socket to the proxy: whose it is, TLS, HTTP.

use super::accept::Reception;
use super::connections::Place;
use super::listening::{How, Listener};
use super::proxy_protocol::{self, Source};
use super::redirect::Elsewhere;
use super::tls;
use super::worker::Proxy;
use crate::gateway::{Arrivals, Guarded, Wire};
use crate::metrics::Turned;
use pingora::apps::http_app::HttpServer;
use pingora::apps::{HttpServerApp, HttpServerOptions, ServerApp};
use pingora::protocols::{ALPN, IO, Stream};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// A connection that was accepted.
pub(super) struct Arrived {
    /// Turns true when connections that are idle must end.
    pub idle_ends: watch::Receiver<bool>,
    pub peer: SocketAddr,
    pub place: Place,
    pub stream: std::net::TcpStream,
}

/// A connection over which HTTP may be spoken.
struct Opened {
    arrivals: Arc<Arrivals>,
    idle_ends: watch::Receiver<bool>,
    stream: Stream,
}

/// Serves a connection until it ends.
pub(super) async fn serve(
    arrived: Arrived,
    listener: &Listener,
    reception: &Arc<Reception>,
    proxy: Arc<Proxy>,
) {
    let how = listener.how();
    let limits = reception.limits.load_full();
    let Arrived { idle_ends, peer, mut place, stream } = arrived;
    let arrivals = Arc::new(Arrivals::default());
    // Kilobytes, which a connection that is open and idle need not keep.
    let opened = Box::pin(open(stream, peer, &how, Arc::clone(&arrivals), |client| {
        let most = limits.most_from(client);
        most.is_none_or(|most| place.is_for(client, most))
    }));
    let stream = match timeout(limits.connections.handshake_timeout, opened).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(turned)) => return reception.metrics.connection_turned_away(turned),
        Err(_) => return reception.metrics.connection_turned_away(Turned::Late),
    };
    let opened = Opened { arrivals, idle_ends, stream };
    match how.settings.redirect {
        None => drive(opened, proxy, &how, reception).await,
        Some(redirect) => {
            let elsewhere = Arc::new(HttpServer::new_app(Elsewhere(redirect)));
            drive(opened, elsewhere, &how, reception).await;
        }
    }
}

/// Finds out who is at the other end, and agrees on TLS.
async fn open(
    stream: std::net::TcpStream,
    peer: SocketAddr,
    how: &How,
    arrivals: Arc<Arrivals>,
    may_come: impl FnOnce(std::net::IpAddr) -> bool,
) -> Result<Stream, Turned> {
    let mut stream = TcpStream::from_std(stream).map_err(|_| Turned::Broken)?;
    let client = if how.settings.expects_proxy_header(peer) {
        match proxy_protocol::read(&mut stream).await.map_err(|_| Turned::BadProxyHeader)? {
            Source::Client { client, .. } => client,
            Source::Balancer => peer,
        }
    } else {
        peer
    };
    if !may_come(client.ip().to_canonical()) {
        return Err(Turned::TooMany);
    }
    let wire = Wire::new(stream, client, arrivals);
    match how.acceptor() {
        None => Ok(Box::new(wire)),
        Some(acceptor) => match tls::handshake(&acceptor, wire).await {
            Ok(stream) if is_http2(&stream) => Ok(Box::new(stream)),
            Ok(stream) => Ok(Box::new(tls::Waited::new(stream))),
            Err(error) => {
                tracing::debug!(%error, %client, "no TLS");
                Err(Turned::BadHandshake)
            }
        },
    }
}

fn is_http2(stream: &dyn IO) -> bool {
    matches!(stream.selected_alpn_proto(), Some(ALPN::H2))
}

/// Speaks HTTP until either end has had enough.
async fn drive<A>(opened: Opened, app: Arc<A>, how: &How, reception: &Arc<Reception>)
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let Opened { arrivals, idle_ends, stream } = opened;
    let mut options = HttpServerOptions::default();
    options.h2c = how.settings.h2c;
    options.h2_idle_timeout = Some(reception.guard.patience().idle);
    let may_be_http2 = options.h2c || is_http2(&*stream);
    let guard = Arc::clone(&reception.guard);
    let guarded = Arc::new(Guarded::new(app, arrivals, idle_ends, guard, options));
    if may_be_http2 {
        let served = guarded.process_new(stream, &reception.stopping);
        // HTTP/1 counts from here by itself; what comes before the first request of HTTP/2 does not.
        let late = async {
            sleep(reception.guard.patience().head).await;
            if guarded.has_asked() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = served => {}
            () = guarded.makes_room() => {}
            () = late => reception.metrics.connection_turned_away(Turned::Late),
        }
    } else {
        guarded.serve_http1(stream, &reception.stopping).await;
    }
}
