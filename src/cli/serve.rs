//! `authgate serve`

use super::{Failure, SettingsFile};
use crate::config::Flags;
use crate::server;
use crate::server::log::Log;
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
}

// Not doc comments: an address in one of those wants angle brackets, which help would show.
const UPSTREAM: &str = "The app behind the gateway, such as http://127.0.0.1:9000; beats the servers \
                        in the settings [default: http://127.0.0.1:9000]";
const STORE: &str = "Where users and tokens are kept: sqlite:PATH, redis://HOST:PORT/DB or \
                     rediss://HOST:PORT/DB; beats store.url [default: sqlite:authgate.db]";

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { settings, listen, upstream, store } = self;
        let config = settings.load(Flags { listen, store, upstream })?;
        let log = Log::start(config.log);
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        Ok(server::run(config, log, |_| {})?)
    }
}
