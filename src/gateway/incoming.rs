//! What the app's answer says on its way to the client.

use super::reply::titled;
use crate::policy::HeaderEdits;
use pingora::Result;
use pingora::http::ResponseHeader;

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
