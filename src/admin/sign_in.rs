//! Signing in and out.

use super::asked::Pairs;
use super::page;
use super::refusal::Refusal;
use super::site::{Entrance, Site};
use crate::auth::{AuthError, LoginAttempt, SessionId, SignIn};
use crate::gateway::ConsoleAnswer;
use crate::model::password::Password;
use http::{HeaderValue, StatusCode, header};
use maud::html;

/// `/login/`
pub(super) async fn answer(entrance: Entrance<'_>) -> Result<ConsoleAnswer, Refusal> {
    if !entrance.asked.is_read() {
        return sign_in(entrance).await;
    }
    if entrance.enter().await.is_ok() {
        return Ok(page::redirect(&next(entrance, &entrance.asked.query)));
    }
    // Before anyone is known the browser has an id too: its forms are as safe as all others. It is
    // that of no session, and never becomes that of one.
    let id = match entrance.shown_id() {
        Some(id) => id,
        None => SessionId::random()?,
    };
    Ok(with_cookie(form(entrance, &id, None), &entrance.cookie(&id)))
}

async fn sign_in(entrance: Entrance<'_>) -> Result<ConsoleAnswer, Refusal> {
    let id = entrance.shown_id().ok_or(Refusal::Forged)?;
    let form_sent = entrance.asked.form(&id.form_key())?;
    let attempt = LoginAttempt {
        password: Password::new(form_sent.get("password").unwrap_or_default().to_owned()),
        user_agent: None,
        username: form_sent.get("username").unwrap_or_default().to_owned(),
    };
    let (from, sessions) = (entrance.asked.from, entrance.settings.sessions);
    match entrance.console.auth.sign_in(attempt, from, sessions).await {
        Ok(SignIn::Done(id, _)) => {
            let there = page::redirect(&next(entrance, &form_sent));
            Ok(with_cookie(there, &entrance.cookie(&id)))
        }
        Err(AuthError::BadCredentials) => {
            let words = "Please enter the correct username and password for a staff account. \
                         Note that both fields may be case-sensitive.";
            Ok(form(entrance, &id, Some(words)))
        }
        Err(error) => Err(error.into()),
    }
}

/// `/logout/`
pub(super) async fn leave(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.form()?;
    site.auth().end_session(&site.id).await?;
    Ok(with_cookie(page::redirect(&site.link("/login/")), &site.entrance().no_cookie()))
}

fn form(entrance: Entrance<'_>, id: &SessionId, problem: Option<&str>) -> ConsoleAnswer {
    let next = entrance.asked.query.get("next").unwrap_or_default();
    let body = html! {
        h1 { "Sign in" }
        @if let Some(problem) = problem { p.alert role="alert" { (problem) } }
        form.stack method="post" {
            input type="hidden" name="form_key" value=(id.form_key());
            input type="hidden" name="next" value=(next);
            label { "Username"
                input name="username" autocomplete="username" autocapitalize="none"
                    spellcheck="false" required autofocus;
            }
            label { "Password"
                input type="password" name="password" autocomplete="current-password" required;
            }
            button.primary { "Sign in" }
        }
    };
    let answer = page::plain(&entrance.settings.path, "Sign in", &body);
    match answer {
        ConsoleAnswer::Whole(mut response) if problem.is_some() => {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            ConsoleAnswer::Whole(response)
        }
        answer => answer,
    }
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

fn with_cookie(answer: ConsoleAnswer, cookie: &str) -> ConsoleAnswer {
    let ConsoleAnswer::Whole(mut response) = answer else { return answer };
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    ConsoleAnswer::Whole(response)
}
