//! `authgate store copy`

use super::super::Failure;
use super::super::output::{self, say};
use super::super::unless_stopped::unless_stopped;
use super::backup::words;
use super::follow::Follow;
use super::progress::Meter;
use super::restore::ask;
use super::{Which, tell};
use crate::auth::Copying;
use crate::config::Config;
use crate::model::event::EventName;
use crate::store::whole::Saved;
use clap::Args;

#[derive(Args)]
pub(in crate::cli) struct Copy {
    #[command(flatten)]
    which: Which,
    /// The other store, sqlite:PATH or redis://HOST:PORT/DB; before it the one that is copied, if it is
    /// not that of the settings
    #[arg(value_name = "URL", num_args = 1..=2, required = true)]
    urls: Vec<String>,
    #[command(flatten)]
    follow: Follow,
    /// Take the place of what is in the other store
    #[arg(long)]
    replace: bool,
    /// Do not ask before anything is replaced
    #[arg(long, requires = "replace")]
    yes: bool,
}

impl Copy {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (from, to) = self.stores()?;
        if self.replace && !self.yes {
            ask("All that is in the other store now will be replaced, but its events")?;
        }
        let left = "nothing is left on the way, and a Redis that has a part of it is refused by \
                    gateways until this is done again";
        let (stores, replaces) = ([from.store, to.store.clone()], self.replace);
        let copied = unless_stopped(
            || left.to_owned(),
            move |stop| async move {
                let meter = Meter::new();
                let progress = |what: &str, count| meter.show(what, count);
                Copying::begin(stores.each_ref(), replaces, stop, &progress).await
            },
        );
        let (mut copying, Saved { warnings, .. }, restored) = copied.await?;
        for warning in &warnings {
            err!("warning: {}", output::plain(warning));
        }
        let said = words(restored.contents);
        tell(to, EventName::StoreRestored, &format!("a copy: {said}; tokens go on")).await;
        say(&format!(
            "The other store has {said}. Whoever is signed in at the console signs in again."
        ));
        self.follow.run(&mut copying).await
    }

    /// The store that is copied, and the other one.
    fn stores(&self) -> Result<(Config, Config), Failure> {
        match self.urls.as_slice() {
            [from, to] if self.which.store.is_none() => {
                self.which.load()?;
                Ok((self.which.load_with(from)?, self.which.load_with(to)?))
            }
            [to] => Ok((self.which.load()?, self.which.load_with(to)?)),
            _ => Err(Failure::Refused("two stores are meant, and --store is a third".to_owned())),
        }
    }
}
