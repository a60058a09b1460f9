//! `/`: what needs attention, and what is going on.

use super::attention;
use super::chart::{Chart, Layer, grouped};
use super::page::{Nav, moment};
use super::refusal::Refusal;
use super::site::Site;
use crate::auth::{History, Tallies};
use crate::gateway::ConsoleAnswer;
use crate::store::{Census, Series};
use maud::{Markup, html};

/// `/`
pub(super) async fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let found = site.auth().overview().await;
    let history = found.history.as_ref().ok();
    let body = html! {
        (attention::list(site, &found))
        (figures(site, found.census.as_ref().ok(), history))
        @match history {
            Some(history) => (charts(history)),
            None => p.empty { "The store cannot tell at present what happened over time." },
        }
        @if let Ok(inspection) = &found.inspection {
            p.faint { "Store: " (inspection.summary) }
        }
    };
    Ok(site.page(Nav::Overview, "Overview", &body))
}

fn figures(site: &Site<'_>, census: Option<&Census>, history: Option<&History>) -> Markup {
    let hour = history.map(|history| Tallies::sum(&history.hour));
    html! {
        section aria-labelledby="figures" {
            h2 id="figures" { "At present" }
            div.panels.figures {
                @if let Some(census) = census {
                    (figure("Users", census.users, &site.link("/users/"), &html! {
                        (grouped(census.staff)) " staff, " (grouped(census.inactive)) " inactive"
                    }))
                    (figure("Live tokens", census.tokens, &site.link("/tokens/"), &html! {
                        "as of " (moment(census.at))
                    }))
                }
                @if let Some(hour) = hour {
                    @let (ok, failed) = (hour.of(Series::LoginsOk), hour.of(Series::LoginsFailed));
                    (figure("Logins, last hour", ok, &site.link("/events/?name=login_succeeded"), &html! {
                        span.bad[failed > 0] { (grouped(failed)) " failed" }
                        span { "with " a href=(site.link("/events/?name=console_signed_in")) { "sign-ins here" } }
                    }))
                    (figure("Requests, last hour", requests(&hour), &site.link("/routes/"), &html! {
                        @for (place, (label, series)) in STATUSES.into_iter().enumerate() {
                            @if place > 0 { " · " }
                            (label) " " (grouped(hour.of(series)))
                        }
                    }))
                }
            }
        }
    }
}

const STATUSES: [(&str, Series); 4] = [
    ("401", Series::Unauthorized),
    ("403", Series::Forbidden),
    ("429", Series::Throttled),
    ("5xx", Series::Requests(5)),
];

fn figure(label: &str, number: u64, link: &str, more: &Markup) -> Markup {
    html! {
        div.panel {
            p.label { a href=(link) { (label) } }
            p.figure { (grouped(number)) }
            p.faint.more { (more) }
        }
    }
}

fn requests(tallies: &Tallies) -> u64 {
    let all: Vec<Series> = REQUESTS.iter().flat_map(|layer| layer.series).copied().collect();
    tallies.of_all(&all)
}

const LOGINS: [Layer; 2] = [
    Layer { class: "s1", label: "succeeded", series: &[Series::LoginsOk] },
    Layer { class: "s3", label: "failed", series: &[Series::LoginsFailed] },
];

const REQUESTS: [Layer; 4] = [
    Layer { class: "s1", label: "2xx", series: &[Series::Requests(2)] },
    Layer { class: "s4", label: "3xx", series: &[Series::Requests(3)] },
    Layer {
        class: "s2",
        label: "4xx",
        series: &[Series::Requests(4), Series::Unauthorized, Series::Forbidden, Series::Throttled],
    },
    Layer { class: "s3", label: "5xx", series: &[Series::Requests(5)] },
];

fn charts(history: &History) -> Markup {
    let (minute, quarter) = ("a minute", "a quarter of an hour");
    let History { day, hour, .. } = history;
    let charts = [
        Chart {
            id: "logins-hour",
            layers: &LOGINS,
            per: minute,
            spans: hour,
            title: "Logins, last hour",
        },
        Chart {
            id: "logins-day",
            layers: &LOGINS,
            per: quarter,
            spans: day,
            title: "Logins, last day",
        },
        Chart {
            id: "requests-hour",
            layers: &REQUESTS,
            per: minute,
            spans: hour,
            title: "Requests by status, last hour",
        },
        Chart {
            id: "requests-day",
            layers: &REQUESTS,
            per: quarter,
            spans: day,
            title: "Requests by status, last day",
        },
    ];
    html! {
        section aria-labelledby="charts" {
            h2 id="charts" { "Over time " small.faint data-zone { "in UTC" } }
            div.panels.charts { @for chart in &charts { (chart.draw()) } }
        }
    }
}
