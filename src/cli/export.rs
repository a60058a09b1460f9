//! `authgate export …`

use super::import::Bar;
use super::store::Which;
use super::unless_stopped::unless_stopped;
use super::{Failure, whole_accounts_of};
use crate::model::event::{Actor, EventName};
use crate::model::token::{DigestHash, DigestOver, DigestScheme};
use crate::moving::{self, ExportError, Exported, ForDjango, Model, WholeFile};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum Export {
    /// Users, groups and live tokens as JSON for `manage.py loaddata`. What is not known here, such as
    /// permissions, a Django that has it keeps
    Django(Django),
    /// Users and live tokens, an object of JSON a line, with all that is kept of them
    Jsonl(Jsonl),
}

/// Where it goes.
#[derive(Args)]
struct Order {
    #[command(flatten)]
    which: Which,
    /// The file to be made, there whole or not at all, for your eyes alone; without it standard output
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Take the place of a file that is there
    #[arg(long, requires = "file")]
    force: bool,
}

#[derive(Args)]
pub(super) struct Django {
    #[command(flatten)]
    order: Order,
    /// The user model, if it is not Django's own
    #[arg(long, value_name = "APP.MODEL")]
    user_model: Option<Model>,
    /// The version of knox: 5, 4.2 or 4.1. Tokens that it could not find are left out
    #[arg(long, value_name = "VERSION", default_value = "5")]
    knox: Version,
    /// What knox's `SECURE_HASH_ALGORITHM` is
    #[arg(long, value_name = "HASH", default_value = "sha512")]
    digest: DigestHash,
}

#[derive(Args)]
pub(super) struct Jsonl {
    #[command(flatten)]
    order: Order,
}

#[derive(Clone, Copy, ValueEnum)]
enum Version {
    #[value(name = "5")]
    Five,
    #[value(name = "4.2")]
    FourTwo,
    #[value(name = "4.1")]
    FourOne,
}

impl Export {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Jsonl(verb) => verb.order.write(moving::Export::Jsonl, "as lines").await,
            Self::Django(verb) => {
                let over = match verb.knox {
                    Version::Five => DigestOver::Text,
                    Version::FourTwo => DigestOver::Bytes,
                    Version::FourOne => DigestOver::BytesAndSalt,
                };
                let scheme = DigestScheme { hash: verb.digest, over };
                let terms = ForDjango { scheme, user_model: verb.user_model };
                verb.order.write(moving::Export::Django(terms), "for Django").await
            }
        }
    }
}

impl Order {
    async fn write(self, export: moving::Export, what: &'static str) -> Result<(), Failure> {
        let Self { which, file, force } = self;
        if let Some(file) = file.as_ref().filter(|file| !force && file.exists()) {
            return Err(Failure::Refused(format!(
                "{} is there; --force replaces it",
                file.display()
            )));
        }
        let accounts = whole_accounts_of(which.load()?).await?;
        let left = "no file is made, nor replaced";
        let done = unless_stopped(left, move |_| async move {
            accounts.tell_of_export(EventName::UsersExported, what, Actor::CommandLine);
            let io = |error| Failure::from(ExportError::Io(error));
            let mut to = WholeFile::at(file.as_deref()).map_err(io)?;
            let bar = Bar::of("");
            let whole = accounts.census().await?.users;
            let told = |users| bar.show("users", users, Some(whole));
            let done = export.write(&accounts, &mut to, &told).await?;
            to.finish().map_err(io)?;
            accounts.until_kept().await;
            Ok::<_, Failure>(done)
        });
        say(&done.await?);
        Ok(())
    }
}

/// On standard error: the export itself may be on standard output.
fn say(done: &Exported) {
    eprintln!("{} users and {} live tokens.", done.users, done.tokens);
    if done.keyless > 0 {
        let words = "tokens are left out: the beginning of their text, by which knox finds a token, is \
                     not known. Their users log in again.";
        eprintln!("{} {words}", done.keyless);
    }
    if done.of_other_schemes > 0 {
        let words = "tokens are left out: their digests are of another version of knox or another \
                     hash (--knox, --digest).";
        eprintln!("{} {words}", done.of_other_schemes);
    }
}
