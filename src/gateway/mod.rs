//! The proxy: the only data path that knows Pingora.

mod access_log;
mod admit;
mod bodies;
mod client;
mod console;
mod console_cookie;
mod context;
mod cors;
mod explain;
mod explained;
mod failure;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod head;
mod identity_headers;
mod incoming;
mod judge;
mod live;
mod once;
mod outgoing;
mod phases;
mod reply;
mod routes;
mod shadow;
mod tally;
mod traffic;
mod upstream;
mod wire;

pub use self::console::{
    Console, ConsoleAnswer, ConsoleMount, ConsoleRequest, CutOff, Face, Pieces,
};
pub use self::console_cookie::{PLAIN_NAME, SECURE_NAME};
pub use self::explain::{Explanation, Forwarded, Inquiry, Outcome, Sender, explain};
pub use self::explained::SET_BY_ROUTE;
pub use self::guard::{Guard, Guarded, Patience, StreamLimits};
pub use self::head::fold;
pub use self::identity_headers::{Identification, IdentityHeaders};
pub use self::live::Settings;
pub use self::routes::{RouteView, RouteWords};
pub use self::tally::{Counted, Tally};
pub use self::traffic::Hour;
pub use self::upstream::{
    Authorities, Balance, ClientIdentity, Ejection, Failed, HealthCheck, Protocol, ServerSettings,
    ServerState, ServerView, TlsSettings, UpstreamSettings, UpstreamView,
};
pub use self::wire::{Arrivals, Wire};

pub use self::client::ServerName;
pub use crate::api::Endpoints;

use self::bodies::BodyMemory;
use self::live::Live;
use self::shadow::Beside;
use crate::auth::Auth;
use crate::metrics::Metrics;
use arc_swap::ArcSwap;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::Notify;

/// Answers the endpoints and forwards what the policy permits.
///
/// Clones are one gateway: they share everything.
#[derive(Clone)]
pub struct Gateway {
    auth: Arc<Auth>,
    beside: Arc<Beside>,
    bodies: Arc<BodyMemory>,
    console: Option<Arc<dyn Console>>,
    face: Face,
    live: Arc<ArcSwap<Live>>,
    metrics: Arc<Metrics>,
    /// Wakes whoever keeps the upstreams.
    wake: Arc<Notify>,
}

impl Gateway {
    /// Puts the parts together.
    pub fn new(auth: Arc<Auth>, metrics: Arc<Metrics>, settings: Settings) -> Self {
        metrics.shadow_is(settings.is_shadow());
        let live = Arc::new(ArcSwap::from_pointee(Live::new(settings, None)));
        Self {
            auth,
            beside: Arc::new(Beside::new(Arc::clone(&metrics))),
            bodies: Arc::default(),
            console: None,
            face: Face::Public,
            live,
            metrics,
            wake: Arc::default(),
        }
    }

    /// The same gateway, with a console.
    #[must_use]
    pub fn with_console(self, console: Arc<dyn Console>) -> Self {
        Self { console: Some(console), ..self }
    }

    /// The same gateway as it is on a listener.
    #[must_use]
    pub fn showing(&self, face: Face) -> Self {
        Self { face, ..self.clone() }
    }

    /// Serves the requests that begin from now on by other settings.
    pub fn apply(&self, settings: Settings) {
        self.metrics.shadow_is(settings.is_shadow());
        self.beside.is_over(!settings.is_shadow());
        let live = Live::new(settings, Some(&self.live.load()));
        self.live.store(Arc::new(live));
        self.wake.notify_one();
    }

    /// How the upstreams and their servers are, as this gateway has found them.
    pub fn upstreams(&self) -> Vec<UpstreamView> {
        self.live.load().upstreams.iter().map(|upstream| upstream.view()).collect()
    }

    /// Does what has to be done beside the requests, for as long as there are any.
    pub async fn keep(&self) -> Infallible {
        let (never, _) = tokio::join!(self.keep_upstreams(), self.keep_judging());
        never
    }

    /// Resolves the names of upstreams and asks their servers how they are, for as long as requests
    /// are served. Without it no request reaches a server that is written by its name.
    async fn keep_upstreams(&self) -> Infallible {
        upstream::keep(&self.live, &self.wake, &self.metrics).await
    }
}
