//! `authgate store verify`

use super::super::{Failure, output};
use super::Which;
use super::progress::Meter;
use crate::auth::WholeStore;
use crate::store::Settings;
use crate::store::whole::{Finding, Mend};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
pub(in crate::cli) struct Verify {
    #[command(flatten)]
    which: Which,
    /// A file of SQLite, such as a backup; without it the store
    #[arg(value_name = "FILE", conflicts_with = "store")]
    file: Option<PathBuf>,
    /// Mend what can be mended: indexes are made anew, and what nobody could reach is let go of
    #[arg(long)]
    repair: bool,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = self.which.load()?;
        let settings = match &self.file {
            Some(path) => Settings::Sqlite { path: path.clone() },
            None => config.store,
        };
        let found = {
            let meter = Meter::new();
            let progress = |what: &str, count| meter.show(what, count);
            WholeStore::of(&settings)?.verify(self.repair, &progress).await?
        };
        if self.json {
            let one = |it: &Finding| json!({ "words": it.words, "mended": it.mend == Mend::Done });
            output::json(&found.iter().map(one).collect());
        } else {
            print(&found);
        }
        match found.iter().filter(|finding| finding.mend != Mend::Done).count() {
            0 => Ok(()),
            1 => Err(Failure::Refused("one thing is wrong".to_owned())),
            count => Err(Failure::Refused(format!("{count} things are wrong"))),
        }
    }
}

fn print(found: &[Finding]) {
    for Finding { mend, words } in found {
        let label = match mend {
            Mend::Done => "mended",
            Mend::No => "wrong",
            Mend::Possible => "wrong, can be mended",
        };
        out!("{label}: {}", output::plain(words));
    }
    if found.is_empty() {
        out!("All is well.");
    } else if found.iter().any(|finding| finding.mend == Mend::Possible) {
        out!("`authgate store verify --repair` mends what can be mended.");
    }
}
