//! What is done to several users in one go.

use super::super::{Failure, SettingsFile, output};
use super::find;
use crate::auth::{Auth, ManageError, Proved};
use crate::model::event::Actor;
use clap::Args;

#[derive(Args)]
pub(in crate::cli) struct Several {
    /// The user's name, or id:NUMBER; several if you like
    #[arg(required = true, value_name = "NAME")]
    pub(super) names: Vec<String>,
    #[command(flatten)]
    pub(super) settings: SettingsFile,
}

/// What is done.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Activate,
    Deactivate,
    Delete,
    SignOut,
}

impl Several {
    /// Does it to each, also after one to whom it cannot be done.
    pub(super) async fn run(self, act: Act) -> Result<(), Failure> {
        let accounts = self.settings.accounts().await?;
        let (mut done, mut refused) = (Vec::new(), Vec::new());
        for name in &self.names {
            match act.on(&accounts, name).await {
                Ok(said) => done.push(said),
                Err(error) => refused.push(error),
            }
        }
        accounts.until_heard().await;
        for said in done {
            out!("{}", output::plain(&said));
        }
        match (refused.pop(), self.names.len()) {
            (None, _) => Ok(()),
            (Some(error), 1) => Err(error.into()),
            (Some(error), all) => {
                refused.push(error);
                for error in &refused {
                    err!("error: {}", output::plain(&output::with_causes(error)));
                }
                let count = refused.len();
                Err(Failure::Refused(format!("not done to {count} of {all} users")))
            }
        }
    }
}

impl Act {
    async fn on(self, accounts: &Auth, name: &str) -> Result<String, ManageError> {
        let user = find(accounts, name).await?;
        let by = Actor::CommandLine;
        let what = match self {
            Self::Activate => {
                let managed = accounts.activate(&user, Proved::command_line()).await?;
                if managed.is_changed { "is active" } else { "is active already" }
            }
            Self::Deactivate => {
                let managed = accounts.deactivate(&user, by).await?;
                if managed.is_changed {
                    "is locked out; all their tokens and API keys have ended"
                } else {
                    "is locked out already"
                }
            }
            Self::Delete => {
                accounts.delete_user(&user, Proved::command_line()).await?;
                "and all their tokens are deleted"
            }
            Self::SignOut => {
                accounts.revoke_tokens(&user, by).await?;
                "is signed out; all their tokens and API keys have ended"
            }
        };
        Ok(format!("{} {what}", user.username))
    }
}
