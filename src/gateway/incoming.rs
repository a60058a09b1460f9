//! What the app's answer says on its way to the client.

use super::reply::titled;
use crate::api::rate_limit_fields;
use crate::model::limit::{Rule, Standing};
use crate::policy::{HeaderEdits, Route};
use pingora::Result;
use pingora::http::ResponseHeader;

/// Tells how the rate of its route stands for whoever sent the request.
pub(super) fn tell_of_rate(
    response: &mut ResponseHeader,
    route: &Route,
    standing: Standing,
) -> Result<()> {
    let Some(class) = &route.rate else { return Ok(()) };
    let Standing { left, reset } = standing;
    for (name, value) in rate_limit_fields(&class.name, Rule::Quota(class.quota), left, reset) {
        response.insert_header(titled(&name), value)?;
    }
    Ok(())
}

/// Takes off what a route's settings remove, and sets what they set.
pub(super) fn edit(response: &mut ResponseHeader, edits: &HeaderEdits) -> Result<()> {
    for name in &edits.remove {
        response.remove_header(name);
    }
    for (name, value) in &edits.set {
        response.insert_header(titled(name), value)?;
    }
    Ok(())
}
