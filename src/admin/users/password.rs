//! `/users/ID/password/`, and the fields of a new password: typed, or made up and shown once.

use super::super::asked::Pairs;
use super::super::fields::{Field, Problems, field, secret, tick};
use super::super::notice;
use super::super::page::{Nav, redirect};
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::{name, path_of};
use crate::auth::{AuthError, ManageError, generated_password};
use crate::gateway::ConsoleAnswer;
use crate::model::password::Password;
use crate::model::user::User;
use maud::{Markup, html};

/// A new password.
pub(super) struct Chosen {
    pub password: Password,
    /// What to show this once: the password, if it was made up.
    pub shown: Option<Password>,
}

/// The most characters of a new password: Django's.
const LONGEST: usize = 128;

/// The fields of a new password.
pub(super) fn fields(is_typed: bool, problems: &Problems) -> Markup {
    html! {
        fieldset {
            legend { "Password" }
            label.check {
                input type="radio" name="how" value="generated" checked[!is_typed];
                "Make one up: it is shown once"
            }
            label.check {
                input type="radio" name="how" value="typed" checked[is_typed];
                "This one:"
            }
            (field(Field {
                autocomplete: "new-password",
                hint: None,
                label: "Password",
                name: "password",
                kind: "password",
                value: "",
            }, problems))
        }
    }
}

/// Whether the form says that a password is typed.
pub(super) fn is_typed(form: &Pairs) -> bool {
    form.get("how") == Some("typed")
}

/// Reads what [`fields`] sent; `None` where something is wrong with it.
pub(super) fn read(form: &Pairs, problems: &mut Problems) -> Result<Option<Chosen>, Refusal> {
    if !is_typed(form) {
        let password = generated_password()?;
        let shown = Password::new(password.expose().to_owned());
        return Ok(Some(Chosen { password, shown: Some(shown) }));
    }
    let typed = form.get("password").unwrap_or_default();
    if typed.trim().is_empty() {
        problems.add("password", ["This field is required."]);
        return Ok(None);
    }
    let mut wrong = Vec::new();
    if typed.chars().count() > LONGEST {
        wrong.push(format!("Ensure this field has no more than {LONGEST} characters."));
    }
    if typed.contains('\0') {
        wrong.push("Null characters are not allowed.".to_owned());
    }
    if !wrong.is_empty() {
        problems.add("password", wrong);
        return Ok(None);
    }
    Ok(Some(Chosen { password: Password::new(typed.to_owned()), shown: None }))
}

/// `/users/ID/password/`
pub(super) async fn answer(site: &Site<'_>, user: &User) -> Result<ConsoleAnswer, Refusal> {
    if user.id == site.session.user.id {
        // There the present one is asked for.
        return Ok(redirect(&site.link("/account/password/")));
    }
    let mut problems = Problems::default();
    if site.asked().is_read() {
        return Ok(page(site, user, (false, true), &problems));
    }
    let sent = site.form()?;
    let must_change = sent.is_ticked("must_change");
    if let Some(Chosen { password, shown }) = read(&sent, &mut problems)? {
        match site.auth().set_password(user, password, must_change, site.actor()).await {
            Ok(_) => return Ok(done(site, user, shown.as_ref())),
            Err(ManageError::WeakPassword(weaknesses)) => problems.add("password", weaknesses),
            Err(ManageError::Auth(AuthError::Busy)) => return Err(Refusal::Busy),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(page(site, user, (is_typed(&sent), must_change), &problems))
}

fn page(
    site: &Site<'_>,
    user: &User,
    (is_typed, must_change): (bool, bool),
    problems: &Problems,
) -> ConsoleAnswer {
    let body = html! {
        p {
            "Another password for " a href=(site.link(&path_of(user))) { (name(&user.username)) }
            ". All their tokens, sessions and API keys end at once."
        }
        form.stack.panel method="post" action=(site.link(&format!("{}password/", path_of(user)))) {
            (problems.summary())
            (site.form_key())
            (fields(is_typed, problems))
            (tick("must_change", "They must choose another before anything else", must_change))
            div.row {
                button.danger { "Set the password" }
                a.button href=(site.link(&path_of(user))) { "Cancel" }
            }
        }
    };
    site.page(Nav::Users, "Set a password", &body)
}

fn done(site: &Site<'_>, user: &User, shown: Option<&Password>) -> ConsoleAnswer {
    match shown {
        Some(password) => shown_once(site, user, "Another password", password),
        None => redirect(&site.link(&(path_of(user) + &notice::told("password-changed")))),
    }
}

/// The only page that ever shows a password.
pub(super) fn shown_once(
    site: &Site<'_>,
    user: &User,
    title: &str,
    password: &Password,
) -> ConsoleAnswer {
    let body = html! {
        p.notice role="status" { "The password of " (name(&user.username)) " is set." }
        div.panel {
            p { "Give it to them by a safe way. It is not shown again." }
            (secret("password", password.expose()))
        }
        p { a href=(site.link(&path_of(user))) { "To the page of " (name(&user.username)) } }
    };
    site.page(Nav::Users, title, &body)
}
