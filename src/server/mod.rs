//! Puts the parts together and runs them until the process is told to stop.
//!
//! The main thread accepts connections, hears of revocations, signals and commands, and does the
//! upkeep; the workers, a thread for each core, serve.

mod accept;
mod connection;
mod connections;
pub mod control;
mod descriptors;
pub mod handover;
pub mod listener;
mod listening;
pub mod log;
mod notify;
mod ops;
pub mod proxy_protocol;
pub mod redirect;
mod reload;
pub mod small;
mod stop;
pub mod tls;
mod upkeep;
mod watch;
mod worker;

use self::accept::{Door, Reception, accept_all, bind, register};
use self::control::{Asker, Command, Control};
use self::handover::{Listening, Predecessor, Program};
use self::listener::{ConnectionLimits, ListenerSettings};
use self::listening::Listener;
use self::log::Log;
use self::ops::Ops;
use self::reload::Running;
use self::stop::{Ending, drain};
use self::tls::TlsError;
use self::watch::FileWatch;
use self::worker::Workers;
use crate::auth::Auth;
use crate::config::{Config, Source};
use crate::gateway::{Gateway, Guard};
use crate::metrics::Metrics;
use crate::store::{self, StoreError};
use arc_swap::ArcSwap;
use ipnet::IpNet;
use pingora::apps::http_app::HttpServer;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::{Sender, channel};
use tokio::task::JoinSet;
use tokio::time::interval;

/// What an operator may set of the process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Where commands come in, if they may.
    pub control: Option<PathBuf>,
    /// How long requests in flight may take once the process is told to stop.
    pub grace: Duration,
    /// What connections must keep to.
    pub limits: ConnectionLimits,
    /// Where to listen, and how.
    pub listeners: Vec<ListenerSettings>,
    /// Where operators ask how the gateway is, if they may.
    pub ops_listen: Option<SocketAddr>,
    /// How many threads serve requests.
    pub threads: usize,
}

/// What connections must keep to.
struct Limits {
    connections: ConnectionLimits,
    /// They speak for many clients.
    trusted_proxies: Vec<IpNet>,
}

impl Limits {
    fn of(config: &Config) -> Self {
        Self {
            connections: config.server.limits.clone(),
            trusted_proxies: config.gateway.trusted_proxies.clone(),
        }
    }

    /// How many connections an address may have; `None` is any number.
    fn most_from(&self, address: IpAddr) -> Option<usize> {
        let speaks_for_many = self.trusted_proxies.iter().any(|network| network.contains(&address));
        self.connections.max_connections_per_address.filter(|_| !speaks_for_many)
    }
}

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Commands cannot come in.
    #[error("cannot listen for commands at {path}", path = path.display())]
    Control {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] crate::auth::HashError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system does not give what a process needs.
    #[error("cannot start")]
    System(#[from] io::Error),
    /// The store cannot serve as one.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The process before this one did not hand over its listeners.
    #[error("no listeners were handed over")]
    TakeOver(#[source] io::Error),
    /// The certificates of a listener cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What a gateway starts with.
pub struct Start {
    /// The settings.
    pub config: Config,
    /// Where to read them again.
    pub source: Source,
    /// Whether to do that whenever their file changes.
    pub is_watching: bool,
    /// The log.
    pub log: Log,
    /// The process that it takes over from, if it does.
    pub predecessor: Option<Predecessor>,
}

/// Runs a gateway, and something of the caller's own beside it, until the process is told to stop;
/// then ends the process.
pub fn run(
    start: Start,
    beside: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let program = Program::this()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let mut gate = Gate::open(start).await?;
        gate.tasks.spawn(beside);
        let ending = gate.serve(&mut signals, &program).await;
        gate.close(ending, &mut signals).await;
        std::process::exit(0)
    })
}

/// A gateway with its doors.
struct Gate {
    control: Option<Control>,
    door: Sender<Door>,
    doors: JoinSet<()>,
    file: Option<FileWatch>,
    running: Running,
    /// The listening sockets, to be handed over.
    sockets: Vec<Listening>,
    stopping: Sender<bool>,
    /// What goes on beside the requests.
    tasks: JoinSet<()>,
}

