//! `authgate store copy`

use super::super::unless_stopped::unless_stopped;
use super::super::{Failure, output};
use super::backup::words;
use super::progress::Meter;
use super::restore::{ask, say};
use super::{Which, tell};
use crate::model::event::EventName;
use clap::Args;

#[derive(Args)]
pub(in crate::cli) struct Copy {
    #[command(flatten)]
    which: Which,
    /// The other store: sqlite:PATH or redis://HOST:PORT/DB. Stop all gateways first, and start them
    /// with this one then
    #[arg(value_name = "URL")]
    to: String,
    /// Take the place of what is in the other store
    #[arg(long)]
    replace: bool,
    /// Do not ask before anything is replaced
    #[arg(long, requires = "replace")]
    yes: bool,
}

impl Copy {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (from, to) = (self.which.load()?, self.which.load_with(&self.to)?);
        if self.replace && !self.yes {
            ask("All that is in the other store now will be replaced, but its events")?;
        }
        let (store, other) = (Which::open(&from)?, Which::open(&to)?);
        let left = "nothing is left on the way, and a Redis that has a part of it is refused by \
                    gateways until this is done again";
        let replaces = self.replace;
        let copied = unless_stopped(
            || left.to_owned(),
            move |stop| async move {
                let meter = Meter::new();
                let progress = |what: &str, count| meter.show(what, count);
                store.copy_to(&other, replaces, stop, &progress).await
            },
        );
        let (saved, restored) = copied.await?;
        for warning in &saved.warnings {
            eprintln!("warning: {}", output::plain(warning));
        }
        let said = words(restored.contents);
        tell(to, EventName::StoreRestored, &format!("a copy: {said}; tokens go on")).await;
        say(&format!(
            "The other store has {said}. Whoever is signed in at the console signs in again."
        ));
        Ok(())
    }
}
