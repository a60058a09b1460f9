//! How the servers of an upstream prove who they are, and we to them.

use pingora::protocols::tls::CaType;
use pingora::tls::{ClientConfig, RootCertStore, install_default_crypto_provider};
use pingora::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

/// What an operator may set of TLS to an upstream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsSettings {
    /// Whose certificates are trusted; by default those that the system trusts.
    pub authorities: Option<Authorities>,
    /// Who we are, if the servers ask.
    pub client: Option<ClientIdentity>,
    /// Whether servers are taken for who they say they are, without proof.
    pub is_blind: bool,
    /// The name that servers are asked for and must prove; by default the one in their address.
    pub server_name: Option<String>,
}

impl TlsSettings {
    /// What Pingora trusts instead of the system's authorities.
    pub(super) fn trusted(&self) -> Option<Arc<CaType>> {
        let authorities = self.authorities.as_ref()?;
        let wrap = |der: &Vec<u8>| WrappedX509::new(der.clone(), parse_x509);
        Some(authorities.0.iter().map(wrap).collect())
    }

    /// What Pingora shows to servers that ask who we are.
    pub(super) fn shown(&self) -> Option<Arc<CertKey>> {
        let client = self.client.as_ref()?;
        Some(Arc::new(CertKey::new(client.certificates.clone(), client.key.to_vec())))
    }
}

/// Certificates to trust; at least one. Each is known to be one that Pingora can read.
#[derive(Clone, Eq, PartialEq)]
pub struct Authorities(Vec<Vec<u8>>);

impl Authorities {
    /// Reads a file of certificates in PEM. Fails with what is wrong with it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let certificates = certificates(pem)?;
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            let added = store.add(CertificateDer::from(certificate.as_slice()));
            added.map_err(|error| format!("has a certificate that cannot be trusted: {error}"))?;
        }
        Ok(Self(certificates))
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} certificates", self.0.len())
    }
}

/// A certificate, those that lead from it to its authority, and its key. Cannot be printed.
#[derive(Clone, Eq, PartialEq)]
pub struct ClientIdentity {
    certificates: Vec<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
}

impl ClientIdentity {
    /// Reads a chain of certificates and a key in PEM. Fails with what is wrong with them; of the
    /// key nothing is repeated.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        let certificates = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key);
        let key = key.map_err(|_| "the key's file has no private key in PEM".to_owned())?;
        let bytes = Zeroizing::new(key.secret_der().to_vec());
        install_default_crypto_provider();
        let chain = certificates.iter().map(|der| CertificateDer::from(der.clone())).collect();
        // What is said here would be said of each connection, and some of it by a panic.
        let client = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
        let client = client.with_client_auth_cert(chain, key);
        client.map_err(|error| format!("certificate and key do not fit: {error}"))?;
        PrivateKeyDer::try_from(bytes.as_slice()).map_err(str::to_owned)?;
        Ok(Self { certificates, key: bytes })
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity")
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "is not PEM".to_owned())?.to_vec();
        // Pingora panics where it cannot read one.
        X509Certificate::from_der(&certificate)
            .map_err(|_| "has a certificate that cannot be read".to_owned())?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err("has no certificate in PEM".to_owned());
    }
    Ok(certificates)
}
