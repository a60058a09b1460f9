//! `[admin]`: the console.

use super::super::section::Section;
use super::super::values;
use crate::admin::Settings;
use crate::auth::SessionSettings;
use crate::gateway::{ConsoleMount, Face};
use crate::server;
use crate::server::listener::ListenerSettings;
use std::time::Duration;

/// The settings of the console and where it is, if there is one. A listener of its own is added to
/// the others, unless it is one of them.
pub(super) fn read(
    root: &mut Section<'_>,
    server: &mut server::Settings,
) -> Option<(Settings, ConsoleMount)> {
    root.section("admin", |section| {
        let is_enabled = section.read("enabled", true, values::boolean);
        let path = section.read("path", "/admin".to_owned(), values::console_path);
        let listen = section.read("listen", None, values::address_or_off);
        let networks = section.list("networks", values::network).unwrap_or_default();
        let sessions = SessionSettings {
            idle: section.read("idle_timeout", Duration::from_mins(30), values::duration),
            lifetime: section.read("session_lifetime", Duration::from_hours(12), values::duration),
        };
        let settings = Settings {
            networks: networks.into_iter().map(|(_, network)| network).collect(),
            path: path.clone(),
            require_totp: section.read("require_totp", false, values::boolean),
            sessions,
        };
        if !is_enabled {
            return None;
        }
        if let Some(address) = listen {
            let known = server.listeners.iter_mut().find(|listener| listener.address == address);
            if let Some(listener) = known {
                listener.face = Face::Console;
            } else {
                let plain = ListenerSettings::plain(address);
                server.listeners.push(ListenerSettings { face: Face::Console, ..plain });
            }
        }
        Some((settings, ConsoleMount { is_apart: listen.is_some(), path }))
    })
}
