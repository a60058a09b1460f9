//! The routes of a running gateway and how much they are used, for whoever asks by the control
//! socket: as JSON, for the command line makes words of it.

use crate::gateway::RouteView;
use serde_json::{Value, json};

/// These routes.
pub(super) fn in_json(routes: &[RouteView]) -> String {
    let route = |view: &RouteView| {
        let (words, hour) = (&view.words, &view.hour);
        json!({
            "host": words.host,
            "path": words.path,
            "methods": words.methods,
            "headers": words.headers,
            "access": words.access,
            "upstream": words.upstream,
            "changes": words.changes,
            "last_hour": {
                "all": hour.all,
                "unauthorized": hour.unauthorized,
                "forbidden": hour.forbidden,
                "failed": hour.failed,
            },
        })
    };
    Value::Array(routes.iter().map(route).collect()).to_string()
}
