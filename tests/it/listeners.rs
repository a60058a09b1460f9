//! Listeners: TLS, balancers, redirects, HTTP/2 without TLS.

mod certificates;
mod cleartext;
mod mutual;
mod origin;
mod proxy_protocol;
mod redirect;

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{HOST, Request};
use crate::harness::listener::Listener;
use crate::harness::tls::Authority;
use crate::harness::tls_client::TlsClient;
use crate::harness::upstream::Upstream;

/// A gateway with a listener of TLS for [`HOST`].
struct World {
    authority: Authority,
    gateway: Gateway,
    listener: Listener,
    upstream: Upstream,
}

impl World {
    /// One with more terms for its listener.
    fn new(terms: &str) -> Self {
        Self::under(terms, "")
    }

    /// One under more settings.
    fn under(terms: &str, settings: &str) -> Self {
        let (upstream, authority) = (Upstream::start(), Authority::new());
        let identity = authority.sign(HOST).setting();
        let listener = Listener::on(&format!("certificates = [{identity}]\n{terms}"));
        let gateway = listener.metered_gateway(&(upstream.settings() + ROUTES + settings));
        Self { authority, gateway, listener, upstream }
    }

    fn client(&self) -> TlsClient {
        TlsClient::trusting(&self.authority)
    }

    /// The status of a request to a public route, over TLS.
    fn status(&self, client: &TlsClient) -> u16 {
        let mut client = client.connect(self.listener.address, HOST);
        client.send(Request::get("/public").bytes()).answer().status
    }
}
