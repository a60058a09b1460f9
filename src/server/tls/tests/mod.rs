//! Real handshakes over real sockets, with certificates of the tests' own.

mod clients;
mod files;
mod names;
mod reload;

use super::*;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::{ALPN, Ssl};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName as Called};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

/// Who issues certificates.
struct Issuer(CertifiedIssuer<'static, KeyPair>);

impl Issuer {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, names: &[&str]) -> Issued {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        self.sign(&CertificateParams::new(names).unwrap())
    }

    fn sign(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let chain = vec![certificate.der().clone()];
        Issued { chain, certificate: certificate.pem(), key: key.serialize_pem(), pair: key }
    }

    /// A client that trusts in it.
    fn client(&self) -> ClientConfig {
        client(self).with_no_client_auth()
    }

    /// A client that also shows a certificate.
    fn client_with(&self, shown: &Issued) -> ClientConfig {
        let key = PrivateKeyDer::try_from(shown.pair.serialize_der()).unwrap();
        client(self).with_client_auth_cert(shown.chain.clone(), key).unwrap()
    }
}

fn client(
    trusted: &Issuer,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.0.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots)
}

/// A certificate with its key.
struct Issued {
    certificate: String,
    chain: Vec<CertificateDer<'static>>,
    key: String,
    pair: KeyPair,
}

/// Where the files of a listener are.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        // As it should be done: what reads it sees the old one or the new one.
        std::fs::write(path.with_extension("new"), content).unwrap();
        std::fs::rename(path.with_extension("new"), &path).unwrap();
        path
    }

    fn put(&self, name: &str, issued: &Issued) -> CertificateFiles {
        CertificateFiles {
            certificate: self.write(&format!("{name}.pem"), &issued.certificate),
            key: self.write(&format!("{name}.key"), &issued.key),
        }
    }

    /// TLS with these certificates.
    fn tls(&self, issued: &[&Issued]) -> TlsSettings {
        let files = issued.iter().enumerate();
        let certificates = files.map(|(number, issued)| self.put(&number.to_string(), issued));
        TlsSettings { certificates: certificates.collect(), client_ca: None, http2: true }
    }
}

/// What came of a handshake that both sides took for good.
#[derive(Debug)]
struct Met {
    alpn: Option<ALPN>,
    /// The certificate that the client got.
    certificate: CertificateDer<'static>,
    is_resumed: bool,
    /// What the server noted.
    server_name: Option<String>,
    version: rustls::ProtocolVersion,
}

/// A client calls the server by a name. Fails if either does not want the other.
async fn meet(
    certificates: &Certificates,
    client: ClientConfig,
    name: &str,
) -> Result<Met, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let call = async move {
        let name = Called::try_from(name.to_owned()).unwrap();
        let mut tls = TlsConnector::from(Arc::new(client)).connect(name, stream).await?;
        // In TLS 1.3 a client hears of a refusal only when it reads.
        let mut greeting = [0; 5];
        tls.read_exact(&mut greeting).await?;
        let session = tls.get_ref().1;
        let certificate = session.peer_certificates().unwrap()[0].clone();
        let is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
        std::io::Result::Ok((certificate, is_resumed, session.protocol_version().unwrap()))
    };
    let answer = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut tls = handshake(&certificates.acceptor(), Stream::from(stream)).await?;
        // A client that refuses has gone.
        let _ = tls.write_all(b"hello").await;
        let _ = tls.flush().await;
        let digest = tls.get_ssl_digest().unwrap();
        let server_name = digest.extension.get::<ServerName>().map(|name| name.0.clone());
        pingora::Result::Ok((tls.selected_alpn_proto(), server_name, tls))
    };
    let (called, answered) = tokio::join!(call, answer);
    let (certificate, is_resumed, version) = called.map_err(|error| format!("client: {error}"))?;
    let (alpn, server_name, _) =
        answered.map_err(|error: Box<pingora::Error>| format!("server: {error}"))?;
    Ok(Met { alpn, certificate, is_resumed, server_name, version })
}
