//! `POST /api/logout/` and `POST /api/logoutall/`: neither reads its body.

use super::{Problem, drf};
use crate::auth::Auth;
use crate::model::identity::Identity;
use crate::model::token::Token;
use http::{Response, StatusCode};

pub(super) async fn logout(auth: &Auth, token: &Token) -> Result<Response<Vec<u8>>, Problem> {
    auth.logout(token).await?;
    Ok(drf::bare(StatusCode::NO_CONTENT))
}

pub(super) async fn logout_all(
    auth: &Auth,
    caller: &Identity,
) -> Result<Response<Vec<u8>>, Problem> {
    auth.logout_all(caller.user).await?;
    Ok(drf::bare(StatusCode::NO_CONTENT))
}
