//! Where events go: standard error, a line each.

use std::io::{IsTerminal, stderr};
use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

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

/// The log of a process that serves. Whoever writes waits for nobody: lines are queued, and dropped
/// once too many wait for a reader. What is queued is written when this is dropped.
#[must_use = "the log ends with it"]
pub struct Log {
    filter: Option<Filter>,
    writer: WorkerGuard,
}

/// What is worth a line, as long as that does not change.
type Filter = reload::Handle<Targets, Registry>;

impl Log {
    /// How many lines may wait.
    const QUEUE: usize = 16_384;

    /// Begins to log. Only the first call in a process has an effect.
    pub fn start(settings: LogSettings) -> Self {
        let queue = NonBlockingBuilder::default().buffered_lines_limit(Self::QUEUE).lossy(true);
        let (lines, guard) = queue.finish(stderr());
        Self { filter: subscribe(settings, lines), writer: guard }
    }

    /// Changes what is worth a line.
    pub fn set_level(&self, level: Level) {
        if let Some(filter) = &self.filter {
            // Fails only where the log has ended.
            let _ = filter.reload(targets(level));
        }
    }

    /// Writes what is queued, but waits for no reader who is not there.
    pub fn finish(self) {
        drop(self.writer);
    }
}

/// Begins to log in a process that does one thing and ends: each line is written at once.
pub fn start_at_once(settings: LogSettings) {
    subscribe(settings, stderr);
}

fn subscribe<W>(settings: LogSettings, writer: W) -> Option<Filter>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    let lines = match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_target(false).with_ansi(stderr().is_terminal()).boxed(),
    };
    let (filter, handle) = reload::Layer::new(targets(settings.level));
    let is_first = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    is_first.is_ok().then_some(handle)
}

/// Of what other crates say nothing is heard: Pingora quotes the requests that it cannot read, tokens
/// included.
fn targets(level: Level) -> Targets {
    Targets::new().with_target("authgate", level)
}
