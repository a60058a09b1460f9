//! TLS as a server: certificates by name, which change when their files do.

mod files;
mod names;
mod waited;

pub use self::files::{CertificateFiles, ClientCa, FileProblem};
pub use self::waited::Waited;

use self::files::{Pair, Stamp};
use self::names::ByName;
use super::Settings;
use crate::clock::Timestamp;
use crate::gateway::ServerName;
use crate::metrics::ShownCertificate;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora::listeners::TlsAccept;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::IO;
use pingora::protocols::tls::{TlsRef, TlsStream, server};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use std::any::Any;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What an operator may set of a listener's TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsSettings {
    /// The certificates, at least one. A name that is in none of them gets the first.
    pub certificates: Vec<CertificateFiles>,
    /// Whose certificates clients may show.
    pub client_ca: Option<ClientCa>,
    /// Whether clients may choose HTTP/2.
    pub http2: bool,
}

/// A file that cannot be used. Never repeats what is in it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate.
    #[error("certificate {} {problem}", file.display())]
    Certificate {
        /// Its file.
        file: PathBuf,
        /// Why.
        problem: FileProblem,
    },
    /// The certificates by which clients are known.
    #[error("client_ca {} {problem}", file.display())]
    ClientCa {
        /// Their file.
        file: PathBuf,
        /// Why.
        problem: FileProblem,
    },
    /// The key of a certificate.
    #[error("key {} {problem}", file.display())]
    Key {
        /// Its file.
        file: PathBuf,
        /// Why.
        problem: FileProblem,
    },
    /// There is no certificate at all.
    #[error("there is no certificate")]
    NoCertificate,
    /// The settings of TLS are not to be had.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// What came of looking at the files again.
#[derive(Debug)]
pub enum Refreshed {
    /// New connections get the new ones. Holds the names in the certificates that are new.
    Changed(Vec<String>),
    /// A file changed and cannot be used, so that all stay as they were. Said once for each change.
    Kept(TlsError),
    /// There is nothing new to say.
    Unchanged,
}

/// The certificates of a listener.
pub struct Certificates {
    acceptor: ArcSwap<Acceptor>,
    settings: TlsSettings,
    state: Mutex<State>,
}

/// What the files were like.
struct State {
    /// Why they could not be used lately, and what they were like then.
    failed: Option<(Vec<Option<Stamp>>, String)>,
    loaded: Loaded,
}

/// What was read, and what the files were like just before.
struct Loaded {
    pairs: Vec<Pair>,
    stamps: Vec<Option<Stamp>>,
}

impl Certificates {
    /// Reads all files. Blocks on them.
    pub fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let (acceptor, loaded) = settings.load()?;
        let acceptor = ArcSwap::from_pointee(acceptor);
        Ok(Self { acceptor, settings, state: Mutex::new(State { failed: None, loaded }) })
    }

    /// Those of each listener that has some, at its address. That they can be loaded was found out
    /// with the settings: what has changed since is left out. Blocks on all files.
    pub fn of(settings: &Settings) -> impl Iterator<Item = (SocketAddr, Self)> {
        let listeners = settings.listeners.iter();
        listeners.filter_map(|one| Some((one.address, Self::load(one.tls.clone()?).ok()?)))
    }

    /// The acceptor for a new connection.
    pub fn acceptor(&self) -> Arc<Acceptor> {
        self.acceptor.load_full()
    }

    /// Looks whether files have changed, and if so reads all of them again. Blocks on them.
    ///
    /// Sessions of TLS that were begun before cannot be resumed then, so that a client whose CA is
    /// gone must show its certificate again.
    pub fn refresh(&self) -> Refreshed {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = self.settings.stamps();
        let seen = state.failed.as_ref().map_or(&state.loaded.stamps, |(stamps, _)| stamps);
        if stamps == *seen {
            return Refreshed::Unchanged;
        }
        match self.settings.load() {
            Ok((acceptor, loaded)) => {
                let names = loaded.names_beside(&state.loaded);
                self.acceptor.store(Arc::new(acceptor));
                *state = State { failed: None, loaded };
                Refreshed::Changed(names)
            }
            Err(error) => {
                let failed = Some((stamps, error.to_string()));
                if state.failed == failed {
                    return Refreshed::Unchanged;
                }
                state.failed = failed;
                Refreshed::Kept(error)
            }
        }
    }

    /// What a listener at this address shows.
    pub fn shown_at(&self, listener: SocketAddr) -> Vec<ShownCertificate> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.loaded.pairs.iter().map(|pair| pair.shown_at(listener)).collect()
    }

    /// What an operator should know of the certificates at a moment.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.loaded.pairs.iter().flat_map(|pair| pair.warnings(now)).collect()
    }
}

impl Loaded {
    /// The names in the certificates that others do not have.
    fn names_beside(&self, others: &Self) -> Vec<String> {
        let is_new = |pair: &&Pair| !others.pairs.iter().any(|other| other.is_same(pair));
        self.pairs.iter().filter(is_new).flat_map(|pair| pair.names().to_vec()).collect()
    }
}

impl TlsSettings {
    fn stamps(&self) -> Vec<Option<Stamp>> {
        let pairs = self.certificates.iter().flat_map(|files| [&files.certificate, &files.key]);
        let files = pairs.chain(self.client_ca.as_ref().map(|ca| &ca.file));
        files.map(|file| Stamp::of(file)).collect()
    }

    fn load(&self) -> Result<(Acceptor, Loaded), TlsError> {
        // Before they are read: what changes meanwhile is seen the next time.
        let stamps = self.stamps();
        let pairs: Vec<_> = self.certificates.iter().map(Pair::load).collect::<Result<_, _>>()?;
        let acceptor = self.acceptor(&pairs)?;
        Ok((acceptor, Loaded { pairs, stamps }))
    }

    fn acceptor(&self, pairs: &[Pair]) -> Result<Acceptor, TlsError> {
        let names = ByName::new(pairs).ok_or(TlsError::NoCertificate)?;
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions()?;
        let config = match &self.client_ca {
            None => config.with_no_client_auth(),
            Some(ca) => {
                let roots = Arc::new(ca.roots()?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier =
                    if ca.is_required { verifier } else { verifier.allow_unauthenticated() };
                config.with_client_cert_verifier(verifier.build().map_err(|e| ca.unusable(&e))?)
            }
        };
        let mut config = config.with_cert_resolver(Arc::new(names));
        let protocols: &[&[u8]] = if self.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Acceptor::from_server_config(Arc::new(config)))
    }
}

/// Does a TLS handshake. Has no deadline of its own.
///
/// The [`ServerName`], if the client gave one, is in the `extension` of the connection's `SslDigest`
/// from then on, and so at hand for each request.
pub async fn handshake<S: IO>(acceptor: &Acceptor, stream: S) -> pingora::Result<TlsStream<S>> {
    server::handshake_with_callback(acceptor, stream, &NoteServerName).await
}

struct NoteServerName;

#[async_trait]
impl TlsAccept for NoteServerName {
    async fn handshake_complete_callback(
        &self,
        tls: &TlsRef,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        let name = tls.server_name()?.to_ascii_lowercase();
        Some(Arc::new(ServerName(name)))
    }
}

#[cfg(test)]
mod tests;
