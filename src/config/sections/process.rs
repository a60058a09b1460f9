//! `[server]`, `[ops]` and `[log]`: the process itself.

use super::super::section::Section;
use super::super::values;
use super::listeners;
use super::proxy::Answers;
use crate::server;
use crate::server::listener::{ConnectionLimits, ListenerSettings};
use crate::server::log::{LogFormat, LogSettings};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tracing::Level;

/// The listeners, and what `[server]` says of requests.
pub(super) fn server(root: &mut Section<'_>) -> (server::Settings, Answers) {
    let others = listeners::read(root);
    let is_alone = !root.has("listeners");
    let (mut settings, answers) = root.section("server", |section| {
        let settings = server::Settings {
            listeners: listen(section, is_alone),
            threads: section.threads(),
            grace: section.read("grace", Duration::from_secs(10), values::duration),
            upgrade_grace: section.read("upgrade_grace", Duration::from_mins(5), values::duration),
            limits: limits(section),
            console_listen: None,
            control: section.read("control", None, values::socket_or_off),
            ops_listen: None,
        };
        (settings, Answers::read(section))
    });
    listeners::join(root, &mut settings.listeners, others);
    settings.ops_listen = root.section("ops", |section| ops_listen(section, &settings.listeners));
    (settings, answers)
}

/// The plain listeners. By default there is one, unless there are others.
fn listen(section: &mut Section<'_>, is_alone: bool) -> Vec<ListenerSettings> {
    let written = if is_alone {
        section.filled_list("listen", values::address)
    } else {
        section.list("listen", values::address)
    };
    let Some(written) = written else {
        if !is_alone {
            section.has_no_default("listen");
            return Vec::new();
        }
        return vec![ListenerSettings::plain(SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)))];
    };
    let mut listeners = Vec::new();
    for (place, address) in written {
        if listeners::is_used(&listeners, address) {
            section.note("listen", place, format!("\"{address}\" is there already"));
        }
        listeners.push(ListenerSettings::plain(address));
    }
    listeners
}

fn limits(section: &mut Section<'_>) -> ConnectionLimits {
    let mut count = |key, default| {
        let number = section.read(key, default, values::number(0..=1_000_000));
        (number > 0).then_some(number)
    };
    ConnectionLimits {
        max_connections: count("max_connections", 10_000),
        max_connections_per_address: count("max_connections_per_address", 1000),
        handshake_timeout: section.read(
            "handshake_timeout",
            Duration::from_secs(10),
            values::duration,
        ),
    }
}

fn ops_listen(section: &mut Section<'_>, others: &[ListenerSettings]) -> Option<SocketAddr> {
    let address = section.read("listen", None, values::address_or_off)?;
    if listeners::is_used(others, address) {
        let problem = format!("\"{address}\" is that of a listener already; write another port");
        section.reject("listen", &problem);
    }
    Some(address)
}

/// How much is logged, and in which form.
pub(super) fn log(section: &mut Section<'_>) -> LogSettings {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    LogSettings {
        format: section.read("format", LogFormat::Text, values::choice(&formats)),
        level: section.read("level", Level::INFO, values::choice(&levels)),
    }
}
