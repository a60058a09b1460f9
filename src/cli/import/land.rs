//! What all imports have in common: the source is read, then taken over, then it is told.

use super::super::bar::Bar;
use super::super::store::{Which, tell};
use super::super::unless_stopped::unless_stopped;
use super::super::{Failure, accounts_of, output};
use super::told;
use crate::auth::{HashRoom, LandingTerms, WholeStore};
use crate::config::Config;
use crate::model::event::EventName;
use crate::model::user::UserId;
use crate::moving::{Origin, Progress, Report, Staged, WholeFile, stage};
use crate::store::StoreError;
use crate::store::staging::{BringBack, Landed, OnConflict, Staging};
use crate::store::whole::Stop;
use clap::{Args, ValueEnum};
use std::io::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    /// Take the place of a report that is there
    #[arg(long, requires = "report")]
    force: bool,
    /// What becomes of users who are here already: they stay as they are (skip), they become as the
    /// source says (update), or nothing at all is done (fail)
    #[arg(long, value_name = "WHAT", default_value = "skip")]
    on_conflict: Conflict,
    /// Bring back users of these numbers although they were deleted here (7,12), or all of the source
    /// (all)
    #[arg(long, value_name = "NUMBERS", value_parser = numbers)]
    restore_deleted: Option<BringBack>,
}

fn numbers(text: &str) -> Result<BringBack, String> {
    if text == "all" {
        return Ok(BringBack::All);
    }
    let number = |word: &str| {
        let number = word.trim().parse();
        number.map(UserId).map_err(|_| format!("{word:?} is no number of a user; nor is it `all`"))
    };
    text.split(',').map(number).collect::<Result<_, _>>().map(BringBack::These)
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
        let Self { dry_run, report, force, on_conflict, restore_deleted, .. } = self;
        let (brings_back, on_conflict) = (restore_deleted.unwrap_or_default(), on_conflict.into());
        let file = report.map(|file| {
            let is_source = |source: &Path| source.canonicalize().ok() == file.canonicalize().ok();
            if origin.file().is_some_and(is_source) && file.exists() {
                let words = "the report would take the place of the source; give it another name";
                return Err(Failure::Refused(words.to_owned()));
            }
            let made = WholeFile::at(Some(&file), force);
            made.map_err(|error| cannot_be_made(&file, &error))
        });
        let mut file = file.transpose()?;
        let room = HashRoom::new(config.auth.hashing, config.auth.imported_memory);
        let way = Arc::new(Way::default());
        let gone = Arc::clone(&way);
        let landed = unless_stopped(
            || way.left(dry_run),
            move |stop| async move {
                let source = origin.to_string();
                let mut staged = staged(origin, room, &stop)?;
                let terms = LandingTerms { brings_back, dry_run, on_conflict, stop };
                let landed = land(&store, &staged, terms, &gone).await?;
                let report = Report::of(source, dry_run, &staged, landed)?;
                let words = told::words(&report, &staged)?;
                let written = file.take().map_or(Ok(()), |file| report.write(&mut staged, file));
                Ok::<_, Failure>((report, words, written))
            },
        );
        let (report, words, written) = landed.await?;
        if !dry_run {
            note(config, &report).await;
        }
        output::print(&words);
        written.map_err(|error| {
            let why = output::with_causes(&error);
            let done = if dry_run { "dry run" } else { "import" };
            Failure::Refused(format!("{why}; the {done} is done, and only the report is missing"))
        })?;
        if report.is_vain() {
            return Err(Failure::Refused("nobody was taken over".to_owned()));
        }
        Ok(())
    }
}

/// Why there is no report; not by the name that it has on its way.
fn cannot_be_made(file: &Path, error: &Error) -> Failure {
    let words = error.to_string();
    let why = words.split_once(" at path ").map_or(words.as_str(), |(why, _)| why);
    Failure::Refused(format!("cannot make the report {}: {why}", file.display()))
}

/// Has it among the events, and lets names that nobody has cost what those of the newcomers do. It is done
/// whether or not that can be.
async fn note(config: Config, report: &Report) {
    let added = report.landed.added;
    if added > 0 {
        let noted = match accounts_of(config.clone()) {
            Ok(accounts) => {
                accounts.note_imported(&report.kinds, added).await.map_err(Failure::auth)
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = noted {
            let why = output::with_causes(&failure);
            err!("warning: logins may tell by their time who has moved in: {why}");
        }
    }
    tell(config, EventName::UsersImported, &told::in_a_line(report)).await;
}

/// How far taking over has come.
#[derive(Default)]
struct Way {
    has_begun: AtomicBool,
    /// The users of the source, and how many of them are done.
    users: [AtomicU64; 2],
}

impl Way {
    /// What is left where it ends before it is done.
    fn left(&self, dry_run: bool) -> String {
        if dry_run || !self.has_begun.load(Ordering::Relaxed) {
            return "nothing was written".to_owned();
        }
        let so_far = match self.users.each_ref().map(|count| count.load(Ordering::Relaxed)) {
            [_, 0] => "hardly anybody was taken over, if anybody".to_owned(),
            [all, done] => format!("{done} of {all} users are done"),
        };
        format!(
            "{so_far}; users who were taken over are whole, with their tokens; to go on, do the same \
             again"
        )
    }

    /// The same of a store that takes no more.
    fn fails(&self, error: StoreError, dry_run: bool) -> Failure {
        let [_, done] = &self.users;
        match error {
            StoreError::Unavailable(_) if done.load(Ordering::Relaxed) > 0 => {
                Failure::Refused(format!("{}; {}", output::with_causes(&error), self.left(dry_run)))
            }
            error => error.into(),
        }
    }
}

fn staged(origin: Origin, room: HashRoom, stop: &Stop) -> Result<Staged, Failure> {
    match Staging::remove_dead() {
        0 => {}
        1 => err!("1 file that a killed command has left, with hashes, is removed"),
        many => err!("{many} files that killed commands have left, with hashes, are removed"),
    }
    let progress = Arc::new(Progress::default());
    let bar = if origin.is_in_bytes() { Bar::of_bytes() } else { Bar::of_rows() };
    let told = || bar.show("reading", progress.done(), progress.whole());
    Ok(stage(origin, room, Arc::clone(&progress), stop, &told)?)
}

async fn land(
    store: &WholeStore,
    staged: &Staged,
    terms: LandingTerms,
    way: &Way,
) -> Result<Landed, Failure> {
    let (users, tokens) = staged.staging.counts()?;
    let [all, done] = &way.users;
    all.store(users, Ordering::Relaxed);
    way.has_begun.store(true, Ordering::Relaxed);
    let dry_run = terms.dry_run;
    let bar = Bar::of_rows();
    let progress = |what: &str, count: u64| {
        let whole = match what {
            "users" => Some(users),
            "tokens" => Some(tokens),
            _ => None,
        };
        if what == "users" {
            done.store(count, Ordering::Relaxed);
        }
        bar.show(what, count, whole);
    };
    let landed = store.land(&staged.staging, terms, &progress).await;
    landed.map_err(|error| way.fails(error, dry_run))
}
