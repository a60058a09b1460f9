//! `authgate user create` and `set-password`.

use super::super::{Failure, output};
use super::{Named, refused, say};
use crate::auth::{ManageError, NewRights, Proved, Registration, generated_password};
use crate::model::email::Email;
use crate::model::password::Password;
use crate::model::user::Username;
use clap::Args;
use std::io::{IsTerminal, stdin};

#[derive(Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    user: Named,
    /// Their email
    #[arg(long, default_value = "", hide_default_value = true)]
    email: String,
    /// They may pass where only staff may
    #[arg(long)]
    staff: bool,
    /// They must choose another password before anything else
    #[arg(long)]
    must_change: bool,
    #[command(flatten)]
    password: PasswordSource,
}

#[derive(Args)]
pub(in crate::cli) struct SetPassword {
    #[command(flatten)]
    user: Named,
    /// They must choose another password before anything else
    #[arg(long)]
    must_change: bool,
    #[command(flatten)]
    password: PasswordSource,
}

#[derive(Args)]
struct PasswordSource {
    /// The password is the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// The password is made up, and written alone to standard output, this once
    #[arg(long, conflicts_with = "password_stdin")]
    generate: bool,
}

impl Create {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self { user: Named { user: name, settings }, email, staff, must_change, password } =
            self;
        let username = Username::parse(&name).map_err(|errors| refused(&errors))?;
        let email = Email::parse(&email).map_err(|errors| refused(&errors))?;
        let accounts = settings.accounts().await?;
        let (password, shown) = password.read()?;
        let registration = Registration { email, password, username };
        let rights = NewRights { is_staff: staff, must_change };
        let user = accounts.create_user(registration, rights, Proved::command_line()).await?;
        accounts.until_kept().await;
        let said =
            format!("{} is user {}{}", user.username, user.id, if staff { ", staff" } else { "" });
        tell(&said, shown.as_ref());
        Ok(())
    }
}

impl SetPassword {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (accounts, user) = self.user.find().await?;
        let (password, shown) = self.password.read()?;
        let by = Proved::command_line();
        let user = accounts.set_password(&user, password, self.must_change, by).await?;
        let what = "has another password; all their tokens and API keys have ended";
        if shown.is_none() {
            say(&accounts, &user, what).await;
            return Ok(());
        }
        accounts.until_heard().await;
        let name = output::plain(user.username.as_str());
        tell(&format!("{name} {what}"), shown.as_ref());
        Ok(())
    }
}

/// Says what was done. A password that was made up stands alone on standard output, so that a script
/// can take it.
fn tell(what: &str, password: Option<&Password>) {
    match password {
        None => out!("{what}"),
        Some(password) => {
            out!("{}", password.expose());
            err!("{what}; the password is not shown again");
        }
    }
}

impl PasswordSource {
    /// The password, and once more to be shown if it was made up.
    fn read(&self) -> Result<(Password, Option<Password>), Failure> {
        if self.generate {
            let password = generated_password().map_err(ManageError::from)?;
            let shown = Password::new(password.expose().to_owned());
            return Ok((password, Some(shown)));
        }
        let typed = if self.password_stdin { read_line()? } else { ask_twice()? };
        if typed.trim().is_empty() {
            return Err(Failure::Refused("the password is blank".to_owned()));
        }
        if !Password::is_short_enough(&typed) {
            let words = format!("the password has more than {} characters", Password::LONGEST);
            return Err(Failure::Refused(words));
        }
        Ok((Password::new(typed), None))
    }
}

/// The first line of standard input.
pub(in crate::cli) fn read_line() -> Result<String, Failure> {
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
