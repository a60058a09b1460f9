//! `authgate store …`

mod backup;
mod copy;
mod follow;
mod progress;
mod restore;
mod stats;
mod verify;

use super::{Failure, SettingsFile, accounts_of, output};
use crate::auth::WholeStore;
use crate::config::{Config, Flags};
use crate::model::event::EventName;
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(super) enum Store {
    /// Saves all accounts to a file, while gateways run. What was answered before is in it
    Backup(backup::Backup),
    /// Brings back what was saved to a file. Unless told otherwise, all tokens and API keys end, for
    /// some may have been ended since
    Restore(restore::Restore),
    /// Puts all accounts into another store, such as from SQLite into Redis, or back
    Copy(copy::Copy),
    /// Goes through all of a store, or of a backup, and tells what is wrong with it. Exits with 1 if
    /// anything is
    Verify(verify::Verify),
    /// Shows what there is in a store, and how much room it takes
    Stats(stats::Show),
}

/// Which store is meant.
#[derive(Args)]
pub(super) struct Which {
    #[command(flatten)]
    settings: SettingsFile,
    /// The store: sqlite:PATH or redis://HOST:PORT/DB; beats store.url
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl Store {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Backup(verb) => verb.run().await,
            Self::Restore(verb) => verb.run().await,
            Self::Copy(verb) => verb.run().await,
            Self::Verify(verb) => verb.run().await,
            Self::Stats(verb) => verb.run().await,
        }
    }
}

impl Which {
    /// The settings with this store.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        let flags = Flags { store: self.store.clone(), ..Flags::default() };
        super::log_to_terminal();
        Ok(self.settings.load(flags)?)
    }

    /// The settings with another store.
    fn load_with(&self, store: &str) -> Result<Config, Failure> {
        Ok(self.settings.load(Flags { store: Some(store.to_owned()), ..Flags::default() })?)
    }

    pub(super) fn open(config: &Config) -> Result<WholeStore, Failure> {
        Ok(WholeStore::of(&config.store)?)
    }
}

/// Has it among the events of a store, too. It is done whether or not that can be.
pub(super) async fn tell(config: Config, name: EventName, detail: &str) {
    match accounts_of(config) {
        Ok(accounts) => accounts.tell_of_whole(name, detail).await,
        Err(failure) => {
            err!("warning: it is not among the events: {}", output::with_causes(&failure));
        }
    }
}
