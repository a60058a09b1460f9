//! All that is known of one request.

use super::access_log;
use super::client::Client;
use super::live::Live;
use super::upstream::Attempt;
use crate::metrics::InFlight;
use crate::model::identity::Names;
use crate::policy::Permit;
use http::{HeaderValue, Method, Uri};
use std::sync::Arc;
use std::time::Instant;

/// All that is known of one request.
pub struct RequestCtx {
    /// What was asked for, for the log of a request that is cut off.
    pub(super) asked: Option<(Method, Uri)>,
    /// What it has tried of its upstream.
    pub(super) attempt: Attempt,
    pub(super) client: Option<Client>,
    pub(super) in_flight: InFlight,
    /// Whether the log has it.
    pub(super) is_logged: bool,
    /// The settings that it keeps to, whatever they become meanwhile.
    pub(super) live: Arc<Live>,
    pub(super) permit: Option<Permit>,
    pub(super) request_id: HeaderValue,
    pub(super) started: Instant,
    /// Who sent it, once that is known: for the log.
    pub(super) user: Option<Names>,
}

impl RequestCtx {
    /// Nothing but when it began is known yet.
    pub(super) fn new(live: Arc<Live>, in_flight: InFlight, started: Instant) -> Self {
        Self {
            asked: None,
            attempt: Attempt::default(),
            client: None,
            in_flight,
            is_logged: false,
            live,
            permit: None,
            request_id: HeaderValue::from_static(""),
            started,
            user: None,
        }
    }
}

impl Drop for RequestCtx {
    fn drop(&mut self) {
        if !self.is_logged {
            self.in_flight.ends(0, self.started.elapsed());
            access_log::write_cut(self);
        }
    }
}
