//! A listener as its settings make it: they may change while it listens.

use super::listener::ListenerSettings;
use super::tls::{Certificates, Refreshed, TlsError};
use crate::clock::{Clock, SystemClock};
use crate::metrics::Metrics;
use arc_swap::ArcSwap;
use pingora::listeners::tls::Acceptor;
use std::net::SocketAddr;
use std::sync::Arc;

/// One listener.
pub(super) struct Listener {
    /// Where it listens, as the settings say.
    pub address: SocketAddr,
    how: ArcSwap<How>,
    metrics: Arc<Metrics>,
}

/// How the connections of a listener are treated.
pub(super) struct How {
    certificates: Option<Certificates>,
    pub settings: ListenerSettings,
}

impl Listener {
    /// A listener by these settings.
    pub(super) fn new(settings: ListenerSettings, metrics: Arc<Metrics>) -> Result<Self, TlsError> {
        let address = settings.address;
        let how = How::new(settings)?;
        how.warn(address);
        let listener = Self { address, how: ArcSwap::from_pointee(how), metrics };
        listener.note_certificates();
        Ok(listener)
    }

    /// How connections are treated at this moment.
    pub(super) fn how(&self) -> Arc<How> {
        self.how.load_full()
    }

    /// Treats the connections that come from now on in another way.
    pub(super) fn apply(&self, how: How) {
        self.how.store(Arc::new(how));
        self.note_certificates();
    }

    fn note_certificates(&self) {
        let shown = self.how.load().certificates.as_ref().map(|all| all.shown_at(self.address));
        self.metrics.listener_shows(self.address, shown.unwrap_or_default());
    }

    /// Reads certificates again whose files have changed. Broken ones change nothing.
    pub(super) fn refresh_certificates(&self) {
        let how = self.how.load();
        let Some(certificates) = &how.certificates else { return };
        match certificates.refresh() {
            Refreshed::Unchanged => {}
            Refreshed::Changed(names) => {
                let names = names.join(", ");
                tracing::info!(listener = %self.address, names, "certificates read again");
                how.warn(self.address);
                self.note_certificates();
            }
            Refreshed::Kept(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(listener = %self.address, error, "certificates kept as they were");
            }
        }
    }
}

impl How {
    /// The way of these settings.
    pub(super) fn new(settings: ListenerSettings) -> Result<Self, TlsError> {
        let certificates = settings.tls.clone().map(Certificates::load).transpose()?;
        Ok(Self { certificates, settings })
    }

    fn warn(&self, listener: SocketAddr) {
        let now = SystemClock.now();
        for warning in self.certificates.iter().flat_map(|all| all.warnings(now)) {
            tracing::warn!(%listener, "{warning}");
        }
    }

    /// Who agrees on TLS with clients, if it is spoken.
    pub(super) fn acceptor(&self) -> Option<Arc<Acceptor>> {
        self.certificates.as_ref().map(Certificates::acceptor)
    }
}
