//! `[admin]`: the console.

use super::super::section::Section;
use super::super::values;
use crate::admin::Settings;
use crate::auth::SessionSettings;
use crate::gateway::{ConsoleMount, Endpoints, Face};
use crate::server;
use crate::server::listener::ListenerSettings;
use std::net::SocketAddr;
use std::time::Duration;

/// What the console must get along with.
pub(super) struct Beside {
    /// What has its path already.
    pub endpoints: Endpoints,
    /// Whether proxies speak for clients, and may speak TLS with them.
    pub is_proxied: bool,
}

/// The settings of the console and where it is, if there is one. A listener of its own is added to
/// the others, unless it is one of them.
pub(super) fn read(
    root: &mut Section<'_>,
    server: &mut server::Settings,
    beside: &Beside,
) -> Option<(Settings, ConsoleMount)> {
    root.section("admin", |section| {
        let is_enabled = section.read("enabled", true, values::boolean);
        let path = path(section, beside.endpoints);
        server.console_listen = listen(section, server);
        let networks = section.list("networks", values::network_or_all).unwrap_or_default();
        let settings = Settings {
            networks: networks.into_iter().map(|(_, network)| network).collect(),
            path: path.clone(),
            require_totp: section.read("require_totp", false, values::boolean),
            sessions: sessions(section),
        };
        if let Some(address) = server.console_listen {
            give_listener(server, address, is_enabled);
        }
        if !is_enabled {
            return None;
        }
        warn_of_the_clear(section, server, beside);
        Some((settings, ConsoleMount { is_apart: server.console_listen.is_some(), path }))
    })
}

fn path(section: &mut Section<'_>, endpoints: Endpoints) -> String {
    let path = section.read("path", "/admin".to_owned(), values::console_path);
    if let Some(endpoint) = endpoints.near(&path) {
        let problem = format!(
            "\"{path}\" gets in the way of \"{endpoint}\", which authgate answers itself; write one \
             such as \"/admin\""
        );
        section.reject("path", &problem);
    }
    path
}

fn listen(section: &mut Section<'_>, server: &server::Settings) -> Option<SocketAddr> {
    let address = section.read("listen", None, values::address_or_off)?;
    let known = server.listeners.iter().find(|listener| listener.address == address);
    let problem = if address.port() == 0 {
        "is a new port at each start, where nobody finds the console; write a port".to_owned()
    } else if server.ops_listen == Some(address) {
        format!("\"{address}\" is that of ops.listen already; write another port")
    } else if known.is_some_and(|known| known.redirect.is_some()) {
        format!("\"{address}\" leads to HTTPS and serves nothing; write another, or a new one")
    } else {
        if known.is_some() && server.listeners.len() == 1 {
            let problem = "there is no other listener, so that only the console is served; write a \
                           new address, or none";
            section.warn("listen", problem);
        }
        return Some(address);
    };
    section.reject("listen", &problem);
    None
}

/// Keeps an address for the console alone. A listener that the operator has set up for it serves
/// nothing else even while the console is off; a new one there is only while it is on.
fn give_listener(server: &mut server::Settings, address: SocketAddr, is_enabled: bool) {
    let known = server.listeners.iter_mut().find(|listener| listener.address == address);
    if let Some(listener) = known {
        listener.face = Face::Console;
    } else if is_enabled {
        let plain = ListenerSettings::plain(address);
        server.listeners.push(ListenerSettings { face: Face::Console, ..plain });
    }
}

fn sessions(section: &mut Section<'_>) -> SessionSettings {
    const SHORTEST: Duration = Duration::from_mins(1);
    let mut time = |key, default| {
        let time = section.read(key, default, values::duration);
        if time < SHORTEST {
            section.reject(key, "is too short to work in; write \"1m\" or more");
        }
        time
    };
    let idle = time("idle_timeout", Duration::from_mins(30));
    let lifetime = time("session_lifetime", Duration::from_hours(12));
    if lifetime < idle {
        if section.has("session_lifetime") {
            section.reject("session_lifetime", "must not be shorter than admin.idle_timeout");
        } else {
            let problem = "must not be longer than admin.session_lifetime, which is \"12h\"";
            section.reject("idle_timeout", problem);
        }
    }
    SessionSettings { idle, lifetime }
}

/// Passwords and sessions should not be for everyone to read on their way.
fn warn_of_the_clear(section: &mut Section<'_>, server: &server::Settings, beside: &Beside) {
    let wanted = if server.console_listen.is_some() { Face::Console } else { Face::Public };
    let is_clear = |listener: &&ListenerSettings| {
        listener.face == wanted
            && listener.tls.is_none()
            && listener.redirect.is_none()
            && !listener.address.ip().is_loopback()
    };
    let clear = server.listeners.iter().find(is_clear).filter(|_| !beside.is_proxied);
    if let Some(listener) = clear {
        let problem = format!(
            "operators' passwords come to {} in the clear: give the console a listener with TLS, or \
             one on loopback, or name the proxy that speaks TLS in server.trusted_proxies",
            listener.address
        );
        section.warn("listen", &problem);
    }
}
