//! All that is known of one request.

use super::access_log;
use super::client::Client;
use super::guard;
use super::live::Live;
use super::shadow::{Case, Passes};
use super::upstream::Attempt;
use crate::api::Problem;
use crate::metrics::InFlight;
use crate::model::identity::Names;
use crate::model::limit::Standing;
use crate::policy::{Cors, Passage, Route};
use http::{HeaderValue, Method, Uri};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// All that is known of one request.
pub struct RequestCtx {
    /// What was asked for, for the log of a request that is cut off.
    pub(super) asked: Option<(Method, Uri)>,
    /// Where what is decided of it is compared, if nothing is guarded.
    pub(super) case: Option<Arc<Case>>,
    /// What it has tried of its upstream.
    pub(super) attempt: Attempt,
    pub(super) client: Option<Client>,
    pub(super) in_flight: InFlight,
    /// Whether the log has it.
    pub(super) is_logged: bool,
    /// The settings that it keeps to, whatever they become meanwhile.
    pub(super) live: Arc<Live>,
    /// Why it goes to its upstream; without one it never does.
    pub(super) passage: Option<Passage>,
    pub(super) place: Place,
    /// How the rate of its route stands for its sender.
    pub(super) rate: Option<Standing>,
    /// How many bytes of the body have gone to the app on this try.
    pub(super) received: usize,
    /// Why the request was given up while it was forwarded, if it was not for an error on the way.
    pub(super) refusal: Option<Problem>,
    pub(super) request_id: HeaderValue,
    pub(super) started: Instant,
    /// The path and query that the app gets, where they are not those that were asked for.
    pub(super) target: Option<String>,
    /// Who sent it, once that is known: for the log.
    pub(super) user: Option<Names>,
}

impl RequestCtx {
    /// Nothing but when it began is known yet.
    pub(super) fn new(live: Arc<Live>, in_flight: InFlight, started: Instant) -> Self {
        Self {
            asked: None,
            attempt: Attempt::default(),
            case: None,
            client: None,
            in_flight,
            is_logged: false,
            live,
            passage: None,
            place: Place::Unknown,
            rate: None,
            received: 0,
            refusal: None,
            request_id: HeaderValue::from_static(""),
            started,
            target: None,
            user: None,
        }
    }

    /// Notes that it passes unguarded.
    pub(super) fn pass_unguarded(&mut self, passes: Passes) {
        let Passes { case, passage, route, target } = passes;
        guard::passes_unguarded();
        self.place = route.map_or(Place::Unknown, Place::Route);
        (self.case, self.passage, self.target) = (Some(case), Some(passage), target);
    }

    /// Why it is cut off while it is served, as far as can be told from here.
    fn why_cut(&self) -> Option<&'static str> {
        if self.attempt.time_left().is_err() {
            return Some("total_timeout");
        }
        let caller = self.passage.as_ref()?.caller()?;
        let has_ended = caller.lasts.is_some_and(|lasts| self.started.elapsed() >= lasts);
        Some(if has_ended {
            "its token has expired"
        } else {
            "its token has ended, or the store could not tell"
        })
    }

    /// Counts it where it led.
    pub(super) fn count(&self, status: u16, took: Duration) {
        if let Place::Route(route) = &self.place {
            self.live.traffic.count(route, status, self.started + took);
        }
    }

    /// What browsers are told of answers from where the request leads.
    pub(super) fn cors(&self) -> Option<&Cors> {
        if self.case.is_some() {
            return None;
        }
        match &self.place {
            Place::Endpoint => self.live.settings.cors.as_ref(),
            Place::Route(route) => route.cors.as_ref(),
            Place::Console | Place::Unknown => None,
        }
    }
}

/// Where a request leads, as far as is known.
pub(super) enum Place {
    /// To the console.
    Console,
    /// To one of the endpoints.
    Endpoint,
    /// To what this route leads to, if its policy permits.
    Route(Arc<Route>),
    /// Nobody has looked, or there is no such place.
    Unknown,
}

impl Drop for RequestCtx {
    fn drop(&mut self) {
        if !self.is_logged {
            let took = self.started.elapsed();
            self.in_flight.ends(0, took);
            self.count(0, took);
            if let Some(case) = &self.case {
                case.close();
            }
            access_log::write_cut(self, self.why_cut());
        }
    }
}
