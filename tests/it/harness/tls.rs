//! Certificates, and apps that speak TLS with them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::{PATIENCE, folder};

/// Someone who signs certificates, with a folder for their files.
pub(crate) struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Identity {
    /// Their files.
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
    pub(crate) secret: PrivateKeyDer<'static>,
}

impl Identity {
    /// It, as the settings of a listener name it.
    pub(crate) fn setting(&self) -> String {
        let Self { certificate, key, .. } = self;
        format!("{{ certificate = \"{certificate}\", key = \"{key}\" }}")
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = folder();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    /// The file of its own certificate.
    pub(crate) fn file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// A certificate for a name or an address.
    pub(crate) fn sign(&self, name: &str) -> Identity {
        self.sign_all(name, &[name])
    }

    /// A certificate for several names, in files of that name.
    pub(crate) fn sign_all(&self, name: &str, names: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let folder = self.folder.path().display();
        let file = |kind| format!("{folder}/{name}.{kind}");
        fs::write(file("pem"), certificate.pem()).unwrap();
        fs::write(file("key"), key.serialize_pem()).unwrap();
        Identity {
            certificate: file("pem"),
            key: file("key"),
            der: certificate.der().clone(),
            secret: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    pub(crate) fn trusted(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        store.add(self.issuer.der().clone()).unwrap();
        store
    }
}

/// What a server of TLS is set to: who it is, whose clients it takes, what it can speak.
pub(crate) fn server_settings(
    identity: &Identity,
    clients_of: Option<&Authority>,
    protocols: &[&str],
) -> Arc<ServerConfig> {
    let provider = Arc::new(default_provider());
    let settings = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let settings = settings.with_safe_default_protocol_versions().unwrap();
    let settings = match clients_of {
        None => settings.with_no_client_auth(),
        Some(authority) => {
            let trusted = Arc::new(authority.trusted());
            let verifier = WebPkiClientVerifier::builder_with_provider(trusted, provider);
            settings.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let secret = identity.secret.clone_key();
    let mut settings = settings.with_single_cert(vec![identity.der.clone()], secret).unwrap();
    settings.alpn_protocols =
        protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(settings)
}

/// An app that speaks HTTP/1 over TLS: it says which name it was called by.
pub(crate) struct TlsApp {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl TlsApp {
    pub(crate) fn start(settings: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let accept = move || {
            for stream in listener.incoming() {
                let (settings, counted) = (Arc::clone(&settings), Arc::clone(&counted));
                in_background(move || drop(serve(settings, stream.unwrap(), &counted)));
            }
        };
        in_background(accept);
        Self { address, connections }
    }

    /// How many handshakes were done.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(
    settings: Arc<ServerConfig>,
    stream: TcpStream,
    connections: &AtomicUsize,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let connection = ServerConnection::new(settings).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut unread = vec![];
    let mut is_new = true;
    loop {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        if std::mem::take(&mut is_new) {
            connections.fetch_add(1, Ordering::SeqCst);
        }
        unread.extend_from_slice(&buffer[..length]);
        if unread.ends_with(b"\r\n\r\n") {
            unread.clear();
            let name = stream.conn.server_name().unwrap_or("no name").to_owned();
            let length = name.len();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{name}")?;
            stream.flush()?;
        }
    }
}

fn in_background(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name("tls app".into()).spawn(work).unwrap();
}
