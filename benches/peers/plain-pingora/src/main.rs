//! The least that a reverse proxy on Pingora can be: one upstream, no filters, and every setting as
//! Pingora has it. It is the yardstick: what a gateway costs beyond this is its own doing.
//!
//! usage: plain-pingora LISTEN UPSTREAM

use async_trait::async_trait;
use pingora::Result;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::{Server, configuration::ServerConf};
use pingora::upstreams::peer::HttpPeer;
use std::net::SocketAddr;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstream] = arguments.as_slice() else {
        eprintln!("usage: plain-pingora LISTEN UPSTREAM");
        std::process::exit(2);
    };
    let upstream = upstream.parse().expect("UPSTREAM is IP:PORT");

    let mut server = Server::new_with_opt_and_conf(None, ServerConf::default());
    server.bootstrap();
    let mut proxy = http_proxy_service(&server.configuration, Plain { upstream });
    proxy.add_tcp(listen);
    server.add_service(proxy);
    server.run_forever();
}

struct Plain {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Plain {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}
