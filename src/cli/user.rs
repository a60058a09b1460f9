//! `authgate user …`

mod create;
mod list;
mod row;
mod sessions;
mod several;
mod show;

pub(super) use self::create::read_line;

use self::create::{Create, SetPassword};
use self::list::List;
use self::sessions::{Sessions, SignOut};
use self::several::{Act, Several};
use self::show::Show;
use super::{Failure, SettingsFile, output};
use crate::auth::{Auth, ManageError, Managed, Proved};
use crate::model::email::Email;
use crate::model::event::Actor;
use crate::model::user::{self, UserId};
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(super) enum User {
    /// Makes a user; the password is asked for twice
    Create(Create),
    /// Lists the users
    List(List),
    /// Shows a user
    Show(Show),
    /// Gives a user another password and ends all their tokens and API keys; it is asked for twice
    SetPassword(SetPassword),
    /// Gives a user another email
    SetEmail(SetEmail),
    /// Lets users in again
    Activate(Several),
    /// Locks users out and ends all their tokens
    Deactivate(Several),
    /// Makes a user staff and ends all their tokens
    Promote(Named),
    /// Makes a user an ordinary one and ends all their tokens
    Demote(Named),
    /// Has a user choose another password before anything else
    MustChange(MustChange),
    /// Takes an operator's authenticator app from them, who has lost it
    ResetTotp(Named),
    /// Lists an operator's sessions at the console
    Sessions(Sessions),
    /// Ends all of users' sessions at the console, all their tokens and API keys
    SignOut(SignOut),
    /// Deletes users and all their tokens; their names are free then
    Delete(Several),
}

/// Whom a verb is about.
#[derive(Args)]
pub(super) struct Named {
    /// The user's name, or id:NUMBER
    user: String,
    #[command(flatten)]
    settings: SettingsFile,
}

#[derive(Args)]
pub(super) struct MustChange {
    #[command(flatten)]
    user: Named,
    /// Not any more
    #[arg(long)]
    off: bool,
}

#[derive(Args)]
pub(super) struct SetEmail {
    #[command(flatten)]
    user: Named,
    /// The email; "" for none
    #[arg(value_name = "EMAIL")]
    email: String,
}

impl User {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run().await?,
            Self::List(verb) => verb.run().await?,
            Self::Show(verb) => verb.run().await?,
            Self::SetPassword(verb) => verb.run().await?,
            Self::SetEmail(verb) => verb.run().await?,
            Self::Activate(users) => users.run(Act::Activate).await?,
            Self::Deactivate(users) => users.run(Act::Deactivate).await?,
            Self::Promote(user) => {
                let (accounts, user) = user.find().await?;
                let managed = accounts.promote(&user, Proved::command_line()).await?;
                say_either(
                    &accounts,
                    &managed,
                    ["is staff; all their tokens have ended", "is staff already"],
                )
                .await;
            }
            Self::Demote(user) => user.demote().await?,
            Self::MustChange(verb) => verb.run().await?,
            Self::ResetTotp(user) => user.reset_totp().await?,
            Self::Sessions(verb) => verb.run().await?,
            Self::SignOut(verb) => verb.run().await?,
            Self::Delete(users) => users.run(Act::Delete).await?,
        }
        Ok(())
    }
}

/// Says what was done, once running gateways know it too.
async fn say(accounts: &Auth, user: &user::User, what: &str) {
    accounts.until_heard().await;
    out!("{} {what}", output::plain(user.username.as_str()));
}

/// Says what was done, or that it was so already.
async fn say_either(accounts: &Auth, managed: &Managed, [what, already]: [&str; 2]) {
    say(accounts, &managed.user, if managed.is_changed { what } else { already }).await;
}

impl Named {
    async fn demote(self) -> Result<(), Failure> {
        let (accounts, user) = self.find().await?;
        let managed = accounts.demote(&user, Actor::CommandLine).await?;
        let what = "is an ordinary user; all their tokens and API keys have ended";
        say_either(&accounts, &managed, [what, "is an ordinary user already"]).await;
        Ok(())
    }
}

impl MustChange {
    async fn run(self) -> Result<(), Failure> {
        let (accounts, user) = self.user.find().await?;
        let words = if self.off {
            ["need not change the password", "need not change the password already"]
        } else {
            ["must change the password before anything else", "must change the password already"]
        };
        let managed = if self.off {
            accounts.keep_password(&user, Proved::command_line()).await?
        } else {
            accounts.require_new_password(&user, Actor::CommandLine).await?
        };
        say_either(&accounts, &managed, words).await;
        Ok(())
    }
}

impl Named {
    async fn reset_totp(self) -> Result<(), Failure> {
        let (accounts, user) = self.find().await?;
        let had = accounts.reset_second_factor(&user, Proved::command_line()).await;
        let had = had.map_err(ManageError::from)?;
        let what =
            if had { "has no authenticator app any more" } else { "has no authenticator app" };
        say(&accounts, &user, what).await;
        Ok(())
    }

    /// The accounts, and the user among them.
    pub(super) async fn find(self) -> Result<(Auth, user::User), Failure> {
        let accounts = self.settings.accounts().await?;
        let user = find(&accounts, &self.user).await?;
        Ok((accounts, user))
    }
}

/// The user of that name, or of the number after `id:`. One whom no rule let into the store has no other
/// way to be named, nor has one who came from a Django with such a name.
pub(super) async fn find(accounts: &Auth, name: &str) -> Result<user::User, ManageError> {
    match name.strip_prefix("id:").and_then(|number| number.parse().ok()) {
        Some(number) => accounts.user_numbered(UserId(number)).await,
        None => accounts.user_named(name).await,
    }
}

impl SetEmail {
    async fn run(self) -> Result<(), Failure> {
        let email = Email::parse(&self.email).map_err(|errors| refused(&errors))?;
        let (accounts, user) = self.user.find().await?;
        let managed = accounts.set_email(&user, email, Actor::CommandLine).await?;
        say_either(&accounts, &managed, ["has another email", "has this email already"]).await;
        Ok(())
    }
}

fn refused(errors: &[impl ToString]) -> Failure {
    Failure::Refused(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}
