//! `authgate user …`

use super::{Failure, SettingsFile, output};
use crate::auth::{Auth, ManageError, NewRights, Registration};
use crate::clock::Timestamp;
use crate::model::email::Email;
use crate::model::event::Actor;
use crate::model::password::Password;
use crate::model::user::{self, Username};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::{IsTerminal, stdin};

#[derive(Subcommand)]
pub(super) enum User {
    /// Makes a user; the password is asked for twice
    Create(Create),
    /// Lists the users
    List(List),
    /// Shows a user
    Show(Show),
    /// Gives a user another password and ends all their tokens; it is asked for twice
    SetPassword(SetPassword),
    /// Lets a user in again
    Activate(Named),
    /// Locks a user out and ends all their tokens
    Deactivate(Named),
    /// Makes a user staff
    Promote(Named),
    /// Makes a user an ordinary one and ends all their tokens
    Demote(Named),
    /// Has a user choose another password before anything else
    MustChange(Named),
    /// Takes an operator's authenticator app from them, who has lost it
    ResetTotp(Named),
    /// Ends all of a user's sessions at the console and all their tokens
    SignOut(Named),
    /// Deletes a user and all their tokens
    Delete(Named),
}

#[derive(Args)]
pub(super) struct Named {
    /// The user's name
    name: String,
    #[command(flatten)]
    settings: SettingsFile,
}

#[derive(Args)]
pub(super) struct Create {
    #[command(flatten)]
    user: Named,
    /// Their address
    #[arg(long, default_value = "", hide_default_value = true)]
    email: String,
    /// They may pass where only staff may
    #[arg(long)]
    staff: bool,
    #[command(flatten)]
    password: PasswordSource,
}

#[derive(Args)]
pub(super) struct SetPassword {
    #[command(flatten)]
    user: Named,
    #[command(flatten)]
    password: PasswordSource,
}

#[derive(Args)]
struct PasswordSource {
    /// The password is the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    settings: SettingsFile,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Show {
    #[command(flatten)]
    user: Named,
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

impl User {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run().await?,
            Self::List(verb) => verb.run().await?,
            Self::Show(verb) => verb.run().await?,
            Self::SetPassword(verb) => verb.run().await?,
            Self::Activate(user) => {
                let (accounts, user) = user.find().await?;
                let user = accounts.set_active(&user, true, Actor::CommandLine).await?;
                say(&accounts, &user, "is active").await;
            }
            Self::Deactivate(user) => {
                let (accounts, user) = user.find().await?;
                let user = accounts.set_active(&user, false, Actor::CommandLine).await?;
                say(&accounts, &user, "is locked out; all their tokens have ended").await;
            }
            Self::Promote(user) => {
                let (accounts, user) = user.find().await?;
                let user = accounts.set_staff(&user, true, Actor::CommandLine).await?;
                say(&accounts, &user, "is staff").await;
            }
            Self::Demote(user) => {
                let (accounts, user) = user.find().await?;
                let user = accounts.set_staff(&user, false, Actor::CommandLine).await?;
                say(&accounts, &user, "is an ordinary user; all their tokens have ended").await;
            }
            Self::MustChange(user) => user.require_change().await?,
            Self::ResetTotp(user) => user.reset_totp().await?,
            Self::SignOut(user) => user.sign_out().await?,
            Self::Delete(user) => {
                let (accounts, user) = user.find().await?;
                accounts.delete_user(&user, Actor::CommandLine).await?;
                say(&accounts, &user, "and all their tokens are deleted").await;
            }
        }
        Ok(())
    }
}

/// Says what was done, once running gateways know it too.
async fn say(accounts: &Auth, user: &user::User, what: &str) {
    accounts.until_heard().await;
    println!("{} {what}", user.username);
}

impl Named {
    async fn require_change(self) -> Result<(), Failure> {
        let (accounts, user) = self.find().await?;
        let user = accounts.set_must_change(&user, true, Actor::CommandLine).await?;
        say(&accounts, &user, "must choose another password before anything else").await;
        Ok(())
    }

    async fn reset_totp(self) -> Result<(), Failure> {
        let (accounts, user) = self.find().await?;
        let had = accounts.reset_second_factor(&user, Actor::CommandLine).await;
        let had = had.map_err(ManageError::from)?;
        let what =
            if had { "has no authenticator app any more" } else { "has no authenticator app" };
        say(&accounts, &user, what).await;
        Ok(())
    }

    async fn sign_out(self) -> Result<(), Failure> {
        let (accounts, user) = self.find().await?;
        accounts.revoke_tokens(&user, Actor::CommandLine).await?;
        say(&accounts, &user, "is signed out; all their tokens have ended").await;
        Ok(())
    }

