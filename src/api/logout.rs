//! `POST /api/logout/` and `POST /api/logoutall/`: neither reads its body.

use super::{Problem, drf};
use crate::auth::Auth;
use crate::model::identity::Identity;
use crate::model::token::Token;
use http::{Response, StatusCode};
use std::net::IpAddr;

pub(super) async fn logout(
    auth: &Auth,
    token: &Token,
    caller: &Identity,
    from: IpAddr,
) -> Result<Response<Vec<u8>>, Problem> {
    auth.logout(token, caller, from).await?;
    Ok(drf::bare(StatusCode::NO_CONTENT))
}

pub(super) async fn logout_all(
    auth: &Auth,
    caller: &Identity,
    from: IpAddr,
) -> Result<Response<Vec<u8>>, Problem> {
    auth.logout_all(caller, from).await?;
    Ok(drf::bare(StatusCode::NO_CONTENT))
}
