//! `POST /api/login/`

use super::Problem;
use super::drf;
use super::form::{Form, Rules};
use crate::auth::{Auth, LoginAttempt};
use crate::model::password::Password;
use http::{Response, StatusCode};
use serde_json::json;
use std::net::IpAddr;

pub(super) async fn login(
    auth: &Auth,
    mut form: Form,
    from: IpAddr,
    user_agent: Option<String>,
) -> Result<Response<Vec<u8>>, Problem> {
    let username = text(&mut form, "username", Rules::TEXT);
    let password = text(&mut form, "password", Rules { trim: false, ..Rules::TEXT });
    let (Some(username), Some(password)) = (username, password) else {
        return Err(form.into_problem());
    };
    // What else was in it must not wait for a hash too.
    drop(form);
    let attempt = LoginAttempt { password: Password::new(password), user_agent, username };
    let issued = auth.login(attempt, from).await?;
    let expiry = issued.record.expires.map(|moment| moment.to_string());
    let body = json!({ "expiry": expiry, "token": issued.token.expose() });
    Ok(drf::reply(StatusCode::OK, &body))
}

pub(super) fn text(form: &mut Form, name: &str, rules: Rules) -> Option<String> {
    let text = form.required(name, rules)?;
    if text.contains('\0') {
        form.refuse(name, ["Null characters are not allowed."]);
        return None;
    }
    Some(text)
}
