//! `authgate store backup`

use super::super::unless_stopped::unless_stopped;
use super::super::{Failure, output};
use super::progress::Meter;
use super::{Which, tell};
use crate::model::event::EventName;
use crate::store::whole::Contents;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(in crate::cli) struct Backup {
    #[command(flatten)]
    which: Which,
    /// The file to be made. It is there whole, or not at all; for your eyes alone
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take the place of a file that is there
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = self.which.load()?;
        let store = Which::open(&config)?;
        let left = format!("{} is not made, nor replaced", self.file.display());
        let (to, replaces) = (self.file.clone(), self.force);
        let saved = unless_stopped(
            || left,
            move |stop| async move {
                let meter = Meter::new();
                let progress = |what: &str, count| meter.show(what, count);
                store.save(to, replaces, stop, &progress).await
            },
        );
        let saved = saved.await?;
        for warning in &saved.warnings {
            err!("warning: {}", output::plain(warning));
        }
        let said = words(saved.contents);
        out!("{}: {said}; {} bytes", self.file.display(), saved.bytes);
        tell(config, EventName::StoreSaved, &said).await;
        Ok(())
    }
}

/// What a store has.
pub(super) fn words(contents: Contents) -> String {
    let Contents { events, items, tokens, users, .. } = contents;
    let some =
        |count: u64, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    [(users, "user"), (tokens, "token"), (items, "item"), (events, "event")]
        .map(|(count, one)| some(count, one))
        .join(", ")
}
