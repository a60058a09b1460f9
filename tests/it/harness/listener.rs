//! A listener of a gateway beside the one that every test has.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use authgate::clock::{Clock, SystemClock};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::gateway::Gateway;
use super::http::HOST;
use super::{eventually, folder, free_address};

/// Where else a gateway listens, and how.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    terms: String,
    /// Holds its certificate.
    folder: TempDir,
}

impl Listener {
    /// One without TLS that speaks HTTP/1.1 and, to clients that know, HTTP/2.
    pub(crate) fn h2c() -> Self {
        Self::on("h2c = true\n")
    }

    /// One on these terms.
    pub(crate) fn on(terms: &str) -> Self {
        Self { address: free_address(), terms: terms.to_owned(), folder: folder() }
    }

    /// One of TLS, with a certificate for [`HOST`] that nobody has signed.
    pub(crate) fn tls() -> Self {
        let listener = Self::on("");
        listener.renew(Duration::from_hours(24 * 365));
        let path = |name| listener.folder.path().join(name).display().to_string();
        let terms = format!(
            "certificates = [{{ certificate = \"{}\", key = \"{}\" }}]\n",
            path("certificate.pem"),
            path("key.pem")
        );
        Self { terms, ..listener }
    }

    /// Gives it another certificate, which holds for so long.
    pub(crate) fn renew(&self, holds: Duration) {
        let now = Duration::from_micros(SystemClock.now().micros().try_into().unwrap());
        let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
        params.not_after = date_time_ymd(1970, 1, 1) + now + holds;
        let key = KeyPair::generate().unwrap();
        let write = |name, text: String| fs::write(self.folder.path().join(name), text).unwrap();
        write("certificate.pem", params.self_signed(&key).unwrap().pem());
        write("key.pem", key.serialize_pem());
    }

    /// Starts a gateway that listens here too.
    pub(crate) fn gateway(&self, settings: &str) -> Gateway {
        let gateway = Gateway::start(&(settings.to_owned() + &self.settings()));
        self.until_open();
        gateway
    }

    /// The same for a gateway that tells what it counts.
    pub(crate) fn metered_gateway(&self, settings: &str) -> Gateway {
        let gateway = Gateway::metered(&(settings.to_owned() + &self.settings()));
        self.until_open();
        gateway
    }

    /// The settings of this listener; keys of that table may follow.
    pub(crate) fn settings(&self) -> String {
        let Self { address, terms, .. } = self;
        format!("\n[[listeners]]\naddress = \"{address}\"\n{terms}")
    }

    /// Waits for it: a gateway opens its doors one after the other.
    pub(crate) fn until_open(&self) {
        eventually("the other listener", || TcpStream::connect(self.address).ok());
    }

    /// The certificate's file.
    pub(crate) fn certificate(&self) -> String {
        self.folder.path().join("certificate.pem").display().to_string()
    }
}