impl Gate {
    async fn open(start: Start) -> Result<Self, StartError> {
        let Start { config, source, is_watching, log, predecessor } = start;
        let inherited = predecessor.as_ref().map(Predecessor::sockets).transpose()?;
        let sockets = sockets(&config, inherited.unwrap_or_default())?;
        descriptors::raise_limit(&config.server.limits);
        let store = store::open(&config.store)?;
        inspect(&*store).await?;
        let control = config.server.control.as_deref();
        let control =
            control.map(|path| Control::listen(path, predecessor.is_some())).transpose()?;
        let metrics = Arc::new(Metrics::default());
        let auth = Auth::open(store, Arc::clone(&metrics), config.auth.clone())?;
        let auth = Arc::new(auth);
        let gateway = Gateway::new(Arc::clone(&auth), Arc::clone(&metrics), config.gateway.clone());
        let (stopping, is_stopping) = channel(false);
        let reception = Arc::new(Reception {
            connections: Arc::default(),
            guard: Arc::new(Guard::new(gateway.clone())),
            limits: ArcSwap::from_pointee(Limits::of(&config)),
            metrics,
            stopping: is_stopping,
            workers: Workers::start(config.server.threads, &gateway)?,
        });
        let listeners = config.server.listeners.iter().cloned().map(Listener::new);
        let listeners =
            listeners.map(|listener| listener.map(Arc::new)).collect::<Result<_, _>>()?;
        let file = is_watching.then(|| source.file.clone().map(FileWatch::new)).flatten();
        let grace = config.server.grace;
        let running = Running {
            auth,
            gateway,
            grace,
            listeners,
            log,
            reception,
            source,
            started_with: config,
        };
        let (door, _) = channel(Door::Open);
        let (doors, tasks) = (JoinSet::new(), JoinSet::new());
        let mut gate = Self { control, door, doors, file, running, sockets, stopping, tasks };
        gate.start_tasks();
        gate.open_doors()?;
        if let Some(predecessor) = predecessor {
            predecessor.is_relieved();
        }
        notify::ready();
        Ok(gate)
    }

    fn start_tasks(&mut self) {
        let Running { auth, gateway, reception, .. } = &self.running;
        let keeper = gateway.clone();
        self.tasks.spawn(async move {
            let never = keeper.keep_upstreams().await;
            match never {}
        });
        let feed = Arc::clone(auth);
        self.tasks.spawn(async move {
            let never = feed.follow_store().await;
            match never {}
        });
        let refresher = Arc::clone(auth);
        self.tasks.spawn(async move { refresher.refresh_tokens().await });
        let sweeper = Arc::clone(auth);
        self.tasks.spawn(async move { upkeep::sweep(&sweeper).await });
        self.tasks.spawn(notify::watchdog(Arc::clone(reception)));
    }

    fn open_doors(&mut self) -> Result<(), StartError> {
        let Running { auth, listeners, reception, .. } = &self.running;
        for (address, socket) in &self.sockets {
            let socket = socket.try_clone()?;
            let Some(listener) = listeners.iter().find(|one| one.address == *address) else {
                let ops = Ops::new(Arc::clone(auth), Arc::clone(&reception.metrics));
                self.tasks.spawn(async {
                    if let Err(error) = small::serve(HttpServer::new_app(ops), socket).await {
                        tracing::error!(%error, "operators cannot ask");
                    }
                });
                continue;
            };
            let scheme = if listener.how().settings.tls.is_some() { "https" } else { "http" };
            tracing::info!("listening on {scheme}://{address}");
            let (listener, reception) = (Arc::clone(listener), Arc::clone(reception));
            let socket = register(socket)?;
            self.doors.spawn(accept_all(listener, socket, reception, self.door.subscribe()));
        }
        Ok(())
    }

