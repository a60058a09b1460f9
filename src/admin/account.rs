//! `/account/`: an operator's own account.

use super::fields::tick;
use super::page::{self, Nav, moment, with_cookie, with_status};
use super::proof::{self, Asks};
use super::refusal::Refusal;
use super::second_factor;
use super::site::Site;
use crate::api::sentence;
use crate::auth::{AuthError, ChangeError, NewPassword, OwnChange, OwnChanged, SessionView};
use crate::gateway::ConsoleAnswer;
use crate::model::password::Password;
use http::StatusCode;
use maud::{Markup, html};

/// `/account/` and what is below it.
pub(super) async fn answer(site: &Site<'_>, segments: &[&str]) -> Result<ConsoleAnswer, Refusal> {
    match segments {
        [] => overview(site).await,
        ["password"] => password(site).await,
        ["sessions", "end"] => end_others(site).await,
        ["totp"] => second_factor::answer(site).await,
        ["totp", "confirm"] => second_factor::confirm(site).await,
        ["totp", "off"] => second_factor::turn_off(site).await,
        ["totp", "codes"] => second_factor::renew_codes(site).await,
        _ => Err(Refusal::NotFound),
    }
}

async fn overview(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let user = &site.session.user;
    let codes_left = site.auth().recovery_codes_left(user.id).await?;
    let sessions = site.auth().sessions_of(user, Some(&site.id)).await?;
    let email = if user.email.as_str().is_empty() { "none" } else { user.email.as_str() };
    let body = html! {
        section.panel aria-labelledby="who" {
            h2 id="who" { "Who you are" }
            dl.facts {
                dt { "Username" } dd { (user.username.as_str()) }
                dt { "Email" } dd { (email) }
                dt { "Joined" } dd { (moment(user.joined)) }
                dt { "Signed in" } dd { (moment(site.session.began)) " from " (site.session.from) }
            }
        }
        div.panels {
            section.panel aria-labelledby="password" {
                h2 id="password" { "Password" }
                p { "A new one ends your other sessions and all your tokens, and your API keys if you wish." }
                a.button href=(site.link("/account/password/")) { "Change your password" }
            }
            section.panel aria-labelledby="second" {
                h2 id="second" { "Authenticator app" }
                (second_factor::summary(site, codes_left))
            }
            section.panel aria-labelledby="keys" {
                h2 id="keys" { "API keys" }
                p { "Programs call the console\u{2019}s API with keys that you make for them." }
                a.button href=(site.link("/account/keys/")) { "Your API keys" }
            }
        }
        h2 id="sessions" { "Your sessions" }
        (session_table(&sessions))
        @if sessions.len() > 1 {
            p { a.button.danger href=(site.link("/account/sessions/end/")) { "End all others…" } }
        }
    };
    Ok(site.page(Nav::None, "Your account", &body))
}

fn session_table(sessions: &[SessionView]) -> Markup {
    html! {
        div.table {
            table.cards aria-labelledby="sessions" {
                thead { tr {
                    th scope="col" { "Browser" }
                    th scope="col" { "Address" }
                    th scope="col" { "Signed in" }
                    th scope="col" { "Last used" }
                } }
                tbody { @for session in sessions { tr {
                    td.long data-label="Browser" {
                        span {
                            @if session.agent.is_empty() { span.faint { "unknown" } }
                            @else { (session.agent) }
                            @if session.is_this { " " span.badge.good { "this one" } }
                        }
                    }
                    td data-label="Address" { (session.from) }
                    td data-label="Signed in" { (moment(session.began)) }
                    td data-label="Last used" { (moment(session.seen)) }
                } } }
            }
        }
    }
}

/// `/account/sessions/end/`
async fn end_others(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        return end_others_asked(site, None).await;
    }
    match proof::check(site, false, &site.form()?).await? {
        Ok(proved) => {
            site.auth().end_other_sessions(&site.session.user, &site.id, proved).await?;
            Ok(page::redirect(&site.link("/account/")))
        }
        Err(words) => end_others_asked(site, Some(words)).await,
    }
}

async fn end_others_asked(
    site: &Site<'_>,
    unproved: Option<&str>,
) -> Result<ConsoleAnswer, Refusal> {
    let others =
        site.auth().sessions_of(&site.session.user, Some(&site.id)).await?.len().saturating_sub(1);
    let body = html! {
        div.panel {
            p {
                "Your " (others) @if others == 1 { " other session ends" } @else { " other sessions end" }
                " at once. You stay signed in here, and your tokens stay good."
            }
            form.stack method="post" action=(site.link("/account/sessions/end/")) {
                (site.form_key())
                (proof::part(site, Asks::before(site, Some(false)), unproved).await?)
                div.row {
                    button.danger { "End all others" }
                    a.button href=(site.link("/account/")) { "Cancel" }
                }
            }
        }
    };
    let page = site.page(Nav::None, "End your other sessions", &body);
    Ok(proof::refused_if(unproved, page))
}

