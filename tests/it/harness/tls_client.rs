//! A client of TLS that says what it is told to.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::PATIENCE;
use super::h2::in_background;
use super::http::{Connection, TlsStream};
use super::tls::{Authority, Identity};

/// A client that trusts one authority.
#[derive(Clone)]
pub(crate) struct TlsClient {
    terms: ClientConfig,
}

impl TlsClient {
    pub(crate) fn trusting(authority: &Authority) -> Self {
        Self::new(authority, None)
    }

    /// One that shows a certificate when it is asked for one.
    pub(crate) fn showing(authority: &Authority, identity: &Identity) -> Self {
        Self::new(authority, Some(identity))
    }

    fn new(authority: &Authority, identity: Option<&Identity>) -> Self {
        let terms = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let terms = terms.with_safe_default_protocol_versions().unwrap();
        let terms = terms.with_root_certificates(authority.trusted());
        let terms = match identity {
            None => terms.with_no_client_auth(),
            Some(Identity { der, secret, .. }) => {
                terms.with_client_auth_cert(vec![der.clone()], secret.clone_key()).unwrap()
            }
        };
        Self { terms }
    }

    /// Calls the server by no name.
    pub(crate) fn nameless(mut self) -> Self {
        self.terms.enable_sni = false;
        self
    }

    /// Offers to speak these.
    pub(crate) fn offering(mut self, protocols: &[&str]) -> Self {
        self.terms.alpn_protocols = protocols.iter().map(|one| one.as_bytes().to_vec()).collect();
        self
    }

    /// Does the handshake, as far as this end can tell.
    pub(crate) fn shake_hands(&self, server: SocketAddr, name: &str) -> io::Result<TlsStream> {
        let stream = TcpStream::connect(server)?;
        self.shake_hands_over(stream, name)
    }

    /// The same over a connection that is open already.
    pub(crate) fn shake_hands_over(&self, stream: TcpStream, name: &str) -> io::Result<TlsStream> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::new(self.terms.clone()), name).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    /// A connection of HTTP/1.1.
    pub(crate) fn connect(&self, server: SocketAddr, name: &str) -> Connection {
        Connection::over_tls(self.shake_hands(server, name).expect("a handshake"))
    }

    /// The certificate that the server shows to whoever calls it so.
    pub(crate) fn certificate(&self, server: SocketAddr, name: &str) -> CertificateDer<'static> {
        let stream = self.shake_hands(server, name).expect("a handshake");
        stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
    }

    /// A connection of HTTP/2.
    pub(crate) async fn connect_h2(&self, server: SocketAddr, name: &str) -> SendRequest<Bytes> {
        let Self { terms } = self.clone().offering(&["h2"]);
        let stream = tokio::net::TcpStream::connect(server).await.unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = TlsConnector::from(Arc::new(terms)).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (client, connection) = handshake(stream).await.unwrap();
        in_background(async move { drop(connection.await) });
        client.ready().await.unwrap()
    }
}
