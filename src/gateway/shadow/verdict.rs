//! What the gateway would have done with a request.

use super::super::console::Face;
use super::super::head::Head;
use super::super::judge::{Destination, Judge, Sighting, Witness};
use super::super::live::Live;
use super::case::Ours;
use crate::api::{Endpoint, Problem};
use crate::auth::Auth;
use crate::policy::Access;
use http::{Method, header};
use pingora::http::RequestHeader;
use std::sync::{Arc, OnceLock};

/// A request to be judged, with all that decides about it.
pub(super) struct Asked {
    pub auth: Arc<Auth>,
    pub face: Face,
    pub head: Head,
    pub live: Arc<Live>,
    pub request: RequestHeader,
}

impl Asked {
    /// Judges it as if it were guarded, and leaves no trace of that.
    pub(super) async fn verdict(self) -> Ours {
        let seen = OnceLock::new();
        let witness = Witness::Observer(&self.auth, &seen);
        let judge = Judge { face: self.face, live: &self.live, witness };
        let judged = self.judge(judge).await;
        let Sighting { user, flaw } = seen.into_inner().unwrap_or_default();
        judged.unwrap_or_else(|problem| Ours::refused(&problem)).seen(user, flaw)
    }

    async fn judge(&self, judge: Judge<'_>) -> Result<Ours, Problem> {
        let Self { head, request, .. } = self;
        match judge.locate(request, head)? {
            Destination::Console | Destination::Preflight(..) => Ok(Ours::passed()),
            Destination::Endpoint(endpoint) => {
                let caller = judge.identify(request).await?;
                self.judge_endpoint(endpoint, caller.is_some()).map(|()| Ours::passed())
            }
            Destination::Route(route) => {
                let caller = judge.caller(request, route).await?;
                Judge::permit(request, head, route, caller)?;
                // Nobody is asked there, and so the app is not told either.
                let is_public = route.access == Access::Public;
                let is_unnamed = is_public && judge.identify_if_good(request).await?.is_some();
                Ok(if is_unnamed { Ours::passed_unnamed() } else { Ours::passed() })
            }
        }
    }

    /// What an endpoint says, as far as its head alone decides.
    fn judge_endpoint(&self, endpoint: Endpoint, has_caller: bool) -> Result<(), Problem> {
        let method = &self.request.method;
        let needs_caller = match endpoint {
            Endpoint::ChangePassword | Endpoint::Logout | Endpoint::LogoutAll => true,
            Endpoint::Login | Endpoint::Register => false,
        };
        if needs_caller && !has_caller {
            return Err(Problem::NotAuthenticated);
        }
        if ![Method::OPTIONS, Method::POST].contains(method) {
            return Err(Problem::MethodNotAllowed(method.clone()));
        }
        let is_elsewhere = self.request.headers.contains_key(header::AUTHORIZATION) && !has_caller;
        if endpoint == Endpoint::Login && method == Method::POST && is_elsewhere {
            let words = "The login has its credentials in the header, and not in the body.";
            return Err(Problem::BadRequest(words));
        }
        Ok(())
    }
}
