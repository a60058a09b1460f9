//! `/users/new/`

use super::super::asked::Pairs;
use super::super::fields::{Problems, field, line, tick};
use super::super::page::Nav;
use super::super::proof::{self, Asks};
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::password::{self, Chosen};
use super::path_of;
use crate::auth::{NewRights, RegisterError, Registration};
use crate::gateway::ConsoleAnswer;
use crate::model::email::Email;
use crate::model::user::Username;
use maud::html;

/// `/users/new/`
pub(super) async fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        let sent = Pairs::read(b"must_change=yes");
        return page(site, &sent, &Problems::default(), None).await;
    }
    let sent = site.form()?;
    let mut problems = Problems::default();
    let username = username(&sent, &mut problems);
    let email = email(&sent, &mut problems);
    let chosen = password::read(&sent, &mut problems)?;
    let (Some(username), Some(email), Some(chosen)) = (username, email, chosen) else {
        return page(site, &sent, &problems, None).await;
    };
    let Chosen { password, shown } = chosen;
    let registration = Registration { email, password, username };
    // First what costs no code.
    if let Err(error) = site.auth().look_at_new_user(&registration).await {
        return not_made(site, &sent, error).await;
    }
    let is_staff = sent.is_ticked("staff");
    let proved = match proof::check(site, is_staff, &sent).await? {
        Ok(proved) => proved,
        Err(words) => return page(site, &sent, &problems, Some(words)).await,
    };
    let rights = NewRights { is_staff, must_change: sent.is_ticked("must_change") };
    match site.auth().create_user(registration, rights, proved).await {
        Ok(user) => Ok(match shown {
            Some(password) => password::shown_once(site, &user, "New user", &password),
            None => site.after(&path_of(&user), &[("done", "user-created")]).await,
        }),
        Err(error) => not_made(site, &sent, error).await,
    }
}

/// The form once more, if something else can be typed.
async fn not_made(
    site: &Site<'_>,
    sent: &Pairs,
    error: RegisterError,
) -> Result<ConsoleAnswer, Refusal> {
    let mut problems = Problems::default();
    match error {
        RegisterError::NameTaken => {
            problems.add("username", ["A user with that username already exists."]);
        }
        RegisterError::WeakPassword(weaknesses) => problems.add("password", weaknesses),
        RegisterError::Auth(error) => return Err(error.into()),
    }
    page(site, sent, &problems, None).await
}

fn username(sent: &Pairs, problems: &mut Problems) -> Option<Username> {
    let typed = sent.get("username").unwrap_or_default().trim();
    if typed.is_empty() {
        problems.add("username", ["This field is required."]);
        return None;
    }
    Username::parse(typed).map_err(|errors| problems.add("username", errors)).ok()
}

fn email(sent: &Pairs, problems: &mut Problems) -> Option<Email> {
    let typed = sent.get("email").unwrap_or_default().trim();
    Email::parse(typed).map_err(|errors| problems.add("email", errors)).ok()
}

/// The form, with what was typed but the passwords.
async fn page(
    site: &Site<'_>,
    sent: &Pairs,
    problems: &Problems,
    unproved: Option<&str>,
) -> Result<ConsoleAnswer, Refusal> {
    let asks = match Asks::before(site, Some(false)) {
        Asks::Never => Asks::ForStaff,
        asks => asks,
    };
    let body = html! {
        form.stack.panel method="post" action=(site.link("/users/new/")) {
            (problems.summary())
            (site.form_key())
            (field(line(sent, "username", "Username", Some("Letters, digits and @ . + - _ only.")), problems))
            (field(line(sent, "email", "Email", Some("May be left blank.")), problems))
            (password::fields(password::is_typed(sent), problems))
            (tick("must_change", "They must change the password before anything else",
                sent.is_ticked("must_change")))
            (tick("staff", "Staff: they may pass where only staff may, and sign in here",
                sent.is_ticked("staff")))
            (proof::part(site, asks, unproved).await?)
            div.row {
                button.primary { "Create" }
                a.button href=(site.link("/users/")) { "Cancel" }
            }
        }
    };
    Ok(proof::refused_if(unproved, site.page(Nav::Users, "New user", &body)))
}