/// `/account/password/`
async fn password(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        return password_page(site, None).await;
    }
    let form = site.form()?;
    let again = async |words: &str| {
        let page = password_page(site, Some(words)).await?;
        Ok(with_status(page, StatusCode::BAD_REQUEST))
    };
    let text = |name| form.get(name).unwrap_or_default();
    let new = match typed_twice([text("new_password"), text("new_password_again")]) {
        Ok(new) => new,
        Err(words) => return again(words).await,
    };
    let old = Password::new(text("old_password").to_owned());
    let visitor = site.entrance().visitor();
    // A store that is away now is not away in the middle of it.
    site.auth().wants_code(&site.session, visitor.from).await?;
    let change = OwnChange {
        code: text("code").to_owned(),
        ends_keys: form.is_ticked("end_keys"),
        passwords: NewPassword { new, old },
    };
    let sessions = site.settings().sessions;
    match site.auth().change_own_password(&site.session, change, &visitor, sessions).await {
        Ok(done) => {
            let answer = changed(site, &done);
            Ok(match &done.session {
                Some(id) => with_cookie(answer, &site.entrance().cookie(id)),
                None => answer,
            })
        }
        Err(error) => match not_changed(error) {
            Ok(words) => again(&words).await,
            Err(refusal) => Err(refusal),
        },
    }
}

/// Why a password was not changed: what can be typed anew, or what cannot be helped.
fn not_changed(error: ChangeError) -> Result<String, Refusal> {
    match error {
        ChangeError::Auth(AuthError::Store(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "a new password of an operator's own is perhaps not kept");
            Err(Refusal::HalfDone(HALF_CHANGED))
        }
        ChangeError::Auth(error) => Err(error.into()),
        ChangeError::KeysEnded(error) => {
            let words = match not_changed(*error) {
                Err(refusal @ Refusal::HalfDone(_)) => return Err(refusal),
                Err(refusal) => refusal.words(),
                Ok(words) => words,
            };
            Ok(format!("Your password stays as it was, but your API keys have ended. {words}"))
        }
        error @ (ChangeError::MissingCode
        | ChangeError::SamePassword
        | ChangeError::WeakPassword(_)
        | ChangeError::WrongCode
        | ChangeError::WrongPassword) => Ok(sentence(&error.to_string())),
    }
}

/// What is said where nobody knows how far a new password came.
const HALF_CHANGED: &str = "The store of accounts did not answer in the middle of it. If you have to \
    sign in now, the new password counts, and your API keys have ended if you wished so. If not, \
    change it once more.";

/// What comes after a new password.
fn changed(site: &Site<'_>, done: &OwnChanged) -> ConsoleAnswer {
    if done.session.is_some() && !done.keys_may_go_on {
        return page::redirect(&site.link("/account/"));
    }
    let body = html! {
        p.alert role="alert" {
            "Your password is changed."
            @if done.session.is_none() { " Your sessions have ended: sign in with the new one." }
            @if done.keys_may_go_on {
                " The store did not answer when API keys were to end that may have been made at the \
                 same moment: look at your keys, and revoke what you do not know."
            }
        }
        @if done.keys_may_go_on { p { a href=(site.link("/account/keys/")) { "Your API keys" } } }
        @else { p { a href=(site.link("/account/")) { "Your account" } } }
    };
    with_status(
        site.page(Nav::None, "Change your password", &body),
        StatusCode::SERVICE_UNAVAILABLE,
    )
}

/// A new password that was typed twice, or what is wrong with it.
pub(super) fn typed_twice([once, again]: [&str; 2]) -> Result<Password, &'static str> {
    /// In characters: Django's.
    const LONGEST: usize = 128;
    if once != again {
        return Err("The new passwords differ.");
    }
    if once.trim().is_empty() {
        return Err("The new password is blank.");
    }
    if once.chars().count() > LONGEST {
        return Err("The new password has more than 128 characters.");
    }
    if once.contains('\0') {
        return Err("Null characters are not allowed.");
    }
    Ok(Password::new(once.to_owned()))
}

async fn password_page(site: &Site<'_>, problem: Option<&str>) -> Result<ConsoleAnswer, Refusal> {
    let from = site.entrance().visitor().from;
    let wants_code = site.auth().wants_code(&site.session, from).await?;
    let body = html! {
        section.panel {
            @if let Some(problem) = problem { p.alert role="alert" { (problem) } }
            @if site.session.user.must_change {
                p.notice { "Someone else knows your password. Choose another one to go on." }
            }
            p { "Your other sessions and all your tokens end. You stay signed in here." }
            form.stack method="post" {
                (site.form_key())
                input type="hidden" autocomplete="username" value=(site.session.user.username.as_str());
                label { "Present password"
                    input type="password" name="old_password" autocomplete="current-password"
                        required autofocus;
                }
                @if wants_code { (proof::code_field(true)) }
                label { "New password"
                    input type="password" name="new_password" autocomplete="new-password" required;
                }
                label { "New password again"
                    input type="password" name="new_password_again" autocomplete="new-password"
                        required;
                }
                (tick("end_keys", "End my API keys, too", true))
                p.hint { "Whoever knew the password may have made one." }
                div.row {
                    button.primary { "Change the password" }
                    @if !site.session.user.must_change {
                        a.button href=(site.link("/account/")) { "Cancel" }
                    }
                }
            }
        }
    };
    Ok(site.page(Nav::None, "Change your password", &body))
}
