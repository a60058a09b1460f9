//! What would become of a request, as the page tells it.

use super::table::or_any;
use crate::gateway::{Explanation, Forwarded, Outcome, RouteWords, UpstreamView};
use http::{HeaderMap, Response};
use maud::{Markup, html};
use std::fmt::Write;

/// What would become of a request.
pub(super) fn told(explained: &Explanation, upstreams: &[UpstreamView]) -> Markup {
    html! {
        section.panel aria-label="What would become of it" role="status" {
            (outcome(&explained.outcome, upstreams))
            @if let Some(access) = explained.access() { p { "Access is " (access) "." } }
            (details(explained))
        }
        (considered(explained))
    }
}

fn outcome(outcome: &Outcome, upstreams: &[UpstreamView]) -> Markup {
    html! {
        @match outcome {
            Outcome::Answered(response) => h2 {
                span.badge.bad { (response.status().as_u16()) }
                " authgate answers it itself"
            },
            Outcome::Console => h2 { span.badge { "console" } " It is for this console" },
            Outcome::Endpoint => h2 {
                span.badge { "endpoint" }
                " authgate answers it, once it has read the body and asked the accounts"
            },
            Outcome::Forwarded(Forwarded { upstream, .. }) => h2 {
                span.badge.good { "passes" }
                @if let Some(upstream) = upstreams.get(*upstream) { " It goes to " (upstream.name) }
            },
        }
    }
}

fn details(explained: &Explanation) -> Markup {
    match &explained.outcome {
        Outcome::Answered(response) => html! { pre { (answer(explained, response)) } },
        Outcome::Forwarded(Forwarded { headers, method, target, .. }) => html! {
            p { "The app gets:" }
            pre { (method) " " (target) "\n" (lines(explained, headers)) }
        },
        Outcome::Console | Outcome::Endpoint => html! {},
    }
}

fn answer(explained: &Explanation, response: &Response<Vec<u8>>) -> String {
    let body = String::from_utf8_lossy(response.body());
    format!("{}\n{}\n{body}", response.status(), lines(explained, response.headers()))
}

fn lines(explained: &Explanation, headers: &HeaderMap) -> String {
    headers.iter().fold(String::new(), |mut lines, (name, value)| {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{name}: {}", explained.shown(name, value));
        lines
    })
}

/// Each route that has its path, and why it takes it or not.
fn considered(explained: &Explanation) -> Markup {
    let is_taken =
        |route| explained.route.as_ref().is_some_and(|taken| std::sync::Arc::ptr_eq(taken, route));
    html! {
        h2 { "Routes at or above this path" }
        @if explained.considered.is_empty() { p.empty { "No route has this path." } }
        @else {
            div.table {
                table.cards aria-label="Routes at or above this path, in the order of matching" {
                    thead { tr {
                        th scope="col" { "Path" }
                        th scope="col" { "Host" }
                        th scope="col" { "Methods" }
                        th scope="col" { "Headers" }
                        th scope="col" { "Access" }
                        th scope="col" { "Why" }
                    } }
                    tbody {
                        @for (route, why) in &explained.considered {
                            @let words = RouteWords::of(route, &[]);
                            tr {
                                td.long data-label="Path" { code { (words.path) } }
                                td data-label="Host" { (or_any(&words.host)) }
                                td data-label="Methods" { (or_any(&words.methods)) }
                                td data-label="Headers" { (or_any(&words.headers)) }
                                td data-label="Access" { (words.access) }
                                td data-label="Why" {
                                    @if is_taken(route) { span.good { (why) } } @else { (why) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
