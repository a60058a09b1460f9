//! What all imports have in common: the source is read, then taken over, then it is told.

use super::super::Failure;
use super::super::store::{Which, tell};
use super::super::unless_stopped::unless_stopped;
use super::{Bar, told};
use crate::auth::LandingTerms;
use crate::model::event::EventName;
use crate::moving::{Origin, Progress, Report, WholeFile, stage};
use crate::store::staging::OnConflict;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::sync::Arc;

/// How a source is taken over.
#[derive(Args)]
pub(in crate::cli) struct Order {
    #[command(flatten)]
    which: Which,
    /// Only tell what would be done; nothing is written
    #[arg(long)]
    dry_run: bool,
    /// Write all that is told to a file, as JSON, with each user and token that will not work
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// What becomes of users who are here already: they stay as they are (skip), they become as the
    /// source says (update), or nothing at all is done (fail)
    #[arg(long, value_name = "WHAT", default_value = "skip")]
    on_conflict: Conflict,
}

#[derive(Clone, Copy, ValueEnum)]
enum Conflict {
    Skip,
    Update,
    Fail,
}

impl From<Conflict> for OnConflict {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::Skip => Self::Skip,
            Conflict::Update => Self::Update,
            Conflict::Fail => Self::Fail,
        }
    }
}

impl Order {
    /// Takes a source over, and tells what came of it.
    pub(super) async fn land(self, origin: Origin) -> Result<(), Failure> {
        let config = self.which.load()?;
        let store = Which::open(&config)?;
        let Self { dry_run, report: file, on_conflict, .. } = self;
        let left = "users who were taken are whole, with their tokens; to go on, do the same again";
        let landed = unless_stopped(left, move |stop| async move {
            let (source, progress) = (origin.to_string(), Arc::new(Progress::default()));
            let bar = Bar::of(if origin.is_in_bytes() { "bytes" } else { "rows" });
            let reading = || bar.show("reading", progress.done(), progress.whole());
            let mut staged = stage(origin, Arc::clone(&progress), &stop, &reading)?;
            let (users, tokens) = staged.staging.counts()?;
            let bar = Bar::of("");
            let landing = |what: &str, count: u64| {
                let whole = match what {
                    "users" => Some(users),
                    "tokens" => Some(tokens),
                    _ => None,
                };
                bar.show(what, count, whole);
            };
            let terms = LandingTerms { dry_run, on_conflict: on_conflict.into(), stop };
            let landed = store.land(&staged.staging, terms, &landing).await?;
            drop(bar);
            let report = Report::of(source, dry_run, &staged, landed)?;
            told::print(&report, &staged)?;
            if let Some(file) = file {
                let to = WholeFile::at(Some(&file))
                    .map_err(Failure::system("cannot make the report"))?;
                report.write(&mut staged, to)?;
            }
            Ok::<_, Failure>(report)
        });
        let report = landed.await?;
        if !dry_run {
            tell(config, EventName::UsersImported, &told::in_a_line(&report)).await;
        }
        Ok(())
    }
}
