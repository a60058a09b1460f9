//! What ends a request or a connection from outside: a head that is late, idleness, a token that has
//! ended, and others who need the place.
//!
//! Pingora's own deadlines are for each read, so a byte a minute would hold a connection for as long
//! as it likes; and a WebSocket or a long answer would outlive the token that opened it.

mod guarded;
mod kept;
mod streams;
mod watch;

pub use self::guarded::Guarded;
pub use self::streams::StreamLimits;
pub use self::watch::Patience;

use self::streams::{Stream, Streams};
use self::watch::{Alarm, Watched};
use super::{Gateway, Settings};
use crate::auth::{AuthError, Held};
use crate::clock::OnceASecond;
use arc_swap::ArcSwap;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::protocols::l4::socket::SocketAddr as PingoraAddress;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// What may be read of a body, or of the next request, along with a head.
const READ_AHEAD: usize = 64 << 10;

/// Cuts off what must not go on. One for all connections.
pub struct Guard {
    gateway: Gateway,
    limits: ArcSwap<StreamLimits>,
    /// Tells the connection that has been idle for longest to end.
    room: Notify,
    streams: Arc<Streams>,
    /// Requests without a head that were told of lately.
    unreadable: OnceASecond,
}

impl Guard {
    /// For how long a connection goes on while the store cannot tell whether its token is good.
    const DOUBT: Duration = Duration::from_secs(1);

    /// For how long what has passed unguarded may go on once the gateway guards.
    const LEAVE: Duration = Duration::from_secs(5);

    /// Guards by the settings of this gateway.
    pub fn new(gateway: Gateway) -> Self {
        Self {
            gateway,
            limits: ArcSwap::default(),
            room: Notify::new(),
            streams: Arc::default(),
            unreadable: OnceASecond::default(),
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

    /// Ends what has passed unguarded, a little later: another process may guard.
    pub fn end_unguarded(&self) {
        self.gateway.beside.is_over(true);
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

    /// Counts a request whose head could not be read, or broke off: no phase of the proxy has seen it.
    fn tell_unreadable(&self, client: Option<&PingoraAddress>) {
        let Gateway { live, metrics, .. } = &self.gateway;
        metrics.request_unreadable();
        if live.load().settings.is_shadow() {
            metrics.shadow_compared("400", "none", "refused");
        }
        if let Some(number) = self.unreadable.count(Instant::now().into_std()) {
            let client = client.map(ToString::to_string);
            tracing::info!(
                client,
                number,
                "a request is refused: its head cannot be read, or broke off"
            );
        }
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
    async fn token_to_look_at(&self, watched: &Watched) -> Option<Held> {
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
                Alarm::Unguarded if self.gateway.beside.is_over_for(Self::LEAVE) => {
                    self.gateway.metrics.connection_ended();
                    return None;
                }
                Alarm::Unguarded => {}
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
pub(super) fn ends_with(token: Held, lasts: Option<Duration>) {
    let _ = WATCHED.try_with(|watched| watched.has_token(token, lasts));
}

/// Says that the request passes unguarded. Called as the others.
pub(super) fn passes_unguarded() {
    let _ = WATCHED.try_with(|watched| watched.passes_unguarded());
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
