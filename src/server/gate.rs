//! The gateway as the main thread has it: its doors, what goes on beside the requests, and whoever
//! tells it what to do.

use super::accept::{Door, accept_all, bind, register};
use super::assemble::put_together;
use super::control::{Asker, Command, Control};
use super::handover::{Listening, Predecessor, Program};
use super::listener::ListenerSettings;
use super::ops::Ops;
use super::reload::Running;
use super::signals::{Signals, Told};
use super::stop::{Doors, Ending};
use super::watch::FileWatch;
use super::{Start, StartError, descriptors, notify, routes, setup, small, upkeep, upstreams};
use crate::config::Config;
use crate::model::event::EventName;
use pingora::apps::http_app::HttpServer;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::watch::channel;
use tokio::task::JoinSet;
use tokio::time::interval;

/// A gateway with its doors.
pub(super) struct Gate {
    commands: Option<mpsc::Receiver<(Command, Asker)>>,
    doors: Doors,
    file: Option<FileWatch>,
    running: Running,
    /// The listening sockets, to be handed over.
    sockets: Vec<Listening>,
    /// What goes on beside the requests.
    tasks: JoinSet<()>,
}

impl Gate {
    /// Opens the doors, once all that is behind them is there.
    pub(super) async fn open(start: Start) -> Result<Self, StartError> {
        let Start { config, source, watch: file, log, mut predecessor } = start;
        let inherited = predecessor.as_mut().map(Predecessor::sockets);
        let sockets = sockets(&config, inherited.unwrap_or_default())?;
        descriptors::raise_limit(&config.server.limits);
        let control = config.server.control.clone();
        let (stopping, is_stopping) = channel(false);
        let doors = Doors { door: channel(Door::Open).0, listeners: JoinSet::new(), stopping };
        let running = put_together(config, source, log, is_stopping).await?;
        let tasks = JoinSet::new();
        let mut gate = Self { commands: None, doors, file, running, sockets, tasks };
        // As late as can be: a process that is taken over from loses its own by this.
        if let Some(path) = control {
            gate.listen_for_commands(Control::listen(&path, predecessor.is_some())?);
        }
        gate.start_tasks();
        let started =
            format!("version {}, process {}", env!("CARGO_PKG_VERSION"), std::process::id());
        gate.running.auth.tell(EventName::GatewayStarted, Some(&started));
        gate.open_doors()?;
        if predecessor.is_some() {
            Predecessor::may_go();
        }
        notify::ready();
        Ok(gate)
    }

    fn listen_for_commands(&mut self, control: Control) {
        let (to, commands) = mpsc::channel(1);
        self.tasks.spawn(control.pass_on(to));
        self.commands = Some(commands);
    }

