//! `[gate]`: whether the gateway guards the apps.

use super::super::section::Section;
use super::super::values;
use crate::gateway::UpstreamSettings;
use crate::policy::{Mode, Shadow};

const WARNING: &str = "NOTHING IS GUARDED: every request passes as it came, also with identity headers \
                       of its own; authgate only tells what it would have refused";

/// Whether requests are guarded, or pass as they come to one of these upstreams.
pub(super) fn mode(section: &mut Section<'_>, upstreams: &[UpstreamSettings]) -> Mode {
    let choices = [("guard", false), ("shadow", true)];
    let is_shadow = section.read("mode", false, values::choice(&choices));
    let upstream = section.read("shadow_upstream", None, |value| values::name(value).map(Some));
    let place = match upstream {
        // Where there is none, that is told already.
        None => Some(0),
        Some(name) => {
            let place = upstreams.iter().position(|upstream| upstream.name == name);
            if place.is_none() {
                section.reject("shadow_upstream", &format!("there is no upstream {name:?}"));
            }
            place
        }
    };
    match place {
        Some(place) if is_shadow => {
            section.warn("mode", WARNING);
            Mode::Shadow(Shadow::new(place))
        }
        Some(_) | None => Mode::Guard,
    }
}
