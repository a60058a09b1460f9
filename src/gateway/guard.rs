//! What ends a request from outside: a head that is late, and a token that has ended.
//!
//! Pingora's own deadlines are for each read, so a byte a minute would hold a connection for as long
//! as it likes; and a WebSocket or a long answer would outlive the token that opened it.

use super::reply::KEEP_ALIVE;
use crate::auth::{Auth, AuthError};
use crate::metrics::Metrics;
use crate::model::token::TokenDigest;
use async_trait::async_trait;
use pingora::apps::{HttpServerApp, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use std::any::Any;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

/// Serves with another app, and cuts off the requests that must not go on.
pub struct Guarded<A> {
    app: Arc<A>,
    auth: Arc<Auth>,
    head_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl<A> Guarded<A> {
    /// For how long a connection goes on while the store cannot tell whether its token is good.
    const DOUBT: Duration = Duration::from_secs(1);

    /// Gives each head so long; on a connection that was kept, from the moment when it went idle no
    /// longer than that and the time for which idle connections are kept, and a quarter of a second.
    pub fn new(app: A, auth: Arc<Auth>, metrics: Arc<Metrics>, head_timeout: Duration) -> Self {
        Self { app: Arc::new(app), auth, head_timeout, metrics }
    }

    /// Returns when the request must end; otherwise never.
    async fn must_end(&self, watched: &Watched) {
        let mut doubted_since = None;
        while let Alarm::Look(token) = poll_fn(|context| watched.lock().poll(context)).await {
            let since = *doubted_since.get_or_insert_with(Instant::now);
            match timeout_at(since + Self::DOUBT, self.auth.check(token)).await {
                Ok(Ok(lasts)) => {
                    doubted_since = None;
                    watched.lock().set_end(lasts);
                }
                // The store cannot tell. It need not where the token has come to its own end.
                Ok(Err(AuthError::Store(_))) if !watched.lock().has_ended() => {}
                Ok(Err(_)) | Err(_) => {
                    self.metrics.connection_ended();
                    return;
                }
            }
        }
    }
}

/// What is watched of one connection and the request that it serves.
///
/// Lives as long as the connection, for its alarm: to set one for each request would cost a system
/// call each time.
#[derive(Default)]
struct Watched(Mutex<State>);

#[derive(Default)]
struct State {
    /// Rings several times a second while requests are served.
    alarm: Option<Pin<Box<Sleep>>>,
    /// When the request must be over, whatever becomes of it.
    cut_at: Option<Instant>,
    /// When the token comes to its own end, if it has one.
    ends_at: Option<Instant>,
    /// By when it must have come; as long as nobody has waited for long, nobody needs to know.
    head_by: Option<Instant>,
    /// How long it may take.
    limit: Duration,
    /// When to look at the token next; `None` until the head has come.
    look_at: Option<Instant>,
    /// The token that let the request pass.
    token: Option<TokenDigest>,
}

/// What an alarm is about.
enum Alarm {
    /// The head is late, or the whole request.
    Late,
    /// Someone should look whether this token is still good.
    Look(TokenDigest),
}

impl Watched {
    /// Begins to wait for the head of the next request.
    fn expect_head(&self, limit: Duration) {
        let mut state = self.lock();
        (state.ends_at, state.head_by, state.look_at, state.token) = (None, None, None, None);
        state.cut_at = None;
        state.limit = limit;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The most that it takes to see the end of a token that the gateway has heard of.
    const LOOK_EVERY: Duration = Duration::from_millis(250);

    fn set_end(&mut self, lasts: Option<Duration>) {
        self.ends_at = lasts.map(|lasts| Instant::now() + lasts);
        if let (Some(look_at), Some(ends_at)) = (&mut self.look_at, self.ends_at) {
            *look_at = ends_at.min(*look_at);
        }
    }

    fn has_ended(&self) -> bool {
        self.ends_at.is_some_and(|end| end <= Instant::now())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Alarm> {
        loop {
            let limit = self.limit;
            let alarm = self.alarm.get_or_insert_with(|| {
                let by = *self.head_by.insert(Instant::now() + limit);
                Box::pin(sleep_until(by))
            });
            if let Some(look_at) = self.look_at
                && alarm.deadline() > look_at
            {
                alarm.as_mut().reset(look_at);
            }
            ready!(alarm.as_mut().poll(context));
            let now = Instant::now();
            if let Some(look_at) = &mut self.look_at {
                if self.cut_at.is_some_and(|cut_at| cut_at <= now) {
                    return Poll::Ready(Alarm::Late);
                }
                *look_at = now + Self::LOOK_EVERY;
                alarm.as_mut().reset(*look_at);
                if let Some(token) = self.token {
                    return Poll::Ready(Alarm::Look(token));
                }
                continue;
            }
            // The alarm was set for the request before: some of this one's time has passed.
            let by = *self.head_by.get_or_insert(now + limit);
            if now >= by {
                return Poll::Ready(Alarm::Late);
            }
            alarm.as_mut().reset(by);
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
    // HTTP/2 brings its heads complete, and without a deadline here.
    let look_at = Instant::from(at) + State::LOOK_EVERY;
    let _ = WATCHED.try_with(|watched| watched.lock().look_at = Some(look_at));
}

/// Says which token has let the request pass, and for how long it will hold: the request ends with
/// it. Called as the other.
pub(super) fn ends_with(token: TokenDigest, lasts: Option<Duration>) {
    let _ = WATCHED.try_with(|watched| {
        let mut state = watched.lock();
        state.token = Some(token);
        state.set_end(lasts);
    });
}

/// Says when the request must be over. Whoever serves it may say so to its client before: it is cut
/// off up to half a second later.
pub(super) fn cut_at(deadline: std::time::Instant) {
    let cut_at = Instant::from(deadline) + State::LOOK_EVERY;
    let _ = WATCHED.try_with(|watched| watched.lock().cut_at = Some(cut_at));
}

/// What a connection that is kept for the next request takes with it.
pub(super) fn kept() -> Option<Box<dyn Any + Send + Sync>> {
    let watched = WATCHED.try_with(Arc::clone).ok()?;
    Some(Box::new(watched))
}

#[async_trait]
impl<A> HttpServerApp for Guarded<A>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    // Not an async function: a session is kilobytes, and would be moved into its future and out.
    fn process_new_http<'s, 'w, 'f>(
        self: &'s Arc<Self>,
        mut session: ServerSession,
        shutdown: &'w ShutdownWatch,
    ) -> Pin<Box<dyn Future<Output = Option<ReusedHttpStream>> + Send + 'f>>
    where
        's: 'f,
        'w: 'f,
    {
        let kept = session.take_connection_user_context();
        let kept = kept.and_then(|kept| kept.downcast::<Arc<Watched>>().ok());
        let (watched, idle) = match kept {
            Some(watched) => (*watched, Duration::from_secs(KEEP_ALIVE)),
            None => (Arc::default(), Duration::ZERO),
        };
        watched.expect_head(self.head_timeout + idle);
        let served = self.app.process_new_http(session, shutdown);
        let served = WATCHED.scope(Arc::clone(&watched), served);
        Box::pin(async move {
            tokio::select! {
                biased;
                served = served => served,
                () = self.must_end(&watched) => None,
            }
        })
    }

    async fn http_cleanup(&self) {
        self.app.http_cleanup().await;
    }
}
