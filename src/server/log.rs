//! Where events go: standard error, a line each.

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// What an operator may set of the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogSettings {
    /// How a line is written.
    pub format: LogFormat,
    /// What is worth a line.
    pub level: Level,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// As a JSON object.
    Json,
    /// For people.
    Text,
}

/// Begins to log. Only the first call in a process has an effect.
pub fn start(settings: LogSettings) {
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            lines.with_target(false).with_ansi(is_terminal).boxed()
        }
    };
    // Pingora quotes the requests that it cannot read, tokens included, so little of it is heard.
    let filter = Targets::new()
        .with_target("authgate", settings.level)
        .with_target("pingora_core::services", LevelFilter::ERROR);
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}
