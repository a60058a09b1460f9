//! How many files and sockets the process may have open.

use super::listener::ConnectionLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the system allows, and warns where the connections that the settings
/// allow would not fit.
pub(super) fn raise_limit(limits: &ConnectionLimits) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it may not be raised it stays.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let (Some(limit), Some(most)) = (getrlimit(Resource::Nofile).current, limits.max_connections)
    else {
        return;
    };
    // One for each client and one for its way to the app. Where HTTP/2 brings more requests, and the
    // limit is reached, new connections wait.
    let needed = u64::try_from(most).unwrap_or(u64::MAX).saturating_mul(2);
    if limit < needed {
        tracing::warn!(
            limit,
            needed,
            "the system allows fewer open files than server.max_connections may need: raise its \
             limit (ulimit -Hn, LimitNOFILE), or lower the setting"
        );
    }
}
