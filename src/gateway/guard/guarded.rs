//! One connection, and the requests over it.

use super::super::wire::Arrivals;
use super::kept::is_all_answered;
use super::watch::Watched;
use super::{Guard, WATCHED};
use async_trait::async_trait;
use pingora::apps::{HttpPersistentSettings, HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::protocols::Stream as IoStream;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::server::ShutdownWatch;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch as told;
use tokio::time::sleep;

/// Serves one connection with an app that many share.
pub struct Guarded<A> {
    app: Arc<A>,
    arrivals: Arc<Arrivals>,
    guard: Arc<Guard>,
    has_asked: AtomicBool,
    /// Turns true when connections that are idle must end.
    idle_ends: told::Receiver<bool>,
    /// How many requests over HTTP/2 it serves.
    serves: AtomicUsize,
    options: HttpServerOptions,
    speaks_http2: AtomicBool,
    /// Over HTTP/2 each request has one of its own.
    watched: Arc<Watched>,
}

impl<A> Guarded<A> {
    /// Serves a connection over which this arrives, and which ends once it is idle and `idle_ends`
    /// turns true.
    pub fn new(
        app: Arc<A>,
        arrivals: Arc<Arrivals>,
        idle_ends: told::Receiver<bool>,
        guard: Arc<Guard>,
        options: HttpServerOptions,
    ) -> Self {
        let watched = Arc::new(Watched::new(Arc::clone(&arrivals), guard.patience()));
        let (has_asked, speaks_http2) = (AtomicBool::default(), AtomicBool::default());
        let serves = AtomicUsize::default();
        Self { app, arrivals, guard, has_asked, idle_ends, serves, options, speaks_http2, watched }
    }

    /// Whether a request was begun; over HTTP/1, whether one is waited for.
    pub fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// Returns when a connection of HTTP/2, which may serve none for a while, must make room for
    /// others.
    pub async fn makes_room(&self) {
        /// No shorter time counts as idle.
        const GLANCE: Duration = Duration::from_secs(1);
        let is_idle = || {
            self.speaks_http2.load(Ordering::Relaxed) && self.serves.load(Ordering::Relaxed) == 0
        };
        loop {
            sleep(GLANCE).await;
            if !is_idle() {
                continue;
            }
            self.guard.room.notified().await;
            if is_idle() {
                self.guard.gateway.metrics.connection_made_room();
                return;
            }
            self.guard.make_room();
        }
    }
}

impl<A: HttpServerApp + Send + Sync + 'static> Guarded<A> {
    /// Serves a connection over which HTTP/1 is spoken until it ends.
    pub async fn serve_http1(self: &Arc<Self>, mut stream: IoStream, shutdown: &ShutdownWatch) {
        let mut idle_ends = self.idle_ends.clone();
        let (mut kept, socket) = (None, stream.get_socket_digest());
        loop {
            let served = tokio::select! {
                biased;
                served = self.serve_next(stream, kept, &mut idle_ends, shutdown) => served,
                () = self.guard.must_end(&self.watched) => return,
            };
            let reused = match served {
                Served::Kept(reused) => reused,
                Served::Unreadable => {
                    let address = socket.as_ref().and_then(|socket| socket.peer_addr());
                    return self.guard.tell_unreadable(address);
                }
                Served::Ended => return,
            };
            (stream, kept) = reused.consume();
        }
    }

    /// Until a request arrives there is no session, and nobody to serve it: they are most of what a
    /// connection takes.
    async fn serve_next(
        &self,
        mut stream: IoStream,
        kept: Option<HttpPersistentSettings>,
        idle_ends: &mut told::Receiver<bool>,
        shutdown: &ShutdownWatch,
    ) -> Served {
        self.has_asked.store(true, Ordering::Relaxed);
        self.watched.expect_head(self.guard.patience());
        // Over TLS what arrives need not be what is said.
        let is_hidden = stream.get_ssl_digest().is_some();
        let mut is_begun = None;
        if kept.as_ref().is_none_or(is_all_answered) {
            tokio::select! {
                // What has arrived is answered.
                biased;
                arrived = stream.try_peek(&mut []) => match arrived {
                    Ok(is_something) => is_begun = is_hidden.then_some(is_something),
                    Err(_) => return Served::Ended,
                },
                _ = idle_ends.wait_for(|ends| *ends) => return Served::Ended,
            };
        }
        let mut session = ServerSession::new_http1(stream);
        if let Some(kept) = kept {
            kept.apply_to_session(&mut session);
        } else {
            session.set_keepalive(Some(self.guard.patience().idle.as_secs().max(1)));
            session.set_keepalive_reuses_remaining(self.options.keepalive_request_limit);
        }
        let served = self.app.process_new_http(session, shutdown);
        match WATCHED.scope(Arc::clone(&self.watched), served).await {
            Some(reused) => Served::Kept(reused),
            None if self.watched.is_in_head(is_begun) => Served::Unreadable,
            None => Served::Ended,
        }
    }
}

/// What became of a connection after a request, or in place of one.
enum Served {
    /// It ends.
    Ended,
    /// Another request may follow.
    Kept(ReusedHttpStream),
    /// It ends, for what came was no head, or not the whole of one.
    Unreadable,
}

/// A request over HTTP/2 of a connection, until it is dropped.
struct Busy<'a>(&'a AtomicUsize);

impl<'a> Busy<'a> {
    fn new(serves: &'a AtomicUsize) -> Self {
        serves.fetch_add(1, Ordering::Relaxed);
        Self(serves)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl<A> HttpServerApp for Guarded<A>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    // Not an async function: a session is kilobytes, and would be moved into its future and out.
    fn process_new_http<'s, 'w, 'f>(
        self: &'s Arc<Self>,
        session: ServerSession,
        shutdown: &'w ShutdownWatch,
    ) -> Pin<Box<dyn Future<Output = Option<ReusedHttpStream>> + Send + 'f>>
    where
        's: 'f,
        'w: 'f,
    {
        let patience = self.guard.patience();
        self.has_asked.store(true, Ordering::Relaxed);
        let (stream, watched) = if session.is_http2() {
            self.speaks_http2.store(true, Ordering::Relaxed);
            let stream = self.guard.enter(&session);
            let watched = Watched::new(Arc::clone(&self.arrivals), patience);
            let watched = if stream.is_none() { watched.of_surplus() } else { watched };
            (Some((stream, Busy::new(&self.serves))), Arc::new(watched))
        } else {
            self.watched.expect_head(patience);
            (None, Arc::clone(&self.watched))
        };
        let served = self.app.process_new_http(session, shutdown);
        let served = WATCHED.scope(Arc::clone(&watched), served);
        Box::pin(async move {
            let _counted = stream;
            tokio::select! {
                biased;
                served = served => served,
                () = self.guard.must_end(&watched) => None,
            }
        })
    }

    fn h2_options(&self) -> Option<H2Options> {
        Some(self.guard.h2_options())
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }
}
