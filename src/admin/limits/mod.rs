//! `/limits/`: who is slowed and why, and which networks are treated in a way of their own.

mod clear;
mod networks;

use super::chart::grouped;
use super::notice;
use super::page::{Nav, with_status};
use super::refusal::Refusal;
use super::site::Site;
use crate::auth::{LimitView, LimitsShown, RefusalView};
use crate::clock::seconds_up;
use crate::gateway::ConsoleAnswer;
use crate::model::limit::LimitKind;
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
    if problem.is_none() {
        return Ok(answer);
    }
    Ok(with_status(answer, StatusCode::BAD_REQUEST))
}

/// What counts against limits in the store: first those who are refused for it.
fn counted(site: &Site<'_>, shown: &LimitsShown) -> Markup {
    let (refused, others): (Vec<_>, Vec<_>) =
        shown.limits.iter().partition(|limit| limit.wait.is_some());
    html! {
        form method="post" action=(site.link("/limits/clear/")) {
            (site.form_key())
            section aria-labelledby="slowed" {
                h2 id="slowed" { "Refused now" }
                @if refused.is_empty() { p.empty { "No limit refuses anyone at present." } }
                @else { (table(site, &refused, "Who is refused now")) }
            }
            section aria-labelledby="counted" {
                h2 id="counted" { "What counts against limits" }
                @if others.is_empty() {
                    p.empty { "Nothing counts that is not refused. Failed logins, registrations and the \
                        like are here while they count." }
                } @else { (table(site, &others, "What counts against limits")) }
            }
            @if !shown.limits.is_empty() {
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

fn count(shown: &LimitsShown) -> u64 {
    u64::try_from(shown.count).unwrap_or(u64::MAX)
}

fn table(site: &Site<'_>, limits: &[&LimitView], label: &str) -> Markup {
    let is_refused = limits.iter().any(|limit| limit.wait.is_some());
    html! {
        div.table {
            table.cards aria-label=(label) {
                thead { tr {
                    th scope="col" {
                        input type="checkbox" hidden data-ticks="limit"
                            aria-label=(if is_refused { "Select all who are refused" } else { "Select all others" });
                    }
                    th scope="col" { "Whose" }
                    th scope="col" { "Why" }
                    @if is_refused { th scope="col" { "Refused for" } }
                    th scope="col" { span.hidden { "What to do" } }
                } }
                tbody { @for limit in limits { (row(site, limit)) } }
            }
        }
    }
}

fn row(site: &Site<'_>, limit: &LimitView) -> Markup {
    let (key, whose) = (limit.key(), whose(limit));
    html! {
        tr {
            td.pick {
                input type="checkbox" name="limit" value=(key)
                    aria-label=(format!("Select {} of {whose}", limit.limit));
            }
            td.long data-label="Whose" { (whose_linked(site, limit)) }
            td data-label="Why" { (why(&limit.limit)) }
            @if limit.wait.is_some() { td data-label="Refused for" { (wait(limit.wait)) } }
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
    let words = match LimitKind::named(limit) {
        LimitKind::ConsoleCodesPerUser => "wrong codes of one user\u{2019}s authenticator app",
        LimitKind::ConsoleFailuresPerAccount => "wrong passwords for one account, at the console",
        LimitKind::ConsoleFailuresPerAccountAndNetwork => {
            "wrong passwords for one account from one network, at the console"
        }
        LimitKind::ConsoleFailuresPerNetwork => "wrong passwords from one network, at the console",
        LimitKind::LoginFailuresPerAccount => "wrong passwords for one account",
        LimitKind::LoginFailuresPerAccountAndNetwork => {
            "wrong passwords for one account from one network"
        }
        LimitKind::LoginFailuresPerNetwork => "wrong passwords from one network",
        LimitKind::LoginsPerAccountAndNetwork => "logins of one account from one network",
        LimitKind::RegistrationsPerNetwork => "registrations from one network",
        LimitKind::Requests => "requests of a class",
        LimitKind::UnknownTokensPerNetwork => "tokens that nobody has, from one network",
    };
    html! { span { (words) " " code.faint { (limit) } } }
}

fn wait(wait: Option<Duration>) -> Markup {
    html! {
        @match wait {
            Some(wait) => span.badge.bad { (span_of(wait)) },
            None => span.faint { "no more" },
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
