//! Stopping: no new connections, what is in flight is finished, and no second is lost.

use super::accept::{Door, Reception};
use crate::gateway::Face;
use pingora::apps::HttpServerApp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Why a gateway stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// A part of it has failed that it cannot do without.
    Broken,
    /// Another process has its listeners.
    HandedOver,
    /// It was told to.
    Told,
}

/// The listeners, and how they and their connections are told to end.
pub(super) struct Doors {
    /// Whether new connections are welcome.
    pub door: watch::Sender<Door>,
    /// Those who accept them.
    pub listeners: JoinSet<()>,
    /// Whether connections must end after what they serve.
    pub stopping: watch::Sender<bool>,
}

impl Doors {
    /// Ends what is served, as gently as the grace allows.
    pub(super) async fn close(
        mut self,
        ending: Ending,
        grace: Duration,
        reception: &Arc<Reception>,
    ) {
        let end = Instant::now() + grace;
        self.door.send_replace(match ending {
            Ending::HandedOver => Door::HandedOver,
            Ending::Broken | Ending::Told => Door::Closing,
        });
        if ending == Ending::HandedOver {
            reception.guard.end_unguarded();
        }
        while self.listeners.join_next().await.is_some() {}
        // From now on each answer says that it is the last one of its connection.
        self.stopping.send_replace(true);
        if ending != Ending::HandedOver {
            // A client that has just connected is about to ask.
            sleep(LAST_REQUESTS).await;
            end_idle(reception).await;
        }
        let mut quiet_since = None;
        while reception.connections.open() > 0 && Instant::now() < end {
            // Who is idle was told to reconnect, or will be by the answer to the next request.
            let is_quiet = ending != Ending::HandedOver && reception.metrics.in_flight() == 0;
            quiet_since = if is_quiet { quiet_since.or(Some(Instant::now())) } else { None };
            if quiet_since.is_some_and(|since| since.elapsed() >= FAREWELL) {
                break;
            }
            sleep(GLANCE).await;
        }
        // Those who were idle all the time, so that no request of theirs meets the end.
        end_idle(reception).await;
        tracing::info!(left = reception.metrics.in_flight(), "stopped");
    }
}

/// How often it is asked whether anything is still in flight.
const GLANCE: Duration = Duration::from_millis(20);
/// For requests on their way when the gateway was told to stop.
const LAST_REQUESTS: Duration = Duration::from_millis(100);
/// For HTTP/2 to say that it ends.
const FAREWELL: Duration = Duration::from_millis(250);

async fn end_idle(reception: &Reception) {
    for worker in reception.workers.iter() {
        worker.end_idle();
        for face in [Face::Console, Face::Public] {
            worker.proxy(face).http_cleanup().await;
        }
    }
}
