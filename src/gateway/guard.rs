//! What ends a request or a connection from outside: a head that is late, idleness, a token that has
//! ended, and others who need the place.
//!
//! Pingora's own deadlines are for each read, so a byte a minute would hold a connection for as long
//! as it likes; and a WebSocket or a long answer would outlive the token that opened it.

mod streams;
mod watch;

pub use self::streams::StreamLimits;
pub use self::watch::Patience;

use self::streams::{Stream, Streams};
use self::watch::{Alarm, Watched};
use super::wire::Arrivals;
use super::{Gateway, Settings};
use crate::auth::AuthError;
use crate::model::token::TokenDigest;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora::apps::{HttpPersistentSettings, HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::protocols::Stream as IoStream;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::protocols::l4::socket::SocketAddr as PingoraAddress;
use pingora::server::ShutdownWatch;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch as told};
use tokio::time::{Instant, sleep, timeout_at};

/// What may be read of a body, or of the next request, along with a head.
const READ_AHEAD: usize = 64 << 10;

/// Cuts off what must not go on. One for all connections.
pub struct Guard {
    gateway: Gateway,
    /// Whether connections that are idle are to end.
    idle_ends: told::Sender<bool>,
    limits: ArcSwap<StreamLimits>,
    /// Tells the connection that has been idle for longest to end.
    room: Notify,
    streams: Arc<Streams>,
}

impl Guard {
    /// For how long a connection goes on while the store cannot tell whether its token is good.
    const DOUBT: Duration = Duration::from_secs(1);

    /// Guards by the settings of this gateway.
    pub fn new(gateway: Gateway) -> Self {
        Self {
            gateway,
            idle_ends: told::channel(false).0,
            limits: ArcSwap::default(),
            room: Notify::new(),
            streams: Arc::default(),
        }
    }

    /// Bounds the requests over HTTP/2 that begin from now on.
    pub fn limit_streams(&self, limits: StreamLimits) {
        self.limits.store(Arc::new(limits));
    }

    /// Counts a request over HTTP/2. `None` if it is one too many.
    fn enter(&self, session: &ServerSession) -> Option<Stream> {
        let address = session.client_addr().and_then(PingoraAddress::as_inet);
        let address = address.map(|address| address.ip().to_canonical());
        let live = self.gateway.live.load();
        let trusted = &live.settings.trusted_proxies;
        let speaks_for_many = |address: &IpAddr| trusted.iter().any(|one| one.contains(address));
        let counted = address.filter(|address| !speaks_for_many(address));
        self.streams.enter(counted, **self.limits.load())
    }

    /// How long clients may take.
    pub fn patience(&self) -> Patience {
        let live = self.gateway.live.load();
        let Settings { head_timeout, keep_alive, max_head, .. } = live.settings;
        Patience { head: head_timeout, head_bytes: max_head + READ_AHEAD, idle: keep_alive }
    }

    fn h2_options(&self) -> H2Options {
        let most = u32::try_from(self.gateway.live.load().settings.max_head).unwrap_or(u32::MAX);
        let mut options = default_h2_options();
        options.max_header_list_size(most);
        options
    }

    /// Ends the connection that has been idle for longest, if one has been for a second; or else the
    /// next that will be.
    pub fn make_room(&self) {
        self.room.notify_one();
    }

    /// Ends the connections that are idle, and from now on those that become so.
    pub fn end_idle(&self) {
        self.idle_ends.send_replace(true);
    }

    /// Returns when the request or the connection must end; otherwise never.
    async fn must_end(&self, watched: &Watched) {
        let mut doubted_since = None;
        while let Some(token) = self.token_to_look_at(watched).await {
            let since = *doubted_since.get_or_insert_with(Instant::now);
            match timeout_at(since + Self::DOUBT, self.gateway.auth.check(token)).await {
                Ok(Ok(lasts)) => {
                    doubted_since = None;
                    watched.set_end(lasts);
                }
                // The store cannot tell. It need not where the token has come to its own end.
                Ok(Err(AuthError::Store(_))) if !watched.has_ended() => {}
                Ok(Err(_)) | Err(_) => {
                    self.gateway.metrics.connection_ended();
                    return;
                }
            }
        }
    }

