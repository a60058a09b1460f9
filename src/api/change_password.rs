//! `POST /api/password/change/`

use super::form::{Form, Rules};
use super::{Problem, drf, login, register};
use crate::auth::{Auth, NewPassword};
use crate::model::identity::Identity;
use crate::model::password::Password;
use crate::model::token::Token;
use http::{Response, StatusCode};
use std::net::IpAddr;

pub(super) async fn change_password(
    auth: &Auth,
    (token, caller): (&Token, &Identity),
    mut form: Form,
    from: IpAddr,
) -> Result<Response<Vec<u8>>, Problem> {
    let old = login::text(&mut form, "old_password", Rules { trim: false, ..Rules::TEXT });
    let new = register::password(&mut form, "new_password");
    let (Some(old), Some(new)) = (old, new) else { return Err(form.into_problem()) };
    let passwords = NewPassword { new, old: Password::new(old) };
    auth.change_password(caller, token, passwords, from).await?;
    Ok(drf::bare(StatusCode::NO_CONTENT))
}
