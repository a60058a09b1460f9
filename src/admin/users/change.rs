//! Changes to one user: asked for on a page of their own where something ends.

use super::super::fields::{Field, Problems, field};
use super::super::page::{Nav, redirect};
use super::super::proof::{self, Asks};
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::super::tokens::{short, token_in};
use super::act::Act;
use super::{name, path_of};
use crate::gateway::ConsoleAnswer;
use crate::model::email::Email;
use crate::model::user::User;
use maud::{Markup, html};

/// `/users/ID/ACT/`
pub(super) async fn answer(
    site: &Site<'_>,
    user: &User,
    act: Act,
) -> Result<ConsoleAnswer, Refusal> {
    if act == Act::ResetTotp && user.id == site.session.user.id {
        // There the password and a code are asked for.
        return Ok(redirect(&site.link("/account/totp/off/")));
    }
    if site.asked().is_read() {
        return question(site, user, act, None).await;
    }
    let form = site.form()?;
    let proved = match proof::check_if(site, act.lets_in(user, &site.actor()), &form).await? {
        Ok(proved) => proved,
        Err(words) => return question(site, user, act, Some(words)).await,
    };
    let is_changed = act.perform(site.auth(), user, site.actor(), proved).await?;
    let there = if act == Act::Delete { "/users/".to_owned() } else { path_of(user) };
    let done = if is_changed { act.notice() } else { act.already().0 };
    Ok(site.after(&there, &[("done", done)]).await)
}

async fn question(
    site: &Site<'_>,
    user: &User,
    act: Act,
    unproved: Option<&str>,
) -> Result<ConsoleAnswer, Refusal> {
    let what = if act == Act::Delete {
        what_goes_too(site, std::slice::from_ref(user)).await?
    } else {
        html! {}
    };
    let body = html! {
        div.panel {
            p { strong { (act.label()) ": " (name(&user.username)) "?" } }
            (what)
            p { (act.consequence(1)) }
            @if user.id == site.session.user.id && act == Act::EndSessions {
                p.alert.warn { "This is your own account: you will have to sign in again." }
            }
            form.stack method="post" action=(site.link(&format!("{}{}/", path_of(user), act.name()))) {
                (site.form_key())
                (proof::part(site, Asks::before(site, act.lets_in(user, &site.actor())), unproved).await?)
                div.row {
                    button class=(if act.asks() { "danger" } else { "primary" }) { (act.label()) }
                    a.button href=(site.link(&path_of(user))) { "Cancel" }
                }
            }
        }
    };
    Ok(proof::refused_if(unproved, site.page(Nav::Users, act.label(), &body)))
}

/// What goes with accounts that are deleted, counted over all of them.
pub(super) async fn what_goes_too(site: &Site<'_>, users: &[User]) -> Result<Markup, Refusal> {
    let (mut tokens, mut sessions, mut keys) = (0, 0, 0);
    for user in users {
        tokens += site.auth().tokens_of(user).await?.len();
        sessions += site.auth().sessions_of(user, Some(&site.id)).await?.len();
        keys += site.auth().keys_of(user.id).await?.len();
    }
    Ok(html! {
        p { @if users.len() == 1 { "With the account goes:" } @else { "With the accounts goes:" } }
        ul {
            li { (counted(tokens, "live token")) }
            li { (counted(sessions, "session")) " at this console" }
            li { (counted(keys, "API key")) }
            li { "what their authenticator apps share with us" }
        }
    })
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}

/// `/users/ID/email/`
pub(super) async fn email(site: &Site<'_>, user: &User) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        let form = email_form(site, user, user.email.as_str(), &Problems::default());
        return Ok(site.page(Nav::Users, "Change the email", &form));
    }
    let form = site.form()?;
    let typed = form.get("email").unwrap_or_default().trim();
    match Email::parse(typed) {
        Ok(email) => {
            let managed = site.auth().set_email(user, email, site.actor()).await?;
            let done = if managed.is_changed { "email-changed" } else { "email-same" };
            Ok(site.after(&path_of(user), &[("done", done)]).await)
        }
        Err(errors) => {
            let mut problems = Problems::default();
            problems.add("email", errors);
            let form = email_form(site, user, typed, &problems);
            Ok(site.page(Nav::Users, "Change the email", &form))
        }
    }
}

/// What takes an email, with what is wrong with it.
fn email_form(site: &Site<'_>, user: &User, typed: &str, problems: &Problems) -> Markup {
    html! {
        p { "The email of " a href=(site.link(&path_of(user))) { (name(&user.username)) } "." }
        form.stack.panel method="post" action=(site.link(&format!("{}email/", path_of(user)))) {
            (problems.summary())
            (site.form_key())
            (field(Field {
                autocomplete: "off",
                hint: Some("May be left blank."),
                label: "Email",
                name: "email",
                kind: "text",
                value: typed,
            }, problems))
            div.row {
                button.primary { "Save" }
                a.button href=(site.link(&path_of(user))) { "Cancel" }
            }
        }
    }
}

/// `/users/ID/tokens/keep/`
pub(super) async fn keep_token(site: &Site<'_>, user: &User) -> Result<ConsoleAnswer, Refusal> {
    if !site.asked().is_read() {
        let form = site.form()?;
        let id = token_in(form.required("token")?)?;
        site.auth().revoke_other_tokens(user, id, site.actor()).await?;
        let page = form.get("page").unwrap_or_default();
        return Ok(site.after(&path_of(user), &[("page", page), ("done", "others-ended")]).await);
    }
    let query = &site.asked().query;
    let id = token_in(query.required("token")?)?;
    let page = query.get("page").unwrap_or_default();
    let others = site.auth().tokens_of(user).await?;
    let others = others.iter().filter(|token| token.record.id() != id).count();
    let path = format!("{}tokens/keep/", path_of(user));
    let body = html! {
        div.panel {
            p { strong { "Revoke all tokens of " (name(&user.username)) " but " code { (short(id)) } "?" } }
            p {
                (others) @if others == 1 { " other token ends" } @else { " other tokens end" }
                " at once. Sessions at this console go on."
            }
            form.row method="post" action=(site.link(&path)) {
                (site.form_key())
                input type="hidden" name="token" value=(id);
                @if !page.is_empty() { input type="hidden" name="page" value=(page); }
                button.danger { "Revoke the others" }
                a.button href=(site.link_with(&path_of(user), &[("page", page)])) { "Cancel" }
            }
        }
    };
    Ok(site.page(Nav::Users, "Revoke other tokens", &body))
}
