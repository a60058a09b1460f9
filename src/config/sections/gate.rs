//! `[gate]`: whether the gateway guards the apps.

use super::super::section::Section;
use super::super::values;
use super::routes::find_upstream;
use crate::gateway::UpstreamSettings;
use crate::policy::{Mode, Shadow};

const WARNING: &str = "NOTHING IS GUARDED: every request passes as it came, also with identity headers \
                       of its own; authgate only tells what it would have refused";

/// Whether requests are guarded, or pass as they come to one of these upstreams.
pub(super) fn mode(section: &mut Section<'_>, upstreams: &[UpstreamSettings]) -> Mode {
    let choices = [("guard", false), ("shadow", true)];
    let is_shadow = section.read("mode", false, values::choice(&choices));
    let find = |value: &_| find_upstream(values::text(value)?, upstreams);
    // Where there are no upstreams, that is told already.
    let upstream = section.read("shadow_upstream", 0, find);
    if !is_shadow {
        return Mode::Guard;
    }
    section.warn("mode", WARNING);
    Mode::Shadow(Shadow::new(upstream))
}
