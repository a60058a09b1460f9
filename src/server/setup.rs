//! The link by which the first operator is made: told once, in the log of the gateway that starts.

use super::listener::ListenerSettings;
use crate::auth::{Auth, AuthError};
use crate::config::Config;
use crate::gateway::Face;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Where the console is, as a browser on this machine reaches it: `http://127.0.0.1:8000/admin`.
/// `None` if there is none.
pub(super) fn console_url(config: &Config) -> Option<String> {
    let (settings, mount) = (config.admin.as_ref()?, config.gateway.console.as_ref()?);
    let face = if mount.is_apart { Face::Console } else { Face::Public };
    let is_its = |listener: &&ListenerSettings| listener.face == face;
    let listener = config.server.listeners.iter().find(is_its)?;
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    Some(format!("{scheme}://{}{}", reachable(listener.address), settings.path))
}

/// An address that leads to whoever listens at this one.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Tells a link if nobody may sign in at the console. Decided once, as soon as the store answers: a
/// store that is emptied later opens nothing.
pub(super) async fn offer(auth: &Auth, console: &str) {
    const PAUSE: Duration = Duration::from_secs(1);
    loop {
        match auth.offer_setup().await {
            Ok(None) => return,
            Ok(Some(code)) => {
                tracing::warn!(
                    "nobody may sign in at the console yet; within 15 minutes the first operator is \
                     made, once, at {console}/setup/?code={}",
                    code.expose()
                );
                return;
            }
            Err(AuthError::Store(crate::store::StoreError::Unavailable(_))) => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "it is not known whether anyone may sign in at the console");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_leads_to_this_machine_where_the_gateway_listens_everywhere() {
        for (listens, leads) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:443", "[::1]:443"),
            ("192.0.2.7:8000", "192.0.2.7:8000"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), leads);
        }
    }
}
