//! A deadline for the head of each request. Pingora's are for each read: a byte a minute would hold
//! a connection for as long as it likes.

use super::reply::KEEP_ALIVE;
use async_trait::async_trait;
use pingora::apps::{HttpServerApp, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Serves with another app, and cuts off whoever does not finish a request's head in time.
pub struct Punctual<A> {
    app: Arc<A>,
    limit: Duration,
}

impl<A> Punctual<A> {
    /// Gives each head so long; on a connection that was kept, from the moment when it went idle no
    /// longer than that and the time for which idle connections are kept.
    pub fn new(app: A, limit: Duration) -> Self {
        Self { app: Arc::new(app), limit }
    }
}

tokio::task_local! {
    /// Whether the head of the request that this task serves is complete.
    static IS_COMPLETE: Arc<AtomicBool>;
}

/// Says that the head is complete. Called by the app, in the task that serves the request.
pub(super) fn head_is_complete() {
    // HTTP/2 brings its heads complete, and without a deadline here.
    let _ = IS_COMPLETE.try_with(|is_complete| is_complete.store(true, Ordering::Relaxed));
}

/// Marks a connection that has served a request and is kept for the next.
pub(super) struct Kept;

#[async_trait]
impl<A> HttpServerApp for Punctual<A>
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
        let is_complete = Arc::new(AtomicBool::new(false));
        let served = self.app.process_new_http(session, shutdown);
        tokio::select! {
            served = IS_COMPLETE.scope(Arc::clone(&is_complete), served) => served,
            () = lateness(self.limit + idle, &is_complete) => None,
        }
    }

    async fn http_cleanup(&self) {
        self.app.http_cleanup().await;
    }
}

/// Returns when a head is late; never if it came in time.
async fn lateness(limit: Duration, is_complete: &AtomicBool) {
    tokio::time::sleep(limit).await;
    if is_complete.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}