    /// Runs something for as long as the gateway serves.
    pub(super) fn run_beside(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    fn start_tasks(&mut self) {
        let Running { auth, gateway, reception, started_with, .. } = &self.running;
        if let Some(console) = setup::console_url(started_with) {
            let auth = Arc::clone(auth);
            self.tasks.spawn(async move { setup::offer(&auth, &console).await });
        }
        let keeper = gateway.clone();
        let [
            attendant,
            counter,
            feed,
            limiter,
            networks,
            recorder,
            refresher,
            revoker,
            sweeper,
            rewriter,
            watcher,
        ] = [(); 11].map(|()| Arc::clone(auth));
        self.tasks.spawn(notify::watchdog(Arc::clone(reception)));
        self.run_beside(async move { match keeper.keep().await {} });
        self.run_beside(async move { match attendant.look_after_store().await {} });
        self.run_beside(async move { match feed.follow_store().await {} });
        self.run_beside(async move { match counter.keep_series().await {} });
        self.run_beside(async move { match limiter.keep_limits().await {} });
        self.run_beside(async move { match networks.keep_networks().await {} });
        self.run_beside(async move { match recorder.keep_events().await {} });
        self.run_beside(async move { refresher.refresh_tokens().await });
        self.run_beside(async move { match revoker.keep_revocations().await {} });
        self.run_beside(async move { rewriter.rewrite_tokens().await });
        self.run_beside(async move { match watcher.keep_uses().await {} });
        self.run_beside(async move { upkeep::sweep(&sweeper).await });
    }

    fn open_doors(&mut self) -> Result<(), StartError> {
        let Running { auth, listeners, reception, .. } = &self.running;
        for (address, socket) in &self.sockets {
            let socket = socket.try_clone()?;
            let Some(listener) = listeners.iter().find(|one| one.address == *address) else {
                let ops = Ops::new(Arc::clone(auth), Arc::clone(&reception.metrics));
                let mut door = self.doors.door.subscribe();
                self.tasks.spawn(async move {
                    // Another process tells how it is itself; while this one stops it still does.
                    let end = async { drop(door.wait_for(|door| *door == Door::HandedOver).await) };
                    if let Err(error) = small::serve(HttpServer::new_app(ops), socket, end).await {
                        tracing::error!(%error, "operators cannot ask");
                    }
                });
                continue;
            };
            let scheme = if listener.how().settings.tls.is_some() { "https" } else { "http" };
            tracing::info!("listening on {scheme}://{address}");
            tell_of_the_console(&self.running, &listener.how().settings, scheme);
            let (listener, reception) = (Arc::clone(listener), Arc::clone(reception));
            let socket = register(socket)?;
            let door = self.doors.door.subscribe();
            self.doors.listeners.spawn(accept_all(listener, socket, reception, door));
        }
        Ok(())
    }

    /// Serves until there is a reason to stop; `None` if nothing is to be finished before.
    pub(super) async fn serve(
        &mut self,
        signals: &mut Signals,
        program: &Program,
    ) -> Option<Ending> {
        /// How soon a changed file is noticed.
        const GLANCE: Duration = Duration::from_secs(1);
        let mut glance = interval(GLANCE);
        loop {
            tokio::select! {
                told = signals.next() => match told {
                    Told::End => return None,
                    Told::Reload => { let _ = self.reload().await; }
                    Told::Stop => return Some(Ending::Told),
                },
                (command, asker) = next_command(self.commands.as_mut()) => {
                    let ending = self.obey(command, asker, program, signals).await;
                    if ending.is_some() {
                        return ending;
                    }
                }
                _ = glance.tick() => self.glance().await,
                Some(Err(error)) = self.tasks.join_next() => {
                    tracing::error!(%error, "a task has failed without which none may be served");
                    return Some(Ending::Broken);
                }
            }
        }
    }

    /// Does what it was told. Why the gateway has to stop, if it has.
    async fn obey(
        &mut self,
        command: Command,
        asker: Asker,
        program: &Program,
        signals: &mut Signals,
    ) -> Option<Ending> {
        match command {
            Command::Mode => {
                let is_shadow = self.running.reception.metrics.is_shadow();
                let mode = if is_shadow { Command::SHADOW } else { Command::GUARD };
                asker.answer(Ok(mode.to_owned())).await;
                return None;
            }
            Command::Reload => {
                asker.answer(self.reload().await).await;
                return None;
            }
            Command::Routes => {
                let routes = self.running.gateway.routes();
                asker.answer(Ok(routes::in_json(&routes))).await;
                return None;
            }
            Command::Upgrade => {}
            Command::Upstreams => {
                let upstreams = self.running.gateway.upstreams();
                asker.answer(Ok(upstreams::in_json(&upstreams))).await;
                return None;
            }
        }
        let sockets = self.sockets.iter();
        let sockets: Vec<_> = sockets.map(|(address, socket)| (*address, socket.as_fd())).collect();
        let outcome = tokio::select! {
            outcome = program.take_over(&sockets) => outcome,
            () = signals.stop_again() => {
                asker.answer(Err("the gateway was told to stop".to_owned())).await;
                return Some(Ending::Told);
            }
        };
        match &outcome {
            Ok(process) => tracing::info!(process, "another process has taken over"),
            Err(error) => tracing::error!(error, "not upgraded"),
        }
        let ending = outcome.is_ok().then_some(Ending::HandedOver);
        asker.answer(outcome.map(|process| format!("process {process} serves"))).await;
        ending
    }

    async fn reload(&mut self) -> Result<String, String> {
        notify::reloading();
        let outcome = self.running.reload().await;
        notify::ready();
        outcome
    }

    async fn glance(&mut self) {
        let listeners = self.running.listeners.clone();
        // Files may be slow, and this thread also accepts and hears of revocations.
        let refreshed = tokio::task::spawn_blocking(move || {
            for listener in listeners {
                listener.refresh_certificates();
            }
        });
        let _ = refreshed.await;
        if self.file.as_mut().is_some_and(FileWatch::has_changed) {
            let _ = self.reload().await;
        }
    }

    /// Ends what is served, as gently as the grace allows.
    pub(super) async fn close(mut self, ending: Ending, signals: &mut Signals) {
        if ending != Ending::HandedOver {
            notify::stopping();
        }
        drop(self.commands.take());
        self.sockets.clear();
        let Running { auth, grace, log, reception, upgrade_grace, .. } = self.running;
        let grace = if ending == Ending::HandedOver { upgrade_grace } else { grace };
        tokio::select! {
            () = self.doors.close(ending, grace, &reception) => {}
            // Told twice: someone is in a hurry.
            () = signals.stop_again() => {}
        }
        // Nobody else writes to the store from now on.
        self.tasks.shutdown().await;
        auth.tell(EventName::GatewayStopped, Some(&stopped(ending)));
        tokio::join!(
            auth.flush_events(LAST_EVENTS),
            auth.flush_series(LAST_EVENTS),
            auth.flush_uses(LAST_EVENTS),
        );
        log.finish();
    }
}

fn stopped(ending: Ending) -> String {
    let why = match ending {
        Ending::Broken => "a task failed",
        Ending::HandedOver => "another process has taken over",
        Ending::Told => "it was told to",
    };
    format!("process {}: {why}", std::process::id())
}

/// How long the last events may take to be written.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// Tells where operators find the console.
fn tell_of_the_console(running: &Running, listener: &ListenerSettings, scheme: &str) {
    let console = running.started_with.gateway.console.as_ref();
    let console = console.filter(|console| console.is_on(listener.face));
    if let (Some(console), None) = (console, &listener.redirect) {
        tracing::info!("console at {scheme}://{}{}/", listener.address, console.path);
    }
}

async fn next_command(commands: Option<&mut mpsc::Receiver<(Command, Asker)>>) -> (Command, Asker) {
    let next = async { commands?.recv().await };
    match next.await {
        Some(command) => command,
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
