//! Signing in and out.

use super::asked::Pairs;
use super::page::{self, with_cookie, with_status};
use super::refusal::Refusal;
use super::site::{Entrance, Site};
use crate::auth::{AuthError, LoginAttempt, SecondStep, SessionId, SignIn};
use crate::gateway::ConsoleAnswer;
use crate::model::password::Password;
use http::StatusCode;
use maud::{Markup, html};

/// `/login/`
pub(super) async fn answer(entrance: Entrance<'_>) -> Result<ConsoleAnswer, Refusal> {
    if !entrance.asked.is_read() {
        return sign_in(entrance).await;
    }
    if entrance.enter().await.is_ok() {
        return Ok(page::redirect(&next(entrance, &entrance.asked.query)));
    }
    let id = entrance.id_for_forms()?;
    let answer = step_page(entrance, Step::Password, &id, &entrance.asked.query, None);
    Ok(with_cookie(answer, &entrance.cookie(&id)))
}

async fn sign_in(entrance: Entrance<'_>) -> Result<ConsoleAnswer, Refusal> {
    let (shown, form) = entrance.form()?;
    let attempt = LoginAttempt {
        password: Password::new(form.get("password").unwrap_or_default().to_owned()),
        user_agent: None,
        username: form.get("username").unwrap_or_default().to_owned(),
    };
    let auth = &entrance.console.auth;
    match auth.sign_in(attempt, &entrance.visitor(), entrance.settings.sessions).await {
        Ok(SignIn::Done(id, _)) => {
            // Whoever was signed in here is not any more.
            entrance.end_shown().await?;
            Ok(with_cookie(page::redirect(&next(entrance, &form)), &entrance.cookie(&id)))
        }
        Ok(SignIn::NeedsCode(id)) => {
            entrance.end_shown().await?;
            let there = with_next(entrance, Step::Code, &form);
            Ok(with_cookie(page::redirect(&there), &entrance.cookie(&id)))
        }
        Err(AuthError::BadCredentials) => {
            let words = "Nobody of the staff has this username and password.";
            Ok(step_page(entrance, Step::Password, &shown, &form, Some(words)))
        }
        Err(error) => Err(error.into()),
    }
}

/// `/login/code/`: the second step, for those who have an authenticator app.
pub(super) async fn code(entrance: Entrance<'_>) -> Result<ConsoleAnswer, Refusal> {
    let auth = &entrance.console.auth;
    if entrance.asked.is_read() {
        let pairs = &entrance.asked.query;
        for id in entrance.shown_ids() {
            if auth.awaits_code(&id).await? {
                return Ok(step_page(entrance, Step::Code, &id, pairs, None));
            }
        }
        return Ok(page::redirect(&with_next(entrance, Step::Password, pairs)));
    }
    let (half, form) = entrance.form()?;
    let typed = form.get("code").unwrap_or_default();
    let sessions = entrance.settings.sessions;
    match auth.finish_sign_in(&half, typed, &entrance.visitor(), sessions).await? {
        SecondStep::Done(id, _) => {
            Ok(with_cookie(page::redirect(&next(entrance, &form)), &entrance.cookie(&id)))
        }
        SecondStep::Wrong => {
            let words = "This code is wrong, or was used already. Wait for the next one.";
            Ok(step_page(entrance, Step::Code, &half, &form, Some(words)))
        }
        SecondStep::Over => {
            let words = "Too many codes were wrong, or it took too long. Please begin again.";
            Ok(step_page(entrance, Step::Password, &half, &form, Some(words)))
        }
    }
}

/// `/logout/`
pub(super) async fn leave(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.form()?;
    site.auth().sign_out(&site.id, site.actor()).await?;
    Ok(with_cookie(page::redirect(&site.link("/login/")), &site.entrance().no_cookie()))
}

/// What is asked for on the way in.
#[derive(Clone, Copy)]
enum Step {
    Code,
    Password,
}

impl Step {
    const fn title(self) -> &'static str {
        match self {
            Self::Code => "Second step",
            Self::Password => "Sign in",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Code => "/login/code/",
            Self::Password => "/login/",
        }
    }

    fn fields(self, console: &str) -> Markup {
        match self {
            Self::Code => html! {
                label { "Code of your authenticator app"
                    input name="code" autocomplete="one-time-code" autocapitalize="none"
                        spellcheck="false" maxlength="40" required autofocus;
                }
                p.hint { "Without the app, type one of your recovery codes: each is good once." }
                button.primary { "Go on" }
                p.hint { a href=(format!("{console}/login/")) { "Sign in as another user" } }
            },
            Self::Password => html! {
                label { "Username"
                    input name="username" autocomplete="username" autocapitalize="none"
                        spellcheck="false" required autofocus;
                }
                label { "Password"
                    input type="password" name="password" autocomplete="current-password" required;
                }
                button.primary { "Sign in" }
            },
        }
    }
}

fn step_page(
    entrance: Entrance<'_>,
    step: Step,
    id: &SessionId,
    pairs: &Pairs,
    problem: Option<&str>,
) -> ConsoleAnswer {
    let console = &entrance.settings.path;
    let body = html! {
        h1 { (step.title()) }
        @if let Some(problem) = problem { p.alert role="alert" { (problem) } }
        form.stack method="post" action=(format!("{console}{}", step.path())) {
            input type="hidden" name="form_key" value=(id.form_key());
            input type="hidden" name="next" value=(pairs.get("next").unwrap_or_default());
            (step.fields(console))
        }
    };
    let answer = page::plain(console, step.title(), &body);
    if problem.is_some() { with_status(answer, StatusCode::UNAUTHORIZED) } else { answer }
}

/// A page on the way in, which remembers where to go then.
fn with_next(entrance: Entrance<'_>, step: Step, pairs: &Pairs) -> String {
    let next = next(entrance, pairs);
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{}{}?next={next}", entrance.settings.path, step.path())
}

/// Where to go after signing in: a page of the console, never another site.
fn next(entrance: Entrance<'_>, pairs: &Pairs) -> String {
    let path = &entrance.settings.path;
    let is_ours = |next: &&str| {
        let rest = next.strip_prefix(path.as_str());
        rest.is_some_and(|rest| rest.starts_with('/'))
            && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    pairs.get("next").filter(is_ours).map_or_else(|| format!("{path}/"), str::to_owned)
}
