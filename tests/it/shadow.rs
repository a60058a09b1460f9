//! A gateway that guards nothing yet: what passes, what is told of it, and that nothing changes.

mod changes_nothing;
mod compared;
mod modes;
mod passes;

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::upstream::Upstream;

/// What turns a gateway into a shadow.
const SHADOW: &str = "[gate]\nmode = \"shadow\"\n";
/// Settings of a server that `authgate reload` reaches; keys of that table may follow.
const CONTROLLED: &str = "[server]\ncontrol = \"control\"\n";

/// A shadow before an app, and the token of a user whom it knows as alice.
fn shadow_before(upstream: &Upstream, more: &str) -> (Gateway, String) {
    let settings = upstream.settings() + ROUTES + CONTROLLED + more;
    let gateway = Gateway::metered(&settings);
    let token = gateway.register("alice");
    turn(&gateway, &(settings + SHADOW));
    (gateway, token)
}

/// Puts other settings to work.
fn turn(gateway: &Gateway, settings: &str) {
    let ops = format!("[ops]\nlisten = \"{}\"\n", gateway.ops());
    gateway.configure(&(settings.to_owned() + &ops));
    gateway.tell("reload").done();
}

/// Waits until so many requests have been compared with this result.
fn until_compared(gateway: &Gateway, verdicts: [&str; 3], times: impl Into<f64>) {
    let at_least = times.into();
    let what = format!("{at_least} times {verdicts:?}");
    eventually(&what, || (compared(gateway, verdicts) >= at_least).then_some(()));
}

/// How many requests have been compared with this result.
fn compared(gateway: &Gateway, [would, app, outcome]: [&str; 3]) -> f64 {
    let labels = format!("would=\"{would}\",app=\"{app}\",outcome=\"{outcome}\"");
    gateway.try_meter(&format!("shadow_requests_total{{{labels}}}")).unwrap_or(0.0)
}