    /// The token of the request, each time when someone should look at it; `None` when the connection
    /// must end.
    async fn token_to_look_at(&self, watched: &Watched) -> Option<TokenDigest> {
        loop {
            let alarm = || poll_fn(|context| watched.poll(context));
            let mut alarm_now = alarm().await;
            while let Alarm::Idle = alarm_now {
                alarm_now = tokio::select! {
                    biased;
                    alarm = alarm() => alarm,
                    () = self.room.notified() => break,
                };
            }
            match alarm_now {
                Alarm::Late => return None,
                Alarm::Look(token) => return Some(token),
                Alarm::Idle if watched.is_idle() => {
                    self.gateway.metrics.connection_made_room();
                    return None;
                }
                // It has just become busy: another one should go.
                Alarm::Idle => self.make_room(),
            }
        }
    }
}

/// Serves one connection with an app that many share.
pub struct Guarded<A> {
    app: Arc<A>,
    arrivals: Arc<Arrivals>,
    guard: Arc<Guard>,
    has_asked: AtomicBool,
    /// How many requests over HTTP/2 it serves.
    serves: AtomicUsize,
    options: HttpServerOptions,
    speaks_http2: AtomicBool,
    /// Over HTTP/2 each request has one of its own.
    watched: Arc<Watched>,
}

impl<A> Guarded<A> {
    /// Serves a connection over which this arrives.
    pub fn new(
        app: Arc<A>,
        arrivals: Arc<Arrivals>,
        guard: Arc<Guard>,
        options: HttpServerOptions,
    ) -> Self {
        let watched = Arc::new(Watched::new(Arc::clone(&arrivals), guard.patience()));
        let (has_asked, speaks_http2) = (AtomicBool::default(), AtomicBool::default());
        let serves = AtomicUsize::default();
        Self { app, arrivals, guard, has_asked, serves, options, speaks_http2, watched }
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
        let mut kept = None;
        loop {
            let served = tokio::select! {
                biased;
                served = self.serve_next(stream, kept, shutdown) => served,
                () = self.guard.must_end(&self.watched) => None,
            };
            let Some(reused) = served else { return };
            (stream, kept) = reused.consume();
        }
    }

    /// Until the first request arrives there is no session, and nobody to serve it: they are most of
    /// what a connection takes. Later, what arrived along with the request before may be in what was kept.
    async fn serve_next(
        &self,
        mut stream: IoStream,
        kept: Option<HttpPersistentSettings>,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        self.has_asked.store(true, Ordering::Relaxed);
        self.watched.expect_head(self.guard.patience());
        if kept.is_none() {
            let mut idle_ends = self.guard.idle_ends.subscribe();
            tokio::select! {
                // What has arrived is answered.
                biased;
                arrived = stream.try_peek(&mut []) => arrived.ok()?,
                _ = idle_ends.wait_for(|ends| *ends) => return None,
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
        WATCHED.scope(Arc::clone(&self.watched), served).await
    }
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

tokio::task_local! {
    /// What the guard watches of the task that reads this: Pingora has no other way through from the
    /// app's phases to whoever runs them.
    static WATCHED: Arc<Watched>;
}

/// Says when the head was complete. Called by the app, in the task that serves the request.
pub(super) fn head_is_complete(at: std::time::Instant) {
    let _ = WATCHED.try_with(|watched| watched.has_head(at.into()));
}

/// Says which token has let the request pass, and for how long it will hold: the request ends with
/// it. Called as the other.
pub(super) fn ends_with(token: TokenDigest, lasts: Option<Duration>) {
    let _ = WATCHED.try_with(|watched| watched.has_token(token, lasts));
}

/// Whether the request is one more than may be served at once.
pub(super) fn is_surplus() -> bool {
    WATCHED.try_with(|watched| watched.is_surplus()).unwrap_or(false)
}

/// Says when the request must be over. Whoever serves it may say so to its client before: it is cut
/// off up to half a second later.
pub(super) fn cut_at(deadline: std::time::Instant) {
    let _ = WATCHED.try_with(|watched| watched.must_end_by(deadline.into()));
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
