//! TLS to a database: always proved.

use crate::moving::ReadError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;

/// Trusts those who vouch for a server: those in a file of PEM, or else those of the public web.
pub(super) fn client(authorities: Option<&Path>) -> Result<ClientConfig, ReadError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let unusable = |error: &dyn std::fmt::Display| {
                let words = "holds no certificates in PEM";
                ReadError::Unusable(format!("{} {words}: {error}", path.display()))
            };
            let found = CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))?;
            for certificate in found {
                let certificate = certificate.map_err(|error| unusable(&error))?;
                roots.add(certificate).map_err(|error| unusable(&error))?;
            }
        }
    }
    let provider = rustls::crypto::ring::default_provider();
    let builder = ClientConfig::builder_with_provider(provider.into());
    let versions = builder.with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| ReadError::Unusable(format!("no TLS: {error}")))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}
