//! `authgate export …`

use super::bar::Bar;
use super::store::Which;
use super::unless_stopped::unless_stopped;
use super::{Failure, whole_accounts_of};
use crate::model::event::{Actor, EventName};
use crate::model::token::{DigestHash, DigestOver, DigestScheme};
use crate::moving::{self, ExportError, Exported, ForDjango, Model, WholeFile};
use crate::store::Settings;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum Export {
    /// Users, groups and live tokens as JSON for `manage.py loaddata`. Permissions, of which nothing is
    /// known here, a Django that has them keeps; other fields of a user model of its own become their
    /// defaults: there, load it into an empty table, or take over username and password alone
    Django(Django),
    /// Users and live tokens, an object of JSON a line, with all that is kept of them
    Jsonl(Order),
}

/// Where it goes.
#[derive(Args)]
pub(super) struct Order {
    #[command(flatten)]
    which: Which,
    /// The file to be made, there whole or not at all, for your eyes alone; without it, or with -, standard
    /// output
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
    /// One array of JSON, or an object a line, which `loaddata` reads in constant memory (from a file that
    /// is called .jsonl)
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    format: Format,
    /// Leave tokens out, for a Django that has no knox
    #[arg(long, conflicts_with_all = ["knox", "digest"])]
    no_tokens: bool,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum Format {
    Json,
    Jsonl,
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
            Self::Jsonl(order) => order.write(moving::Export::Jsonl, "as lines").await,
            Self::Django(verb) => {
                let over = match verb.knox {
                    Version::Five => DigestOver::Text,
                    Version::FourTwo => DigestOver::Bytes,
                    Version::FourOne => DigestOver::BytesAndSalt,
                };
                let scheme = DigestScheme { hash: verb.digest, over };
                let scheme = (!verb.no_tokens).then_some(scheme);
                let is_in_lines = verb.format == Format::Jsonl;
                let terms = ForDjango { is_in_lines, scheme, user_model: verb.user_model };
                verb.order.write(moving::Export::Django(terms), "for Django").await
            }
        }
    }
}

impl Order {
    async fn write(self, export: moving::Export, what: &'static str) -> Result<(), Failure> {
        let Self { which, file, force } = self;
        let file = file.filter(|file| file.as_os_str() != "-");
        let config = which.load()?;
        // Else it would be made, and that nobody is in it would take the place of an export that is good.
        if let Settings::Sqlite { path } = &config.store
            && !path.exists()
        {
            let words = format!("cannot read {}: there is no such file", path.display());
            return Err(Failure::Refused(words));
        }
        let io = |error| Failure::from(ExportError::Io(error));
        let mut to = WholeFile::at(file.as_deref(), force).map_err(io)?;
        let accounts = whole_accounts_of(config).await?;
        let left = || "no file is made, nor replaced".to_owned();
        let done = unless_stopped(left, move |_| async move {
            accounts.tell_of_export(EventName::UsersExported, what, Actor::CommandLine);
            accounts.until_kept().await;
            let bar = Bar::of_rows();
            let whole = accounts.census().await?.users;
            let told = |users| bar.show("users", users, Some(whole));
            let done = export.write(&accounts, &mut to, &told).await?;
            to.finish().map_err(io)?;
            Ok::<_, Failure>(done)
        });
        say(&done.await?);
        Ok(())
    }
}

/// On standard error: the export itself may be on standard output.
fn say(done: &Exported) {
    let Exported { keyless, must_change, of_other_schemes, tokens, users } = done;
    err!("users: {users}, live tokens: {tokens}");
    let told = [
        (
            keyless,
            "tokens left out, because the beginning of their text, by which knox finds a token, is not \
             known: their users log in again",
        ),
        (
            of_other_schemes,
            "tokens left out, because their digests are of another version of knox or another hash \
             (--knox, --digest)",
        ),
        (
            must_change,
            "users who are to choose another password here, of which Django knows nothing",
        ),
    ];
    for (count, words) in told.into_iter().filter(|(count, _)| **count > 0) {
        err!("{words}: {count}");
    }
}