    async fn find(self) -> Result<(Auth, user::User), Failure> {
        let accounts = self.settings.accounts()?;
        let user = accounts.user_named(&self.name).await?;
        Ok((accounts, user))
    }
}

impl Create {
    async fn run(self) -> Result<(), Failure> {
        let Self { user: Named { name, settings }, email, staff, password } = self;
        let username = Username::parse(&name).map_err(|errors| refused(&errors))?;
        let email = Email::parse(&email).map_err(|errors| refused(&errors))?;
        let accounts = settings.accounts()?;
        let registration = Registration { email, password: password.read()?, username };
        let rights = NewRights { is_staff: staff, must_change: false };
        let user = accounts.create_user(registration, rights, Actor::CommandLine).await?;
        accounts.until_kept().await;
        println!("{} is user {}{}", user.username, user.id, if staff { ", staff" } else { "" });
        Ok(())
    }
}

fn refused(errors: &[impl ToString]) -> Failure {
    Failure::Refused(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

impl SetPassword {
    async fn run(self) -> Result<(), Failure> {
        let (accounts, user) = self.user.find().await?;
        let password = self.password.read()?;
        let user = accounts.set_password(&user, password, false, Actor::CommandLine).await?;
        say(&accounts, &user, "has another password; all their tokens have ended").await;
        Ok(())
    }
}

impl PasswordSource {
    fn read(&self) -> Result<Password, Failure> {
        let typed = if self.password_stdin { read_line()? } else { ask_twice()? };
        if typed.trim().is_empty() {
            return Err(Failure::Refused("the password is blank".to_owned()));
        }
        Ok(Password::new(typed))
    }
}

/// The first line of standard input.
pub(super) fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    stdin().read_line(&mut line).map_err(Failure::system("cannot read standard input"))?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

fn ask_twice() -> Result<String, Failure> {
    if !stdin().is_terminal() {
        let words = "there is no terminal to ask for the password; use --password-stdin";
        return Err(Failure::Refused(words.to_owned()));
    }
    let ask = |prompt| rpassword::prompt_password(prompt).map_err(Failure::system("cannot ask"));
    let password = ask("Password: ")?;
    if password == ask("Password again: ")? {
        Ok(password)
    } else {
        Err(Failure::Refused("the passwords differ".to_owned()))
    }
}

/// How many users are read at once.
const PAGE: usize = 500;

impl List {
    async fn run(self) -> Result<(), Failure> {
        let accounts = self.settings.accounts()?;
        let mut users: Vec<user::User> = Vec::new();
        loop {
            let page = accounts.users_after(users.last().map(|user| user.id), PAGE).await?;
            let is_last = page.len() < PAGE;
            users.extend(page);
            if is_last {
                break;
            }
        }
        if self.json {
            output::json(&users.iter().map(as_json).collect());
            return Ok(());
        }
        let heads = ["ID", "USERNAME", "EMAIL", "ACTIVE", "STAFF", "JOINED", "LAST LOGIN"];
        output::table(heads, users.iter().map(as_row).collect(), "There are no users.");
        Ok(())
    }
}

impl Show {
    async fn run(self) -> Result<(), Failure> {
        let (accounts, user) = self.user.find().await?;
        let tokens = accounts.tokens_of(&user).await?.len();
        if self.json {
            let mut object = as_json(&user);
            if let Some(object) = object.as_object_mut() {
                object.insert("tokens".to_owned(), json!(tokens));
            }
            output::json(&object);
            return Ok(());
        }
        let [id, username, email, active, staff, joined, last_login] = as_row(&user);
        println!("id:          {id}\nusername:    {username}\nemail:       {email}");
        println!("active:      {active}\nstaff:       {staff}");
        println!("joined:      {joined}\nlast login:  {last_login}\nlive tokens: {tokens}");
        Ok(())
    }
}

fn as_json(user: &user::User) -> Value {
    json!({
        "id": user.id.0,
        "username": user.username.as_str(),
        "email": user.email.as_str(),
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "joined": user.joined.to_string(),
        "last_login": user.last_login.map(|moment| moment.to_string()),
    })
}

fn as_row(user: &user::User) -> [String; 7] {
    let yes_no = |yes| if yes { "yes" } else { "no" }.to_owned();
    let moment = |moment: Timestamp| moment.to_string();
    [
        user.id.to_string(),
        user.username.to_string(),
        user.email.to_string(),
        yes_no(user.is_active),
        yes_no(user.is_staff),
        moment(user.joined),
        user.last_login.map_or_else(|| "never".to_owned(), moment),
    ]
}
