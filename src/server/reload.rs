//! Other settings for a gateway that runs.

use super::Limits;
use super::accept::Reception;
use super::listener::ListenerSettings;
use super::listening::{How, Listener};
use super::log::Log;
use crate::admin::{Console, Reading};
use crate::auth::Auth;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Source};
use crate::gateway::Gateway;
use crate::model::event::EventName;
use std::sync::Arc;
use std::time::Duration;

/// A gateway at work, and the settings that it works by.
pub(super) struct Running {
    pub auth: Arc<Auth>,
    pub console: Arc<Console>,
    pub gateway: Gateway,
    /// How long requests in flight may take once it is told to stop.
    pub grace: Duration,
    pub listeners: Vec<Arc<Listener>>,
    pub log: Log,
    pub reception: Arc<Reception>,
    pub source: Source,
    /// What it started with: some of it cannot change.
    pub started_with: Config,
    /// The same once another process has its listeners.
    pub upgrade_grace: Duration,
}

impl Running {
    /// Reads the settings again and puts them to work all at once, or changes nothing and says why
    /// not.
    pub(super) async fn reload(&mut self) -> Result<String, String> {
        let was_shadow = self.reception.metrics.is_shadow();
        let outcome = self.try_reload().await;
        let turned = turned(was_shadow, self.reception.metrics.is_shadow());
        let outcome = outcome.map(|done| match turned {
            Some(turned) => format!("{turned}; {done}"),
            None => done,
        });
        self.reception.metrics.reloaded(outcome.is_ok());
        match &outcome {
            Ok(done) => {
                self.auth.tell(EventName::SettingsReloaded, turned);
                tracing::info!("{done}");
            }
            Err(mistakes) => {
                self.auth.tell(EventName::ReloadRefused, Some(mistakes));
                self.console.settings_refused(SystemClock.now(), mistakes);
                for mistake in mistakes.lines() {
                    tracing::error!(mistake, "settings kept as they were");
                }
            }
        }
        outcome
    }

    async fn try_reload(&mut self) -> Result<String, String> {
        let source = self.source.clone();
        // Many routes take a while, and this thread also hears of revocations.
        let loaded = tokio::task::spawn_blocking(move || Config::load(&source)).await;
        let config = loaded.map_err(|error| error.to_string())?;
        let mut config = config.map_err(|mistakes| mistakes.to_string())?;
        let fixed = fixed_changes(&self.started_with, &config);
        keep_the_consoles_place(&self.started_with, &mut config);
        let listeners = config.server.listeners.clone();
        let hows = tokio::task::spawn_blocking(move || hows(listeners)).await;
        let hows = hows.map_err(|error| error.to_string())??;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        for how in hows {
            let mut listeners = self.listeners.iter();
            // One that the settings do not have any more stays as it is.
            if let Some(listener) = listeners.find(|one| one.address == how.settings.address) {
                listener.apply(how);
            }
        }
        self.log.set_level(config.log.level);
        let limits = Limits::of(&config);
        self.reception.guard.limit_streams(limits.streams());
        self.reception.limits.store(Arc::new(limits));
        self.grace = config.server.grace;
        self.upgrade_grace = config.server.upgrade_grace;
        let reading = reading(&config, &self.source, &fixed);
        self.auth.apply(config.auth);
        self.console.apply(config.admin, reading);
        self.gateway.apply(config.gateway);
        Ok(done(&fixed))
    }
}

/// What operators are told of the settings: these are at work from now on, but for some that wait.
pub(super) fn reading(config: &Config, source: &Source, waiting: &[&str]) -> Reading {
    Reading {
        file: source.file.as_ref().map(|file| file.display().to_string()),
        read: SystemClock.now(),
        refused: None,
        settings: config.effective.clone(),
        waiting: waiting.iter().map(ToString::to_string).collect(),
        warnings: config.warnings.iter().map(ToString::to_string).collect(),
    }
}

/// Leaves the console on the listeners that it is on: no listener can be opened for it now, and it
/// must not be on one that was not meant for it, nor be gone from all.
fn keep_the_consoles_place(old: &Config, new: &mut Config) {
    for listener in &mut new.server.listeners {
        let known = old.server.listeners.iter().find(|known| known.address == listener.address);
        listener.face = known.map_or(listener.face, |known| known.face);
    }
    if let (Some(old), Some(new)) = (&old.gateway.console, &mut new.gateway.console) {
        new.is_apart = old.is_apart;
    }
}

/// How each listener is to work. Reads certificates.
fn hows(listeners: Vec<ListenerSettings>) -> Result<Vec<How>, String> {
    let hows = listeners.into_iter().map(How::new);
    hows.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// What nobody may overlook.
fn turned(was_shadow: bool, is_shadow: bool) -> Option<&'static str> {
    match (was_shadow, is_shadow) {
        (false, true) => Some("nothing is guarded from now on"),
        (true, false) => Some("requests are guarded from now on"),
        (false, false) | (true, true) => None,
    }
}

fn done(fixed: &[&str]) -> String {
    if fixed.is_empty() {
        return "settings read again".to_owned();
    }
    format!(
        "settings read again; {} cannot change while the gateway runs: `authgate upgrade` or a \
         restart puts it to work",
        fixed.join(", ")
    )
}

/// The settings that differ and cannot change while a gateway runs.
fn fixed_changes(old: &Config, new: &Config) -> Vec<&'static str> {
    let [was, is] = [old, new].map(|config| config.server.console_listen);
    let addresses = |config: &Config| {
        let addresses = config.server.listeners.iter().map(|listener| listener.address);
        addresses.filter(|address| ![was, is].contains(&Some(*address))).collect::<Vec<_>>()
    };
    let is_open = |address| old.server.listeners.iter().any(|one| one.address == address);
    let is_console_elsewhere = new.admin.is_some() && (was != is || !is.is_none_or(is_open));
    let differs = [
        ("admin.listen", is_console_elsewhere),
        ("the addresses of listeners", addresses(old) != addresses(new)),
        ("log.format", old.log.format != new.log.format),
        ("ops.listen", old.server.ops_listen != new.server.ops_listen),
        ("passwords.argon2", old.auth.hashing != new.auth.hashing),
        ("passwords.imported_memory", old.auth.imported_memory != new.auth.imported_memory),
        ("passwords.threads", old.auth.hash_threads != new.auth.hash_threads),
        ("server.control", old.server.control != new.server.control),
        ("server.threads", old.server.threads != new.server.threads),
        ("store", old.store != new.store || old.auth.cache != new.auth.cache),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
