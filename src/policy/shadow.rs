//! The one exception to "no permit, no upstream": the settings say that the gateway guards nothing
//! yet, and only tells what it would have refused.

use super::{Permit, Route};
use crate::model::identity::Identity;
use std::sync::Arc;

/// Whether the gateway guards the apps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// It does: without a permit nothing passes.
    Guard,
    /// Everything passes, and is judged beside.
    Shadow(Shadow),
}

/// That everything passes. Only the settings make one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shadow {
    upstream: usize,
}

impl Shadow {
    /// What leads nowhere by the routes goes to this upstream, by its place in the settings.
    pub fn new(upstream: usize) -> Self {
        Self { upstream }
    }

    /// Lets a request pass that nobody has judged, by the route that takes it, if one does.
    pub fn let_pass(self, route: Option<&Arc<Route>>) -> Unguarded {
        let route = route.map_or_else(Arc::default, Arc::clone);
        Unguarded { upstream: route.upstream.unwrap_or(self.upstream), route }
    }
}

/// A request that passes because everything does. Only [`Shadow::let_pass`] makes one.
#[derive(Debug)]
pub struct Unguarded {
    route: Arc<Route>,
    upstream: usize,
}

/// Why a request goes to an upstream.
#[derive(Debug)]
pub enum Passage {
    /// The policy has let it pass.
    Permitted(Permit),
    /// The gateway guards nothing.
    Unguarded(Unguarded),
}

impl Passage {
    /// Who asks, if that was asked for and they have said so.
    pub fn caller(&self) -> Option<&Identity> {
        self.permit()?.caller()
    }

    /// The permit, if there is one.
    pub fn permit(&self) -> Option<&Permit> {
        match self {
            Self::Permitted(permit) => Some(permit),
            Self::Unguarded(_) => None,
        }
    }

    /// The route that was taken.
    pub fn route(&self) -> &Route {
        match self {
            Self::Permitted(permit) => permit.route(),
            Self::Unguarded(unguarded) => &unguarded.route,
        }
    }

    /// Where the request may go: the place of an upstream in the settings.
    pub fn upstream(&self) -> usize {
        match self {
            Self::Permitted(permit) => permit.upstream(),
            Self::Unguarded(unguarded) => unguarded.upstream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_nowhere_goes_to_the_upstream_of_the_settings() {
        let led = Arc::new(Route { upstream: Some(2), ..Route::default() });
        let closed = Arc::default();
        for (route, expected) in [(Some(&led), 2), (Some(&closed), 1), (None, 1)] {
            let passage = Passage::Unguarded(Shadow::new(1).let_pass(route));
            assert_eq!(passage.upstream(), expected);
            assert!(passage.caller().is_none() && passage.permit().is_none());
        }
    }
}
