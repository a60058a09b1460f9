//! What happened is told: a line in the log each.

use crate::model::event::{Actor, Event};

/// Tells what happens.
#[derive(Default)]
pub(super) struct Events;

impl Events {
    /// Tells it, and waits for nobody.
    pub(super) fn record(&self, event: Event) {
        let Event { actor, detail, name, user, .. } = event;
        let address = match actor {
            Actor::Client(address) => Some(address.to_string()),
            Actor::CommandLine | Actor::Gateway => None,
        };
        let user = user.map(|(_, name)| name.to_string());
        tracing::info!(event = name.as_str(), user, address, detail, "event");
    }
}
