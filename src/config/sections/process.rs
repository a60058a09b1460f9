//! `[server]`, `[ops]` and `[log]`: the process itself.

use super::super::section::Section;
use super::super::values;
use super::proxy::Answers;
use crate::server;
use crate::server::log::{LogFormat, LogSettings};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tracing::Level;

/// The listeners, and what `[server]` says of requests.
pub(super) fn server(root: &mut Section<'_>) -> (server::Settings, Answers) {
    let (mut settings, answers) = root.section("server", |section| {
        let listen = listen(section);
        let threads = threads(section);
        let answers = Answers::read(section);
        let head_timeout = section.read("head_timeout", Duration::from_secs(10), values::duration);
        let grace = section.read("grace", Duration::from_secs(10), values::duration);
        (server::Settings { grace, head_timeout, listen, ops_listen: None, threads }, answers)
    });
    settings.ops_listen = root.section("ops", |section| ops_listen(section, &settings.listen));
    (settings, answers)
}

fn listen(section: &mut Section<'_>) -> Vec<SocketAddr> {
    let Some(written) = section.filled_list("listen", values::address) else {
        return vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8000))];
    };
    let mut addresses = Vec::new();
    for (place, address) in written {
        if is_used(&addresses, address) {
            section.note("listen", place, format!("\"{address}\" is there already"));
        }
        addresses.push(address);
    }
    addresses
}

/// Whether both cannot be listened on. Port 0 is a new port each time.
fn is_used(addresses: &[SocketAddr], address: SocketAddr) -> bool {
    address.port() != 0 && addresses.contains(&address)
}

fn threads(section: &mut Section<'_>) -> usize {
    match section.read("threads", 0, values::number(0..=1024)) {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
}

fn ops_listen(section: &mut Section<'_>, others: &[SocketAddr]) -> Option<SocketAddr> {
    let address = section.read("listen", None, values::address_or_off)?;
    if is_used(others, address) {
        let problem = format!("\"{address}\" is in server.listen already; write another port");
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