    /// Serves until there is a reason to stop.
    async fn serve(&mut self, signals: &mut Signals, program: &Program) -> Ending {
        /// How soon a changed file is noticed.
        const GLANCE: Duration = Duration::from_secs(1);
        let mut glance = interval(GLANCE);
        loop {
            tokio::select! {
                told = signals.next() => match told {
                    Told::End => std::process::exit(0),
                    Told::Reload => { let _ = self.reload().await; }
                    Told::Stop => return Ending::Told,
                },
                (command, asker) = next_command(self.control.as_ref()) => {
                    if self.obey(command, asker, program).await {
                        return Ending::HandedOver;
                    }
                }
                _ = glance.tick() => self.glance().await,
            }
        }
    }

    /// Does what it was told. True if another process has taken over.
    async fn obey(&mut self, command: Command, asker: Asker, program: &Program) -> bool {
        match command {
            Command::Reload => {
                asker.answer(self.reload().await).await;
                false
            }
            Command::Upgrade => {
                let sockets: Vec<_> = self
                    .sockets
                    .iter()
                    .map(|(address, socket)| (*address, socket.as_fd()))
                    .collect();
                let outcome = program.take_over(&sockets).await;
                let is_done = outcome.is_ok();
                match &outcome {
                    Ok(process) => tracing::info!(process, "another process has taken over"),
                    Err(error) => tracing::error!(error, "not upgraded"),
                }
                asker.answer(outcome.map(|process| format!("process {process} serves"))).await;
                is_done
            }
        }
    }

    async fn reload(&mut self) -> Result<String, String> {
        notify::reloading();
        let outcome = self.running.reload().await;
        notify::ready();
        outcome
    }

    async fn glance(&mut self) {
        for listener in &self.running.listeners {
            listener.refresh_certificates();
        }
        if self.file.as_mut().is_some_and(FileWatch::has_changed) {
            let _ = self.reload().await;
        }
    }

    async fn close(mut self, ending: Ending, signals: &mut Signals) {
        if ending == Ending::Told {
            notify::stopping();
        }
        drop(self.control.take());
        self.sockets.clear();
        let Running { grace, log, reception, .. } = self.running;
        tokio::select! {
            () = drain(ending, grace, &reception, &self.door, &self.stopping, &mut self.doors) => {}
            // Told twice: someone is in a hurry.
            () = signals.stop_again() => {}
        }
        log.finish();
    }
}

async fn next_command(control: Option<&Control>) -> (Command, Asker) {
    match control {
        Some(control) => control.next().await,
        None => std::future::pending().await,
    }
}

/// A socket for each address that is to be listened on: one that another process had, or a new one.
fn sockets(config: &Config, mut inherited: Vec<Listening>) -> Result<Vec<Listening>, StartError> {
    let listeners = config.server.listeners.iter().map(|listener| listener.address);
    let sockets = listeners.chain(config.server.ops_listen).map(|address| {
        let known = inherited.iter().position(|(known, _)| *known == address);
        match known {
            Some(known) => Ok(inherited.swap_remove(known)),
            None => Ok((address, bind(address)?)),
        }
    });
    sockets.collect()
}

/// Tells the operator what the store is. One that does not answer may come back; one that cannot
/// serve never will.
async fn inspect(store: &dyn store::Store) -> Result<(), StartError> {
    match store.inspect().await {
        Ok(inspection) => {
            tracing::info!(
                version = env!("CARGO_PKG_VERSION"),
                store = inspection.summary,
                "authgate"
            );
            for warning in inspection.warnings {
                tracing::warn!("{warning}");
            }
            Ok(())
        }
        Err(error @ StoreError::Unavailable(_)) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the store does not answer yet; public routes are served");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// What the process is told by signals.
struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

enum Told {
    /// SIGINT, the operator's own Ctrl-C: without waiting.
    End,
    /// SIGHUP.
    Reload,
    /// SIGTERM: once what is in flight is finished.
    Stop,
}

impl Signals {
    fn listen() -> Result<Self, StartError> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.interrupt.recv() => Told::End,
            _ = self.terminate.recv() => {
                tracing::info!("stopping: requests in flight are finished");
                Told::Stop
            }
        }
    }

    async fn stop_again(&mut self) {
        loop {
            if let Told::End | Told::Stop = self.next().await {
                return;
            }
        }
    }
}
