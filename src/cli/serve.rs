//! `authgate serve`

use super::{Failure, SettingsFile, output};
use crate::config::{Config, Flags};
use crate::server::handover::Predecessor;
use crate::server::log::Log;
use crate::server::{self, FileWatch, Start};
use clap::Args;

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    settings: SettingsFile,
    /// Where to listen, ADDRESS:PORT; beats server.listen [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    #[arg(long, value_name = "URL", help = UPSTREAM)]
    upstream: Option<String>,
    #[arg(long, value_name = "URL", help = STORE)]
    store: Option<String>,
    /// Reads the settings again whenever their file changes; SIGHUP does so at any time
    #[arg(long)]
    watch: bool,
    /// Takes the listeners from the process that started this one
    #[arg(long = "take-over", hide = true)]
    take_over: bool,
}

// Not doc comments: an address in one of those wants angle brackets, which help would show.
const UPSTREAM: &str = "The app behind the gateway, such as http://127.0.0.1:9000; beats the servers \
                        in the settings [default: http://127.0.0.1:9000]";
const STORE: &str = "Where users and tokens are kept: sqlite:PATH, redis://HOST:PORT/DB or \
                     rediss://HOST:PORT/DB; beats store.url [default: sqlite:authgate.db]";

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let outcome = self.serve();
        if let (true, Err(failure)) = (self.take_over, &outcome) {
            Predecessor::must_stay(&output::with_causes(failure));
        }
        outcome
    }

    fn serve(&self) -> Result<(), Failure> {
        let Self { settings, listen, upstream, store, watch, take_over } = self;
        let (listen, store, upstream) = (listen.clone(), store.clone(), upstream.clone());
        let predecessor = take_over.then(Predecessor::relieve).transpose()?;
        let source = settings.source(Flags { listen, store, upstream });
        // Before it is read: what changes meanwhile is seen.
        let watch = watch.then(|| source.file.clone().map(FileWatch::new)).flatten();
        let config = Config::load(&source)?;
        let log = Log::start(config.log);
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let start = Start { config, source, watch, log, predecessor };
        Ok(server::run(start, std::future::ready(()), || ())?)
    }
}
