//! `[gate]`: whether the gateway guards the apps.

use super::super::section::Section;
use super::super::values;
use super::routes::find_upstream;
use crate::gateway::{ConsoleMount, UpstreamSettings};
use crate::policy::{Mode, Shadow};

const WARNING: &str = "NOTHING IS GUARDED: every request passes as it came, also with identity headers \
                       of its own; authgate only tells what it would have refused";

/// Where a console is that nobody has moved, and where Django's own is.
const USUAL_CONSOLE: &str = "/admin";

/// Whether requests are guarded, or pass as they come to one of these upstreams.
pub(super) fn mode(
    section: &mut Section<'_>,
    upstreams: &[UpstreamSettings],
    console: Option<&ConsoleMount>,
) -> Mode {
    let choices = [("guard", false), ("shadow", true)];
    let is_shadow = section.read("mode", false, values::choice(&choices));
    let find = |value: &_| find_upstream(values::text(value)?, upstreams);
    // Where there are no upstreams, that is told already.
    let upstream = section.read("shadow_upstream", 0, find);
    if !is_shadow {
        return Mode::Guard;
    }
    section.warn("mode", WARNING);
    if console.is_some_and(|console| !console.is_apart && console.path == USUAL_CONSOLE) {
        let words = "the console takes /admin/ of the app, where Django has pages of its own: move it \
                     by `admin.path` or `admin.listen`";
        section.warn("mode", words);
    }
    Mode::Shadow(Shadow::new(upstream))
}
