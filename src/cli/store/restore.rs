//! `authgate store restore`

use super::super::Failure;
use super::super::output::say;
use super::super::user::read_line;
use super::backup::words;
use super::progress::Meter;
use super::{Which, tell};
use crate::auth::RestoreTerms;
use crate::model::event::EventName;
use crate::store::whole::Restored;
use clap::Args;
use std::io::{IsTerminal, stdin};
use std::path::PathBuf;

#[derive(Args)]
pub(in crate::cli) struct Restore {
    #[command(flatten)]
    which: Which,
    /// What `authgate store backup` has made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take the place of what is in the store
    #[arg(long)]
    replace: bool,
    /// Do not ask before anything is replaced
    #[arg(long, requires = "replace")]
    yes: bool,
    /// Tokens and API keys go on, those too that were ended after the backup: of no use to a thief only
    /// if there was none
    #[arg(long)]
    keep_tokens: bool,
}

impl Restore {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = self.which.load()?;
        let store = Which::open(&config)?;
        if self.replace && !self.yes {
            ask("All that is in the store now will be replaced, but its events")?;
        }
        let terms = RestoreTerms { keeps_tokens: self.keep_tokens, replaces: self.replace };
        let restored = {
            let meter = Meter::new();
            let progress = |what: &str, count| meter.show(what, count);
            store.restore(self.file.clone(), terms, &progress).await?
        };
        let said = words(restored.contents);
        let of = restored.contents.at.map(|at| format!(" of {at}")).unwrap_or_default();
        let ended = if self.keep_tokens { "tokens go on" } else { "all tokens ended" };
        // It is done, whether or not anybody listens.
        tell(config, EventName::StoreRestored, &format!("a backup{of}: {said}; {ended}")).await;
        say(&format!("The store has {said}."));
        self.remarks(&restored).iter().for_each(|line| say(line));
        Ok(())
    }

    /// What an operator should think of now.
    fn remarks(&self, restored: &Restored) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(at) = restored.contents.at {
            lines.push(format!("They are as they were at {at}, passwords and rights too."));
        }
        lines.push(if self.keep_tokens {
            "Tokens and API keys that were ended after that are good again, but of users who have \
             ended all of theirs."
                .to_owned()
        } else {
            "All tokens and API keys have ended: users log in again, and keys are made anew."
                .to_owned()
        });
        if self.replace && restored.added > 0 {
            lines.push(format!("Not there before, and there now: {} users.", restored.added));
        }
        if restored.let_in > 0 {
            lines.push(format!("Locked out before, and let in now: {} users.", restored.let_in));
        }
        lines
    }
}

/// Goes on only if someone says so.
pub(super) fn ask(what: &str) -> Result<(), Failure> {
    if !stdin().is_terminal() {
        let words = "there is no terminal to ask whether it may be replaced; use --yes";
        return Err(Failure::Refused(words.to_owned()));
    }
    err!("{what}. Type yes to go on:");
    if read_line()?.trim() == "yes" {
        return Ok(());
    }
    Err(Failure::Refused("nothing was done".to_owned()))
}
