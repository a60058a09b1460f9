//! `POST /api/register/`

use super::form::{self, Form, Rules};
use super::{BodyError, Problem, drf};
use crate::auth::{Auth, AuthError, Registration};
use crate::model::email::Email;
use crate::model::password::Password;
use crate::model::user::{Username, UsernameError};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;
use std::net::IpAddr;

/// Reads what was sent, if anyone may register.
pub(super) async fn read(
    auth: &Auth,
    content_type: &str,
    body: Result<Bytes, BodyError>,
) -> Result<Form, Problem> {
    if !auth.registration_is_open() {
        return Err(Problem::RegistrationClosed);
    }
    form::read(content_type, body).await
}

pub(super) async fn register(
    auth: &Auth,
    mut form: Form,
    from: IpAddr,
    user_agent: Option<String>,
) -> Result<Response<Vec<u8>>, Problem> {
    let seat = auth.begin_registration(from).await?;
    let username = username(auth, &mut form).await?;
    let email = email(&mut form);
    let password = password(&mut form, "password");
    let (Some(username), Some(email), Some(password)) = (username, email, password) else {
        return Err(form.into_problem());
    };
    // What else was in it must not wait for a hash too.
    drop(form);
    let registration = Registration { email, password, username };
    let issued = auth.register(registration, seat, from, user_agent).await?;
    let user = &issued.user;
    let (name, email) = (user.username.as_str(), user.email.as_str());
    let user = json!({ "id": user.id.0, "username": name, "email": email });
    let body = json!({ "user": user, "token": issued.token.expose() });
    Ok(drf::reply(StatusCode::OK, &body))
}

/// The name, unless it belongs to another under this very spelling. One that is taken under its
/// normal form is found out when the store is asked to add it.
async fn username(auth: &Auth, form: &mut Form) -> Result<Option<Username>, Problem> {
    let Some(typed) = form.required("username", Rules::TEXT) else { return Ok(None) };
    let name = match Username::parse(&typed) {
        Ok(name) => name,
        Err(errors) => {
            form.refuse("username", errors);
            return Ok(None);
        }
    };
    if auth.is_deceptive(&name) {
        form.refuse("username", [UsernameError::BadCharacter]);
        return Ok(None);
    }
    let is_taken = name.as_str() == typed && auth.is_taken(&name).await.map_err(AuthError::from)?;
    if is_taken || auth.has_twin(&name).await.map_err(AuthError::from)? {
        form.refuse("username", [drf::NAME_TAKEN]);
        return Ok(None);
    }
    Ok(Some(name))
}

fn email(form: &mut Form) -> Option<Email> {
    if !form.has("email") {
        return Some(Email::default());
    }
    let rules =
        Rules { allow_blank: true, not_text: "Enter a valid email address.", ..Rules::TEXT };
    let typed = form.required("email", rules)?;
    Email::parse(&typed).map_err(|errors| form.refuse("email", errors)).ok()
}

/// The most characters of a new password: Django's.
const LONGEST: usize = Password::LONGEST;

/// A new password as typed, blanks and all; one of blanks alone counts as blank.
pub(super) fn password(form: &mut Form, name: &str) -> Option<Password> {
    let typed = form.required(name, Rules { trim: false, ..Rules::TEXT })?;
    let mut errors = Vec::new();
    if form::trim(&typed).is_empty() {
        errors.push("This field may not be blank.".to_owned());
    }
    if typed.chars().count() > LONGEST {
        errors.push(format!("Ensure this field has no more than {LONGEST} characters."));
    }
    if typed.contains('\0') {
        errors.push("Null characters are not allowed.".to_owned());
    }
    if errors.is_empty() {
        return Some(Password::new(typed));
    }
    form.refuse(name, errors);
    None
}
