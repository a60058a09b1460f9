//! `[[listeners]]`: where clients connect, beside `server.listen`.

use super::super::mistake::Place;
use super::super::section::Section;
use super::super::values;
use crate::gateway::Face;
use crate::server::listener::ListenerSettings;
use crate::server::redirect::Redirect;
use crate::server::tls::{CertificateFiles, ClientCa, TlsError, TlsSettings};
use std::net::SocketAddr;

/// The listeners of the section, each with the place of its address. Where it is not written, none.
pub(super) fn read(root: &mut Section<'_>) -> Vec<(Place, ListenerSettings)> {
    let Some(written) = root.sections("listeners", listener) else { return Vec::new() };
    if written.is_empty() {
        root.reject("listeners", "must name at least one");
    }
    written.into_iter().flatten().collect()
}

/// Adds listeners to others, and notes what cannot be listened on twice.
pub(super) fn join(
    root: &mut Section<'_>,
    all: &mut Vec<ListenerSettings>,
    more: Vec<(Place, ListenerSettings)>,
) {
    for (place, listener) in more {
        if is_used(all, listener.address) {
            let problem = format!("\"{}\" is there already", listener.address);
            root.note("listeners.address", place, problem);
        }
        all.push(listener);
    }
}

/// Whether one of them listens there already. Port 0 is a new port each time.
pub(super) fn is_used(listeners: &[ListenerSettings], address: SocketAddr) -> bool {
    address.port() != 0 && listeners.iter().any(|listener| listener.address == address)
}

fn listener(section: &mut Section<'_>) -> Option<(Place, ListenerSettings)> {
    let address = section.require("address", values::address);
    let tls = tls(section);
    let h2c = section.read("h2c", false, values::boolean);
    let redirect = section.read("redirect_to_https", None, values::redirect_port);
    let networks = section.list("proxy_protocol", values::network).unwrap_or_default();
    if tls.is_some() && h2c {
        section.reject("h2c", "is HTTP/2 without TLS, but this listener has certificates");
    }
    if tls.is_some() && redirect.is_some() {
        let problem = "leads from a plain listener to HTTPS, but this one has certificates";
        section.reject("redirect_to_https", problem);
    }
    let listener = ListenerSettings {
        address: address?,
        face: Face::Public,
        h2c,
        proxy_protocol: networks.into_iter().map(|(_, network)| network).collect(),
        redirect: redirect.map(|port| Redirect { port }),
        tls,
    };
    Some((section.place_of("address"), listener))
}

fn tls(section: &mut Section<'_>) -> Option<TlsSettings> {
    let certificates = section.sections("certificates", certificate);
    let http2 = section.read("http2", true, values::boolean);
    let client_ca = client_ca(section);
    if !section.has("certificates") {
        for key in ["http2", "client_ca"] {
            if section.has(key) {
                section.reject(key, "is for listeners with certificates, and this one has none");
            }
        }
    }
    let certificates = certificates?;
    if certificates.is_empty() {
        section.reject("certificates", "must name at least one");
    }
    Some(TlsSettings {
        certificates: certificates.into_iter().flatten().collect(),
        client_ca,
        http2,
    })
}

fn certificate(section: &mut Section<'_>) -> Option<CertificateFiles> {
    let certificate = section.require("certificate", values::file);
    let key = section.require("key", values::file);
    let files = CertificateFiles { certificate: certificate?, key: key? };
    if let Err(error) = files.check() {
        reject(section, "certificate", &error);
    }
    Some(files)
}

fn client_ca(section: &mut Section<'_>) -> Option<ClientCa> {
    let file = section.read("client_ca", None, |value| values::file(value).map(Some));
    let choices = [("required", true), ("optional", false)];
    let is_required = section.read("client_certificate", true, values::choice(&choices));
    if section.has("client_certificate") && !section.has("client_ca") {
        let problem = "needs client_ca, the file of those whose certificates clients may show";
        section.reject("client_certificate", problem);
    }
    let ca = ClientCa { file: file?, is_required };
    if let Err(error) = ca.check() {
        reject(section, "client_ca", &error);
    }
    Some(ca)
}

/// Notes what is wrong with a file at its own key, or else at `key`. Its name is not repeated, for
/// someone may have written the secret itself.
fn reject(section: &mut Section<'_>, key: &str, error: &TlsError) {
    match error {
        TlsError::Certificate { problem, .. } | TlsError::ClientCa { problem, .. } => {
            section.reject(key, &problem.to_string());
        }
        TlsError::Key { problem, .. } => section.reject("key", &problem.to_string()),
        TlsError::NoCertificate | TlsError::Setup(_) => section.reject(key, &error.to_string()),
    }
}
