//! `/users/ID/password/`, and the fields of a new password: typed, or made up and shown once.

use super::super::asked::Pairs;
use super::super::fields::{Field, Problems, field, secret, tick};
use super::super::page::{Nav, redirect};
use super::super::proof::{self, Asks};
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::{name, path_of};
use crate::auth::{ManageError, generated_password};
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

/// The fields of a new password.
pub(super) fn fields(is_typed: bool, problems: &Problems) -> Markup {
    html! {
        fieldset {
            legend { "Password" }
            label.check {
                input type="radio" name="how" value="generated" checked[!is_typed];
                "Generate a password: it is shown once"
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
    if !Password::is_short_enough(typed) {
        wrong.push(format!("Ensure this field has no more than {} characters.", Password::LONGEST));
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
        let form = Pairs::read(b"must_change=yes");
        return page(site, user, &form, (&problems, None)).await;
    }
    let sent = site.form()?;
    let Some(Chosen { password, shown }) = read(&sent, &mut problems)? else {
        return page(site, user, &sent, (&problems, None)).await;
    };
    // First what costs no code.
    if let Err(error) = site.auth().look_at_password(user, &password) {
        return weak(site, user, &sent, error).await;
    }
    let proved = match proof::check(site, user.is_staff, &sent).await? {
        Ok(proved) => proved,
        Err(words) => return page(site, user, &sent, (&problems, Some(words))).await,
    };
    let must_change = sent.is_ticked("must_change");
    match site.auth().set_password(user, password, must_change, proved).await {
        Ok(_) => Ok(done(site, user, shown.as_ref()).await),
        Err(error) => weak(site, user, &sent, error).await,
    }
}

/// The form once more, if the password is too weak.
async fn weak(
    site: &Site<'_>,
    user: &User,
    sent: &Pairs,
    error: ManageError,
) -> Result<ConsoleAnswer, Refusal> {
    let ManageError::WeakPassword(weaknesses) = error else { return Err(error.into()) };
    let mut problems = Problems::default();
    problems.add("password", weaknesses);
    page(site, user, sent, (&problems, None)).await
}

/// The form, with what was typed but the passwords.
async fn page(
    site: &Site<'_>,
    user: &User,
    sent: &Pairs,
    (problems, unproved): (&Problems, Option<&str>),
) -> Result<ConsoleAnswer, Refusal> {
    let asks = Asks::before(site, Some(user.is_staff));
    let body = html! {
        p {
            "Another password for " a href=(site.link(&path_of(user))) { (name(&user.username)) }
            ". All their tokens, sessions and API keys end at once."
        }
        form.stack.panel method="post" action=(site.link(&format!("{}password/", path_of(user)))) {
            (problems.summary())
            (site.form_key())
            (fields(is_typed(sent), problems))
            (tick("must_change", "They must change it before anything else",
                sent.is_ticked("must_change")))
            (proof::part(site, asks, unproved).await?)
            div.row {
                button.danger { "Set the password" }
                a.button href=(site.link(&path_of(user))) { "Cancel" }
            }
        }
    };
    Ok(proof::refused_if(unproved, site.page(Nav::Users, "Set a password", &body)))
}

async fn done(site: &Site<'_>, user: &User, shown: Option<&Password>) -> ConsoleAnswer {
    match shown {
        Some(password) => shown_once(site, user, "Another password", password),
        None => site.after(&path_of(user), &[("done", "password-changed")]).await,
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
