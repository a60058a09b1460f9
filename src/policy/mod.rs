//! Which requests may pass: pure functions, no I/O.

mod clash;
mod cors;
mod header_edits;
mod host;
mod path;
mod rate;
mod rewriting;
mod route;
mod shadow;
mod table;

pub use self::cors::{Cors, Origins};
pub use self::header_edits::HeaderEdits;
pub use self::host::HostPattern;
pub use self::path::{AmbiguousPath, CleanPath};
pub use self::rate::{RateBy, RateClass};
pub use self::rewriting::Rewriting;
pub use self::route::{Access, Misfit, Question, Route};
pub use self::shadow::{Mode, Passage, Shadow, Unguarded};
pub use self::table::{RouteTable, Verdict};

use crate::model::identity::Identity;
use std::sync::Arc;

/// Decides whether a caller may take a route.
pub fn decide(route: &Arc<Route>, caller: Option<Identity>) -> Result<Permit, Refusal> {
    // Whoever set their password knows it, and is not to act as them.
    if caller.as_ref().is_some_and(|caller| caller.must_change) {
        return Err(Refusal::MustChangePassword);
    }
    let may_pass = match (route.access, &caller) {
        (Access::Public | Access::Optional, _) | (Access::User, Some(_)) => true,
        (Access::Staff, Some(identity)) => identity.is_staff,
        (Access::Staff | Access::User, None) => return Err(Refusal::CredentialsRequired),
        (Access::Nobody, _) => false,
    };
    match route.upstream {
        Some(upstream) if may_pass => {
            Ok(Permit { caller: caller.map(Box::new), route: Arc::clone(route), upstream })
        }
        _ => Err(Refusal::Forbidden),
    }
}

/// Proof that the policy has let a request pass. Only [`decide`] makes one.
#[derive(Debug)]
pub struct Permit {
    caller: Option<Box<Identity>>,
    route: Arc<Route>,
    upstream: usize,
}

impl Permit {
    /// Who asks, if they have said so.
    pub fn caller(&self) -> Option<&Identity> {
        self.caller.as_deref()
    }

    /// The route that was taken.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Where the request may go: the place of an upstream in the settings.
    pub fn upstream(&self) -> usize {
        self.upstream
    }
}

/// Why a request may not pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It must say who asks.
    #[error("credentials are required")]
    CredentialsRequired,
    /// Not even then.
    #[error("forbidden")]
    Forbidden,
    /// Whoever asks must choose another password first.
    #[error("the password must be changed")]
    MustChangePassword,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::identity::Names;
    use crate::model::user::UserId;

    fn route(access: Access) -> Arc<Route> {
        let upstream = Some(0);
        Arc::new(Route { access, upstream, ..Route::default() })
    }

    fn caller(is_staff: bool) -> Identity {
        let user = UserId(7);
        let names = Names::new("ada", "");
        Identity { epoch: 0, is_staff, lasts: None, must_change: false, names, user }
    }

    #[test]
    fn who_must_choose_another_password_passes_nowhere_under_their_name() {
        for access in [Access::Optional, Access::Public, Access::Staff, Access::User] {
            let caller = Identity { must_change: true, ..caller(true) };
            let refusal = decide(&route(access), Some(caller)).err();
            assert_eq!(refusal, Some(Refusal::MustChangePassword), "{access}");
        }
        assert!(decide(&route(Access::Public), None).is_ok());
    }

    #[test]
    fn every_access_lets_pass_whom_it_names() {
        use Refusal::{CredentialsRequired, Forbidden};
        let verdicts = [
            (Access::Public, [None, None, None]),
            (Access::Optional, [None, None, None]),
            (Access::User, [Some(CredentialsRequired), None, None]),
            (Access::Staff, [Some(CredentialsRequired), Some(Forbidden), None]),
            (Access::Nobody, [Some(Forbidden), Some(Forbidden), Some(Forbidden)]),
        ];
        for (access, expected) in verdicts {
            let callers = [None, Some(caller(false)), Some(caller(true))];
            let got = callers.map(|caller| decide(&route(access), caller).err());
            assert_eq!(got, expected, "{access}");
        }
    }

    #[test]
    fn a_route_without_an_upstream_lets_nobody_pass() {
        let mut route = Route::clone(&route(Access::Public));
        route.upstream = None;
        assert_eq!(decide(&Arc::new(route), Some(caller(true))).err(), Some(Refusal::Forbidden));
    }
}
