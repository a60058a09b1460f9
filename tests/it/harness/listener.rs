//! A listener of a gateway beside the one that every test has.

use std::fs;
use std::net::{SocketAddr, TcpStream};

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
        Self { address: free_address(), terms: "h2c = true\n".to_owned(), folder: folder() }
    }

    /// One of TLS, with a certificate for [`HOST`] that nobody has signed.
    pub(crate) fn tls() -> Self {
        let folder = folder();
        let path = |name| folder.path().join(name).display().to_string();
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        fs::write(path("certificate.pem"), made.cert.pem()).unwrap();
        fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let terms = format!(
            "certificates = [{{ certificate = \"{}\", key = \"{}\" }}]\n",
            path("certificate.pem"),
            path("key.pem")
        );
        Self { address: free_address(), terms, folder }
    }

    /// Starts a gateway that listens here too.
    pub(crate) fn gateway(&self, settings: &str) -> Gateway {
        let Self { address, terms, .. } = self;
        let listener = format!("\n[[listeners]]\naddress = \"{address}\"\n{terms}");
        let gateway = Gateway::start(&format!("{settings}{listener}"));
        // It opens its doors one after the other.
        eventually("the other listener", || TcpStream::connect(self.address).ok());
        gateway
    }

    /// The certificate's file.
    pub(crate) fn certificate(&self) -> String {
        self.folder.path().join("certificate.pem").display().to_string()
    }
}
