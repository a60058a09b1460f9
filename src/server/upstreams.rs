//! How the upstreams are, for whoever asks by the control socket: as JSON, for the command line makes
//! a table of it.

use crate::gateway::{ServerState, ServerView, UpstreamView};
use serde_json::{Value, json};

/// How these upstreams are.
pub(super) fn in_json(upstreams: &[UpstreamView]) -> String {
    let upstream = |upstream: &UpstreamView| {
        json!({
            "name": upstream.name,
            "is_checked": upstream.is_checked,
            "max_in_flight": upstream.most_in_flight,
            "servers": upstream.servers.iter().map(server).collect::<Vec<_>>(),
        })
    };
    Value::Array(upstreams.iter().map(upstream).collect()).to_string()
}

fn server(server: &ServerView) -> Value {
    let (state, left, why) = match &server.state {
        ServerState::Down => ("down", None, None),
        ServerState::Ejected(left) => ("left out", Some(left.as_secs_f64()), None),
        ServerState::Unresolved(why) => ("not resolved", None, why.as_deref()),
        ServerState::Up => ("up", None, None),
    };
    let failed = server.last_failure.as_ref();
    json!({
        "written": server.written,
        "address": server.address,
        "tls": server.is_tls,
        "weight": server.weight,
        "in_flight": server.in_flight,
        "state": state,
        "left_out_for": left,
        "last_failure": failed.map(|failed| failed.why.as_str()).or(why),
        "last_failure_ago": failed.map(|failed| failed.ago.as_secs_f64()),
    })
}
