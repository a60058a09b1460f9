//! What goes on beside the requests: names are resolved, servers are asked how they are, and whatever
//! changes is told.

use super::Upstream;
use super::health::Prober;
use super::server::Server;
use crate::gateway::live::Live;
use crate::metrics::Metrics;
use arc_swap::ArcSwap;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::sleep_until;

/// Keeps the upstreams of whatever settings are at work. Looks again when it is woken.
pub(in super::super) async fn keep(
    live: &ArcSwap<Live>,
    wake: &Notify,
    metrics: &Metrics,
) -> Infallible {
    let mut keeper = Keeper::default();
    loop {
        let next = keeper.look(&live.load_full());
        keeper.told.tell(&live.load(), metrics);
        let next = next.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
        tokio::select! {
            () = wake.notified() => {}
            () = sleep_until(next.into()) => {}
            Some(()) = keeper.work.next(), if !keeper.work.is_empty() => {}
        }
    }
}

#[derive(Default)]
struct Keeper {
    prober: Arc<OnceLock<Prober>>,
    told: Told,
    work: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Keeper {
    /// Begins what is due; when to look again.
    fn look(&mut self, live: &Arc<Live>) -> Option<Instant> {
        let now = Instant::now();
        let mut next = None;
        let mut later = |at: Instant| next = Some(next.map_or(at, |next: Instant| next.min(at)));
        for upstream in &live.upstreams {
            for (place, name) in upstream.names.iter().enumerate() {
                match name.due() {
                    Some(due) if due <= now => {
                        name.begin();
                        let work = refresh(Arc::clone(upstream), place, Arc::clone(live));
                        self.work.push(Box::pin(work));
                    }
                    Some(due) => later(due),
                    None => {}
                }
            }
            for server in upstream.pool.load().servers() {
                server.left_out_for().into_iter().for_each(|left| later(now + left));
                let Some(check) = &upstream.settings.health else { continue };
                let mut checks = server.checks();
                if checks.due <= now && !checks.is_running {
                    checks.is_running = true;
                    checks.due = now + check.interval;
                    let (upstream, server) = (Arc::clone(upstream), Arc::clone(server));
                    self.work.push(Box::pin(probe(upstream, server, Arc::clone(&self.prober))));
                }
                if !checks.is_running {
                    later(checks.due);
                }
            }
        }
        next
    }
}

async fn refresh(upstream: Arc<Upstream>, place: usize, live: Arc<Live>) {
    let Some(name) = upstream.names.get(place) else { return };
    if name.refresh(&upstream.settings.name, &live.settings.name_servers).await {
        upstream.gather();
    }
}

async fn probe(upstream: Arc<Upstream>, server: Arc<Server>, prober: Arc<OnceLock<Prober>>) {
    if let Some(check) = &upstream.settings.health {
        let prober = prober.get_or_init(Prober::new);
        prober.check(&upstream, &server, check).await;
    }
    server.checks().is_running = false;
}

/// What was told of each server: whether it is up.
#[derive(Default)]
struct Told(BTreeMap<(String, SocketAddr), bool>);

impl Told {
    /// Tells what has changed.
    fn tell(&mut self, live: &Live, metrics: &Metrics) {
        let mut gone = std::mem::take(&mut self.0);
        for upstream in &live.upstreams {
            let name = &upstream.settings.name;
            let pool = upstream.pool.load();
            for server in pool.servers() {
                let key = (name.clone(), server.address);
                // Several names may lead there, each with a server of its own.
                if self.0.contains_key(&key) {
                    continue;
                }
                let mut same = pool.servers().iter().filter(|one| one.address == server.address);
                let is_up = same.all(|one| one.is_up());
                let was_up = gone.remove(&key);
                if was_up != Some(is_up) {
                    metrics.server_is(name, server.address, is_up);
                }
                match (was_up.unwrap_or(true), is_up) {
                    (true, false) => warn_of(name, server),
                    (false, true) => {
                        tracing::info!(upstream = name, server = %server.address, "server up");
                    }
                    (true, true) | (false, false) => {}
                }
                self.0.insert(key, is_up);
            }
        }
        for (name, address) in gone.keys() {
            metrics.server_gone(name, *address);
        }
    }
}

fn warn_of(upstream: &str, server: &Server) {
    let why = if server.is_healthy() { "its connections fail" } else { "its health check" };
    tracing::warn!(upstream, server = %server.address, why, "server down");
}
