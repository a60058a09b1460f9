//! What the gateway would have done with a request.

use super::super::console::Face;
use super::super::head::Head;
use super::super::judge::{Destination, Judge, Sighting, Witness};
use super::super::live::Live;
use super::case::Ours;
use crate::api::{Endpoint, Problem};
use crate::auth::Auth;
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
        let ours = judged.map_or_else(|problem| Ours::refused(&problem), |()| Ours::passed());
        ours.seen(user, flaw)
    }

    async fn judge(&self, judge: Judge<'_>) -> Result<(), Problem> {
        let Self { head, request, .. } = self;
        match judge.locate(request, head)? {
            Destination::Console | Destination::Preflight(..) => Ok(()),
            Destination::Endpoint(endpoint) => {
                let caller = judge.identify(request).await?;
                let needs_one = match endpoint {
                    Endpoint::ChangePassword | Endpoint::Logout | Endpoint::LogoutAll => true,
                    Endpoint::Login | Endpoint::Register => false,
                };
                if needs_one && caller.is_none() { Err(Problem::NotAuthenticated) } else { Ok(()) }
            }
            Destination::Route(route) => {
                let caller = judge.caller(request, route).await?;
                Judge::permit(request, head, route, caller).map(drop)
            }
        }
    }
}
