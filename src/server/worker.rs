//! The threads that serve. A connection stays on one of them with all that belongs to it, those to
//! the app included, so that no request wakes another thread.

use crate::gateway::{Face, Gateway};
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// The proxy of one worker, with connections to the apps of its own.
pub(super) type Proxy = HttpProxy<Gateway>;

/// One thread and what runs on it.
pub(super) struct Worker {
    /// Where to run what it serves.
    pub handle: Handle,
    /// Its own, so that no worker waits for another.
    idle_ends: watch::Sender<bool>,
    /// What it serves with where only the console is.
    console: Arc<Proxy>,
    /// What it serves with.
    public: Arc<Proxy>,
}

impl Worker {
    /// Ends those of its connections that are idle, and from now on those that become so.
    pub(super) fn end_idle(&self) {
        self.idle_ends.send_replace(true);
    }

    /// Turns true when connections that are idle must end.
    pub(super) fn idle_ends(&self) -> watch::Receiver<bool> {
        self.idle_ends.subscribe()
    }

    /// What it serves with on a listener.
    pub(super) fn proxy(&self, face: Face) -> Arc<Proxy> {
        Arc::clone(match face {
            Face::Console => &self.console,
            Face::Public => &self.public,
        })
    }
}

/// All workers. They take turns.
pub(super) struct Workers {
    next: AtomicUsize,
    workers: Vec<Worker>,
}

impl Workers {
    /// Starts this many.
    pub(super) fn start(count: usize, gateway: &Gateway) -> io::Result<Self> {
        let settings = Arc::new(pingora_settings());
        let workers = (0..count).map(|number| {
            let [console, public] = [Face::Console, Face::Public]
                .map(|face| Arc::new(http_proxy(&settings, gateway.showing(face))));
            let idle_ends = watch::Sender::new(false);
            Ok(Worker { console, handle: start_thread(number)?, idle_ends, public })
        });
        Ok(Self { next: AtomicUsize::new(0), workers: workers.collect::<io::Result<_>>()? })
    }

    /// The one whose turn it is.
    pub(super) fn next(&self) -> Option<&Worker> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.workers.get(turn % self.workers.len().max(1))
    }

    /// Each of them.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Worker> {
        self.workers.iter()
    }
}

/// Runs what it is given until the process ends.
fn start_thread(number: usize) -> io::Result<Handle> {
    let (started, handle) = mpsc::channel();
    thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.inspect_err(|error| tracing::error!(%error, "no worker"));
        if let Ok(runtime) = runtime {
            let _ = started.send(runtime.handle().clone());
            runtime.block_on(pending::<()>());
        }
    })?;
    handle.recv().map_err(io::Error::other)
}

fn pingora_settings() -> ServerConf {
    ServerConf {
        // The most that an upstream may set, and the first try.
        max_retries: 11,
        // A worker is one thread.
        threads: 1,
        // As many as an app may have open at once: what does not fit is closed and made anew.
        upstream_keepalive_pool_size: 1024,
        ..ServerConf::default()
    }
}
