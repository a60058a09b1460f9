//! How the apps are, as this gateway has found them.

use super::span;
use crate::gateway::{ServerState, ServerView, UpstreamView};
use maud::{Markup, html};

/// A panel for each upstream.
pub(super) fn panels(upstreams: &[UpstreamView]) -> Markup {
    html! {
        h2 { "Upstreams" }
        div.panels { @for upstream in upstreams { (panel(upstream)) } }
    }
}

fn panel(upstream: &UpstreamView) -> Markup {
    let (up, all) = (upstream.up(), upstream.servers.len());
    let (class, words) = match (up, all) {
        (_, 0) | (0, _) => ("bad", "no server is up".to_owned()),
        (1, 1) => ("good", "up".to_owned()),
        _ if up == all => ("good", format!("all {all} up")),
        _ => ("warn", format!("{up} of {all} up")),
    };
    html! {
        section.panel aria-label=(format!("Upstream {}", upstream.name)) {
            div.row.between {
                h3.flush { (upstream.name) }
                span class=(format!("badge {class}")) { (words) }
            }
            ul.servers { @for one in &upstream.servers { (server(one, upstream.most_in_flight)) } }
            p.hint {
                @if upstream.is_checked { "Its servers are asked how they are." }
                @else { "There are no health checks: a server is left out when it fails requests." }
            }
        }
    }
}

fn server(server: &ServerView, most: Option<usize>) -> Markup {
    let place = server.address.as_deref().unwrap_or(&server.written);
    html! {
        li {
            div.row.between {
                span {
                    code { @if server.is_tls { "https://" } (place) }
                    @if server.address.is_some() && place != server.written {
                        " " span.faint { "of " (server.written) }
                    }
                    @if server.weight > 1 { " " span.faint { "weight " (server.weight) } }
                }
                (state(&server.state))
            }
            p.hint {
                (server.in_flight) @if let Some(most) = most { " of at most " (most) } " requests in flight"
                @if let ServerState::Unresolved(Some(why)) = &server.state { "; " (why) }
                @if let Some(failed) = &server.last_failure {
                    "; " (span(failed.ago)) " ago: " (failed.why)
                }
            }
        }
    }
}

fn state(state: &ServerState) -> Markup {
    html! {
        @match state {
            ServerState::Down => span.badge.bad { "down: health check" },
            ServerState::Ejected(left) => span.badge.bad { "left out for " (span(*left)) },
            ServerState::Unresolved(_) => span.badge.bad { "name not resolved" },
            ServerState::Up => span.badge.good { "up" },
        }
    }
}
