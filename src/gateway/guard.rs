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
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Serves with another app, and cuts off the requests that must not go on.
pub struct Guarded<A> {
    app: Arc<A>,
    auth: Arc<Auth>,
    head_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl<A> Guarded<A> {
    /// How often to look whether a token is still good: twice in the second that its end may take.
    const LOOK_EVERY: Duration = Duration::from_millis(500);
    /// For how long a connection goes on while the store cannot tell.
    const DOUBT: Duration = Duration::from_secs(1);

    /// Gives each head so long; on a connection that was kept, from the moment when it went idle no
    /// longer than that and the time for which idle connections are kept.
    pub fn new(app: A, auth: Arc<Auth>, metrics: Arc<Metrics>, head_timeout: Duration) -> Self {
        Self { app: Arc::new(app), auth, head_timeout, metrics }
    }

    /// Returns when the request must end; otherwise never.
    async fn must_end(&self, progress: &Progress, head_limit: Duration) {
        let mut alarm = pin!(sleep(head_limit));
        let mut is_complete = false;
        let mut last_good = Instant::now();
        loop {
            poll_fn(|context| {
                if !is_complete && progress.is_complete.load(Ordering::Relaxed) {
                    is_complete = true;
                    last_good = Instant::now();
                    alarm.as_mut().reset(last_good + Self::LOOK_EVERY);
                }
                alarm.as_mut().poll(context)
            })
            .await;
            if !is_complete {
                return;
            }
            match self.still_good(progress).await {
                Some(true) => last_good = Instant::now(),
                None if last_good.elapsed() < Self::DOUBT => {}
                None | Some(false) => {
                    self.metrics.connection_ended();
                    return;
                }
            }
            alarm.as_mut().reset(Instant::now() + Self::LOOK_EVERY);
        }
    }

    /// Whether the token that opened the connection, if any, is still good. `None` if the store
    /// cannot tell.
    async fn still_good(&self, progress: &Progress) -> Option<bool> {
        let Some(token) = progress.token.get() else { return Some(true) };
        match self.auth.check(*token).await {
            Ok(()) => Some(true),
            Err(AuthError::InvalidToken | AuthError::InactiveUser) => Some(false),
            Err(_) => None,
        }
    }
}

/// What is known of the request that a task serves.
#[derive(Default)]
struct Progress {
    /// Whether its head has come.
    is_complete: AtomicBool,
    /// The token that let it pass.
    token: OnceLock<TokenDigest>,
}

tokio::task_local! {
    static PROGRESS: Arc<Progress>;
}

/// Says that the head is complete. Called by the app, in the task that serves the request.
pub(super) fn head_is_complete() {
    // HTTP/2 brings its heads complete, and without a deadline here.
    let _ = PROGRESS.try_with(|progress| progress.is_complete.store(true, Ordering::Relaxed));
}

/// Says which token has let the request pass: it ends with it. Called as the other.
pub(super) fn ends_with(token: TokenDigest) {
    let _ = PROGRESS.try_with(|progress| progress.token.set(token));
}

/// Marks a connection that has served a request and is kept for the next.
pub(super) struct Kept;

#[async_trait]
impl<A> HttpServerApp for Guarded<A>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let kept = session.take_connection_user_context();
        let idle = if kept.is_some() { Duration::from_secs(KEEP_ALIVE) } else { Duration::ZERO };
        session.set_connection_user_context(kept);
        let progress = Arc::new(Progress::default());
        let served = self.app.process_new_http(session, shutdown);
        tokio::select! {
            biased;
            served = PROGRESS.scope(Arc::clone(&progress), served) => served,
            () = self.must_end(&progress, self.head_timeout + idle) => None,
        }
    }

    async fn http_cleanup(&self) {
        self.app.http_cleanup().await;
    }
}
