//! A store that is away, slow, unsafe or another one than before: what a gateway says and counts.

mod emptied;
mod told;

use crate::harness::eventually;
use crate::harness::gateway::Gateway;

/// Waits until a metric of a gateway is as wanted.
fn until_metered(gateway: &Gateway, name: &str, is_so: impl Fn(f64) -> bool) {
    eventually(name, || gateway.try_meter(name).filter(|value| is_so(*value)));
}
