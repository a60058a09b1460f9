//! A server that is written by its name: it has as many addresses as the name has.

use super::resolve::{Found, resolve};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A name, and what it led to.
pub(super) struct Name {
    host: String,
    /// Its place among the upstream's servers as they are written.
    pub place: usize,
    port: u16,
    state: Mutex<State>,
}

struct State {
    addresses: Vec<IpAddr>,
    due: Instant,
    is_running: bool,
    /// Whether it was asked for at all, with whatever result.
    is_settled: bool,
    /// Why it could not be resolved when it was asked for last, if so.
    problem: Option<String>,
    resolved: Option<Instant>,
}

impl Name {
    /// How soon a name that could not be resolved is asked for again, and how soon one whose
    /// addresses do not answer.
    const PAUSE: Duration = Duration::from_secs(1);

    /// A name that is due.
    pub(super) fn new(host: &str, port: u16, place: usize) -> Self {
        let state = State {
            addresses: vec![],
            due: Instant::now(),
            is_running: false,
            is_settled: false,
            problem: None,
            resolved: None,
        };
        Self { host: host.to_owned(), place, port, state: Mutex::new(state) }
    }

    /// The addresses that it had last.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.state().addresses.iter().map(|ip| SocketAddr::from((*ip, self.port))).collect()
    }

    /// Why it could not be resolved last, if it could not.
    pub(super) fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    /// Leads to this address from now on.
    #[cfg(test)]
    pub(super) fn lead_to(&self, address: IpAddr) {
        self.state().addresses = vec![address];
    }

    /// Whether it was asked for at all, with whatever result.
    pub(super) fn is_settled(&self) -> bool {
        self.state().is_settled
    }

    /// When to ask for it next; `None` while someone does.
    pub(super) fn due(&self) -> Option<Instant> {
        let state = self.state();
        (!state.is_running).then_some(state.due)
    }

    /// Has it asked for before its time is over: its addresses do not answer. Whether it is due sooner
    /// now than it was.
    pub(super) fn doubt(&self) -> bool {
        let mut state = self.state();
        let Some(resolved) = state.resolved else { return false };
        let due = state.due.min(resolved + Self::PAUSE);
        let is_sooner = due < state.due;
        state.due = due;
        is_sooner
    }

    /// Notes that it is being asked for.
    pub(super) fn begin(&self) {
        self.state().is_running = true;
    }

    /// Asks for its addresses. Whether they are others now: where nobody can tell, they stay.
    pub(super) async fn refresh(&self, upstream: &str, servers: &[SocketAddr]) -> bool {
        let found = resolve(&self.host, servers).await;
        let now = Instant::now();
        let mut state = self.state();
        let was_settled = std::mem::replace(&mut state.is_settled, true);
        state.is_running = false;
        state.resolved = Some(now);
        match found {
            Ok(Found { addresses, lasts }) => {
                state.due = now + lasts;
                let is_new = state.addresses != addresses;
                if is_new {
                    tracing::info!(upstream, name = self.host, ?addresses, "name resolved");
                }
                state.addresses = addresses;
                state.problem = None;
                is_new || !was_settled
            }
            Err(error) => {
                state.due = now + Self::PAUSE;
                let kept = state.addresses.len();
                tracing::warn!(upstream, name = self.host, error, kept, "name not resolved");
                state.problem = Some(error);
                !was_settled
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
