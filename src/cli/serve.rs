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
    /// Where to listen, ADDRESS:PORT; beats `server.listen` [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// The app behind the gateway, such as <http://127.0.0.1:9000>; beats the servers in the settings
    /// [default: <http://127.0.0.1:9000>]
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Where users and tokens are kept: `sqlite:PATH`, <redis://HOST:PORT/DB> or rediss; beats
    /// `store.url` [default: sqlite:authgate.db]
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { settings, listen, upstream, store } = self;
        let config = settings.load(Flags { listen, store, upstream })?;
        let log = Log::start(config.log);
        Ok(server::run(config, log, |_| {})?)
    }
}
