//! When the certificates expire that listeners show.

use super::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

/// A certificate that a listener shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShownCertificate {
    /// When it expires, in seconds since 1970.
    pub expires: i64,
    /// Its file.
    pub file: String,
    /// The address of the listener.
    pub listener: SocketAddr,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Shown {
    all: Mutex<Vec<ShownCertificate>>,
    gauges: Family<Label, Gauge>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Label {
    listener: String,
    file: String,
}

impl Label {
    fn of(certificate: &ShownCertificate) -> Self {
        let ShownCertificate { file, listener, .. } = certificate;
        Self { listener: listener.to_string(), file: file.clone() }
    }
}

impl Shown {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "When a certificate that a listener shows expires, in seconds since 1970";
        registry.register("certificate_expiry_timestamp_seconds", help, self.gauges.clone());
    }
}

impl Metrics {
    /// Notes which certificates a listener shows from now on, in place of those before.
    pub fn listener_shows(&self, listener: SocketAddr, certificates: Vec<ShownCertificate>) {
        let mut all = self.certificates.all.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in all.extract_if(.., |known| known.listener == listener) {
            self.certificates.gauges.remove(&Label::of(&gone));
        }
        for certificate in &certificates {
            let gauge = self.certificates.gauges.get_or_create(&Label::of(certificate));
            gauge.set(certificate.expires);
        }
        all.extend(certificates);
    }

    /// The certificates that listeners show.
    pub fn certificates(&self) -> Vec<ShownCertificate> {
        self.certificates.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
