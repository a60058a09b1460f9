//! `/limits/`: who is slowed and why, and which networks are treated in a way of their own.

mod clear;
mod networks;

use super::chart::grouped;
use super::notice;
use super::page::Nav;
use super::refusal::Refusal;
use super::site::Site;
use crate::auth::{LimitView, LimitsShown, RefusalView};
use crate::clock::seconds_up;
use crate::gateway::ConsoleAnswer;
use http::StatusCode;
use maud::{Markup, html};
use std::time::Duration;

/// How many limits are shown.
const MOST: usize = 200;

/// `/limits/…`
pub(super) async fn answer(site: &Site<'_>, segments: &[&str]) -> Result<ConsoleAnswer, Refusal> {
    match segments {
        [] => {
            site.reads()?;
            page(site, &networks::Typed::default(), None).await
        }
        ["clear"] => clear::some(site).await,
        ["clear", "all"] => clear::all(site).await,
        ["networks"] => networks::rule(site).await,
        ["networks", "forget"] => networks::forget(site).await,
        _ => Err(Refusal::NotFound),
    }
}

/// The page, with what was typed and why it was not done.
async fn page(
    site: &Site<'_>,
    typed: &networks::Typed,
    problem: Option<&str>,
) -> Result<ConsoleAnswer, Refusal> {
    let shown = site.auth().limits_shown(MOST).await?;
    let refusals = site.auth().refusals();
    let networks = networks::section(site, typed, problem).await?;
    let body = html! {
        (notice::shown(&site.asked().query))
        @if problem.is_none() { (counted(site, &shown)) (refused(&refusals)) }
        (networks)
    };
    let answer = site.page(Nav::Limits, "Limits", &body);
    Ok(match (answer, problem) {
        (ConsoleAnswer::Whole(mut response), Some(_)) => {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            ConsoleAnswer::Whole(response)
        }
        (answer, _) => answer,
    })
}

/// What counts against limits in the store.
fn counted(site: &Site<'_>, shown: &LimitsShown) -> Markup {
    html! {
        section aria-labelledby="counted" {
            h2 id="counted" { "Who is slowed" }
            @if shown.limits.is_empty() {
                p.empty { "Nothing counts against a limit. Failed logins, registrations and the like \
                    are here while they count." }
            } @else {
                form method="post" action=(site.link("/limits/clear/")) {
                    (site.form_key())
                    div.table { (table(site, &shown.limits)) }
                    div.row.selected {
                        button { "Clear those selected" }
                        a.button href=(site.link("/limits/clear/all/")) { "Clear all…" }
                        @if shown.count > shown.limits.len() {
                            span.faint { "The first " (shown.limits.len()) " of " (grouped(count(shown))) "." }
                        }
                    }
                }
            }
        }
    }
}

fn count(shown: &LimitsShown) -> u64 {
    u64::try_from(shown.count).unwrap_or(u64::MAX)
}

fn table(site: &Site<'_>, limits: &[LimitView]) -> Markup {
    html! {
        table.cards aria-label="What counts against limits" {
            thead { tr {
                th scope="col" {
                    input type="checkbox" hidden data-ticks="limit" aria-label="Select all on this page";
                }
                th scope="col" { "Whose" }
                th scope="col" { "Why" }
                th scope="col" { "Refused for" }
                th scope="col" { span.hidden { "What to do" } }
            } }
            tbody {
                @for limit in limits {
                    @let (key, whose) = (limit.key(), whose(limit));
                    tr {
                        td.pick {
                            input type="checkbox" name="limit" value=(key)
                                aria-label=(format!("Select {} of {whose}", limit.limit));
                        }
                        td.long data-label="Whose" { (whose_linked(site, limit)) }
                        td data-label="Why" { (why(&limit.limit)) }
                        td data-label="Refused for" { (wait(limit.wait)) }
                        td.acts {
                            button.quiet name="one" value=(key)
                                aria-label=(format!("Clear {} of {whose}", limit.limit)) { "Clear" }
                            @if let Some(network) = limit.network() {
                                @let network: String = form_urlencoded::byte_serialize(network.as_bytes()).collect();
                                a href=(site.link(&format!("/limits/?network={network}#rule"))) { "Deny…" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn whose(limit: &LimitView) -> String {
    let account = match (&limit.username, limit.is_of_account()) {
        (Some(name), _) => Some(name.as_str()),
        (None, true) => Some("a name that nobody is known to have"),
        (None, false) => None,
    };
    match (account, limit.network()) {
        (Some(account), Some(network)) => format!("{account} from {network}"),
        (Some(account), None) => account.to_owned(),
        (None, _) => limit.whose.clone(),
    }
}

fn whose_linked(site: &Site<'_>, limit: &LimitView) -> Markup {
    let Some(name) = &limit.username else { return html! { (whose(limit)) } };
    let query: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    html! {
        span {
            a href=(site.link(&format!("/users/?q={query}"))) { bdi { (name) } }
            @if let Some(network) = limit.network() { " from " (network) }
        }
    }
}

/// What is limited, and the setting that says so.
fn why(limit: &str) -> Markup {
    let words = match limit {
        "login_failures_per_account" => "wrong passwords for one account",
        "login_failures_per_account_and_network" => {
            "wrong passwords for one account from one network"
        }
        "login_failures_per_network" => "wrong passwords from one network",
        "logins_per_account_and_network" => "logins of one account from one network",
        "registrations_per_network" => "registrations from one network",
        "unknown_tokens_per_network" => "tokens that nobody has, from one network",
        _ => "requests of a class",
    };
    html! { span { (words) " " code.faint { (limit) } } }
}

fn wait(wait: Option<Duration>) -> Markup {
    html! {
        @match wait {
            Some(wait) => span.badge.bad { (span_of(wait)) },
            None => span.faint { "not refused" },
        }
    }
}

/// A span, to its largest unit.
fn span_of(span: Duration) -> String {
    match seconds_up(span) {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds.div_ceil(60)),
        seconds => format!("{}h", seconds.div_ceil(3_600)),
    }
}

/// Whom this very gateway refuses.
fn refused(refusals: &[RefusalView]) -> Markup {
    html! {
        @if !refusals.is_empty() {
            section aria-labelledby="refused" {
                h2 id="refused" { "Refused by this gateway within the last minute" }
                div.table {
                    table.cards aria-label="Refused by this gateway" {
                        thead { tr {
                            th scope="col" { "Whose" }
                            th scope="col" { "Why" }
                            th scope="col" { "Refused for" }
                            th.number scope="col" { "Times" }
                        } }
                        tbody {
                            @for refusal in refusals.iter().take(MOST) {
                                tr {
                                    td.long data-label="Whose" {
                                        @if refusal.whose.is_empty() { "an account" } @else { (refusal.whose) }
                                    }
                                    td data-label="Why" { (why(&refusal.limit)) }
                                    td data-label="Refused for" { (wait(refusal.wait)) }
                                    td.number data-label="Times" { (grouped(refusal.count)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
