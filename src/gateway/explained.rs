//! What is told of a request that was explained, in words: the same on every face.

use super::explain::Explanation;
use crate::model::identity::Identity;
use crate::policy::{Access, HeaderEdits};
use http::{HeaderName, HeaderValue, header};

impl Explanation {
    /// Why the caller may pass or not, in a line; `None` where no route takes the request.
    pub fn access(&self) -> Option<String> {
        let route = self.route.as_ref()?;
        let caller = self.caller.as_ref().map(describe);
        Some(match (route.access, caller) {
            (Access::Public, _) => "public: everyone may pass, and nobody is asked".to_owned(),
            (Access::Nobody, _) => "nobody: no one may pass".to_owned(),
            (Access::Optional, Some(caller)) => format!("optional: everyone may pass; {caller}"),
            (Access::Optional, None) => {
                "optional: everyone may pass; there is no good token".to_owned()
            }
            (Access::User, Some(caller)) => format!("user: {caller}"),
            (Access::User, None) => "user: there is no good token".to_owned(),
            (Access::Staff, Some(caller)) => format!("staff: {caller}"),
            (Access::Staff, None) => "staff: there is no good token".to_owned(),
        })
    }
}

fn describe(caller: &Identity) -> String {
    let kind = if caller.is_staff { "staff" } else { "not staff" };
    format!("it is {} (number {}, {kind})", caller.names.username(), caller.user)
}

/// What is shown of a value that a route sets: it may be what an app knows the gateway by.
pub const SET_BY_ROUTE: &str = "(set by the route)";

impl Explanation {
    /// The value of a header of the request or the answer as it is shown: no secret is.
    pub fn shown(&self, name: &HeaderName, value: &HeaderValue) -> String {
        if *name == header::AUTHORIZATION {
            return "(not shown)".to_owned();
        }
        let is_set = |edits: &HeaderEdits| edits.set.iter().any(|(known, _)| known == name);
        let is_routes = self
            .route
            .as_ref()
            .is_some_and(|route| is_set(&route.request_headers) || is_set(&route.response_headers));
        if is_routes {
            return SET_BY_ROUTE.to_owned();
        }
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    }
}
