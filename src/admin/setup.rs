//! The first operator.

use super::account::typed_twice;
use super::page::{self, with_cookie, with_status};
use super::refusal::Refusal;
use super::site::Entrance;
use crate::auth::{Registration, SessionId, SetupCode, SetupError};
use crate::gateway::ConsoleAnswer;
use crate::model::email::Email;
use crate::model::user::Username;
use http::StatusCode;
use maud::html;

/// `/setup/`: where the link in the gateway's log leads.
pub(super) async fn answer(entrance: Entrance<'_>) -> Result<ConsoleAnswer, Refusal> {
    if !entrance.asked.is_read() {
        return set_up(entrance).await;
    }
    let code = entrance.asked.query.get("code").and_then(SetupCode::parse);
    let Some(code) = code else { return Ok(closed(entrance)) };
    if !entrance.console.auth.setup_is_open(&code).await? {
        return Ok(closed(entrance));
    }
    let id = entrance.id_for_forms()?;
    let answer = form_page(entrance, &id, &code, &Typed::default());
    Ok(with_cookie(answer, &entrance.cookie(&id)))
}

/// What was typed, to be shown again, and what is wrong with it.
#[derive(Default)]
struct Typed<'a> {
    email: &'a str,
    problem: Option<String>,
    username: &'a str,
}

async fn set_up(entrance: Entrance<'_>) -> Result<ConsoleAnswer, Refusal> {
    let (id, form) = entrance.form()?;
    let Some(code) = form.get("code").and_then(SetupCode::parse) else {
        return Ok(closed(entrance));
    };
    let text = |name| form.get(name).unwrap_or_default();
    let (email, username) = (text("email"), text("username"));
    let again = |problem: String| {
        let typed = Typed { email, problem: Some(problem), username };
        let answer = form_page(entrance, &id, &code, &typed);
        Ok(with_status(answer, StatusCode::BAD_REQUEST))
    };
    let password = match typed_twice([text("password"), text("password_again")]) {
        Ok(password) => password,
        Err(words) => return again(words.to_owned()),
    };
    let registration = match (Username::parse(username), Email::parse(email)) {
        (Ok(username), Ok(email)) => Registration { email, password, username },
        (Err(errors), _) => return again(in_words(&errors)),
        (_, Err(errors)) => return again(in_words(&errors)),
    };
    let (visitor, sessions) = (entrance.visitor(), entrance.settings.sessions);
    let made = entrance.console.auth.set_up(&code, registration, &visitor, sessions).await;
    let home = format!("{}/", entrance.settings.path);
    match made {
        Ok(id) => Ok(with_cookie(page::redirect(&home), &entrance.cookie(&id))),
        Err(SetupError::Closed) => Ok(closed(entrance)),
        Err(SetupError::Manage(error)) => Err(error.into()),
        Err(error @ SetupError::NotSignedIn(_)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "only half set up");
            Err(Refusal::HalfDone(NOT_SIGNED_IN))
        }
        Err(SetupError::Register(error)) => match Refusal::from(error) {
            Refusal::Refused(words) => again(words),
            refusal => Err(refusal),
        },
    }
}

/// What is said where the operator is made, and no session.
const NOT_SIGNED_IN: &str = "The first operator is made, but could not be signed in. Sign in with the \
    name and the password that you have just chosen.";

fn in_words(errors: &[impl ToString]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn form_page(
    entrance: Entrance<'_>,
    id: &SessionId,
    code: &SetupCode,
    typed: &Typed<'_>,
) -> ConsoleAnswer {
    let path = &entrance.settings.path;
    let body = html! {
        h1 { "Welcome" }
        p { "Nobody may sign in here yet. Make the first operator: one who manages users, and can \
             make others staff." }
        @if let Some(problem) = &typed.problem { p.alert role="alert" { (problem) } }
        form.stack method="post" action=(format!("{path}/setup/")) {
            input type="hidden" name="form_key" value=(id.form_key());
            input type="hidden" name="code" value=(code.expose());
            label { "Username"
                input name="username" value=(typed.username) autocomplete="username"
                    autocapitalize="none" spellcheck="false" maxlength="150" required autofocus;
            }
            label { "Email (may be blank)"
                input type="email" name="email" value=(typed.email) autocomplete="email";
            }
            label { "Password"
                input type="password" name="password" autocomplete="new-password" required;
            }
            label { "Password again"
                input type="password" name="password_again" autocomplete="new-password" required;
            }
            button.primary { "Make the first operator" }
        }
    };
    page::plain(path, "Welcome", &body)
}

fn closed(entrance: Entrance<'_>) -> ConsoleAnswer {
    let path = &entrance.settings.path;
    let body = html! {
        h1 { "This link is no longer good" }
        p { "It can be used once, within 15 minutes, and only while there is no operator." }
        p { "On the machine of the gateway this makes one at any time:" }
        pre { code { "authgate user create NAME --staff" } }
        p { a href=(format!("{path}/login/")) { "Sign in" } }
    };
    with_status(page::plain(path, "Link no longer good", &body), StatusCode::GONE)
}
