//! The files of TLS: certificates, their keys, and those by which clients are known.

use super::TlsError;
use crate::clock::Timestamp;
use crate::metrics::ShownCertificate;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};
use std::fs::Metadata;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

/// A certificate with its chain, and its key, both in PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFiles {
    /// The file of the certificate, followed by those between it and its root.
    pub certificate: PathBuf,
    /// The file of the key.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// Fails where a file cannot be used. Blocks on both.
    pub fn check(&self) -> Result<(), TlsError> {
        Pair::load(self).map(|_| ())
    }

    fn bad_certificate(&self, problem: FileProblem) -> TlsError {
        TlsError::Certificate { file: self.certificate.clone(), problem }
    }

    fn bad_key(&self, problem: FileProblem) -> TlsError {
        TlsError::Key { file: self.key.clone(), problem }
    }
}

/// By which certificates clients are known, in PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientCa {
    /// Their file: a client's certificate must come from one of these.
    pub file: PathBuf,
    /// Whether a client without a certificate is turned away. One with a wrong one always is.
    pub is_required: bool,
}

impl ClientCa {
    /// Fails where the file cannot be used. Blocks on it.
    pub fn check(&self) -> Result<(), TlsError> {
        self.roots().map(|_| ())
    }

    pub(super) fn roots(&self) -> Result<RootCertStore, TlsError> {
        let bad = |problem| TlsError::ClientCa { file: self.file.clone(), problem };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.file).map_err(bad)? {
            roots.add(certificate).map_err(|error| self.unusable(&error))?;
        }
        Ok(roots)
    }

    pub(super) fn unusable(&self, error: &dyn std::error::Error) -> TlsError {
        let problem = FileProblem::Unusable(error.to_string());
        TlsError::ClientCa { file: self.file.clone(), problem }
    }
}

/// Why a file cannot be used. Never repeats what is in it.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// Its key is encrypted.
    #[error("is encrypted; nobody is there to give its passphrase: write it without")]
    Encrypted,
    /// The key is that of another certificate.
    #[error("does not fit its certificate")]
    Misfit,
    /// It holds no certificate.
    #[error("holds no certificate in PEM")]
    NoCertificate,
    /// It holds no key.
    #[error("holds no private key in PEM")]
    NoKey,
    /// It breaks the form of PEM.
    #[error("is damaged: not PEM throughout")]
    NotPem,
    /// It could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// What it holds cannot be used.
    #[error("cannot be used: {0}")]
    Unusable(String),
}

/// A certificate with its key, read.
pub(super) struct Pair {
    key: Arc<CertifiedKey>,
    file: PathBuf,
    names: Vec<String>,
    valid_until: Timestamp,
}

impl Pair {
    pub(super) fn load(files: &CertificateFiles) -> Result<Self, TlsError> {
        let bad_certificate = |problem| files.bad_certificate(problem);
        let bad_key = |problem| files.bad_key(problem);
        let chain = certificates(&files.certificate).map_err(bad_certificate)?;
        let leaf = chain.first().ok_or_else(|| bad_certificate(FileProblem::NoCertificate))?;
        let (names, valid_until) = read_leaf(leaf).map_err(bad_certificate)?;
        let key = private_key(&files.key).map_err(bad_key)?;
        let key = ring::default_provider().key_provider.load_private_key(key);
        let key = key.map_err(|error| bad_key(FileProblem::Unusable(error.to_string())))?;
        let key = CertifiedKey::new(chain, key);
        match key.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(bad_key(FileProblem::Misfit)),
            Err(error) => return Err(bad_certificate(FileProblem::Unusable(error.to_string()))),
        }
        Ok(Self { key: Arc::new(key), file: files.certificate.clone(), names, valid_until })
    }

    pub(super) fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// The names of DNS in the certificate, in small letters.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether both are the same certificate.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }

    pub(super) fn shown_at(&self, listener: SocketAddr) -> ShownCertificate {
        let expires = self.valid_until.micros().div_euclid(1_000_000);
        ShownCertificate { expires, file: self.file.display().to_string(), listener }
    }

    /// What an operator should know at a moment.
    pub(super) fn warnings(&self, now: Timestamp) -> Vec<String> {
        let file = self.file.display();
        let expired = (self.valid_until < now).then(|| format!("certificate {file} has expired"));
        let nameless = self.names.is_empty().then(|| format!("certificate {file} names no host"));
        expired.into_iter().chain(nameless).collect()
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, FileProblem> {
    let pem = std::fs::read(file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    // What is wrong in detail would repeat the line.
    let certificates = certificates.map_err(|_| FileProblem::NotPem)?;
    if certificates.is_empty() { Err(FileProblem::NoCertificate) } else { Ok(certificates) }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, FileProblem> {
    let pem = Zeroizing::new(std::fs::read(file)?);
    let is_encrypted = || pem.windows(9).any(|window| window == b"ENCRYPTED");
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        _ if is_encrypted() => FileProblem::Encrypted,
        rustls::pki_types::pem::Error::NoItemsFound => FileProblem::NoKey,
        _ => FileProblem::NotPem,
    })
}

/// The names in a certificate, and until when it is valid.
fn read_leaf(leaf: &CertificateDer<'_>) -> Result<(Vec<String>, Timestamp), FileProblem> {
    let unusable = |error: String| FileProblem::Unusable(error);
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|error| unusable(error.to_string()))?;
    let alternatives =
        leaf.subject_alternative_name().map_err(|error| unusable(error.to_string()))?;
    let names = alternatives.into_iter().flat_map(|names| &names.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    let valid_until = leaf.validity().not_after.timestamp().saturating_mul(1_000_000);
    Ok((names.collect(), Timestamp::from_micros(valid_until)))
}

/// What tells that a file is another than before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    changed: [i64; 2],
    device: u64,
    inode: u64,
    modified: [i64; 2],
    size: u64,
}

impl Stamp {
    /// That of a file, by whichever links it is reached; `None` if it cannot be looked at.
    pub(super) fn of(file: &Path) -> Option<Self> {
        let of = |metadata: Metadata| Self {
            changed: [metadata.ctime(), metadata.ctime_nsec()],
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: [metadata.mtime(), metadata.mtime_nsec()],
            size: metadata.len(),
        };
        std::fs::metadata(file).ok().map(of)
    }
}
